"""Input files -> plain data with line numbers, within size limits.

What comes in are paths, streams and texts; what goes out are bytes, rows, documents, numbers and
moments, or an `InputError` that names file, line, field, value and remedy. What the data mean is
said in `inputs`, `forecasting` and `profiles`.

In the order of reading: `byte_streams` opens a file and unpacks it, `input_files` reads the files
of a scenario once and hashes them, `input_size` bounds what is held; `csv_rows` reads tables and
`yaml_source` documents, and `file_problems` gathers what is wrong with a file. `numbers`,
`durations` and `local_time` read single values. `formats` is the registry of file formats;
`collecting` spares large files Python's search for garbage.
"""
