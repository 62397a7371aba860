"""Bytes and text of input files -> plain data, bounded and with line numbers.

`input_files` reads each file once and hashes it, `input_size` bounds what may be held,
`yaml_bounds` looks through YAML before it is parsed and `yaml_source` parses it with the lines of
its fields.
`csv_rows` reads the form of CSV files, `durations` and `local_time` the words for time in them.
What the data mean is said in `inputs`, `forecasting` and `profiles`.
"""
