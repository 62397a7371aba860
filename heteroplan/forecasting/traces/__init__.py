"""Trace files -> requests, or request counts per time window.

In the order of reading: `source` opens a file and sees its beginning, `head` says how it is
written, `recognition` finds its format among those in `formats`, of which `trace_format` says what
each tells. `csv_batches`, `json_batches` and `parquet_batches` read columns of any such file block
by block (`lines`, `ahead`), `rows`, `values` and `wall_clock` make `requests` of them, and
`windows_table` reads the tables of windows.
"""
