"""Shared by all outputs: number formats, tables, charts, pages, files.

`words` formats numbers and sentences, `promises` says what workloads are promised, `terminal` and
`tables` print them, `plot` and `clock_ticks` draw axes, `line_chart` lines over time in characters,
`page` is a self-contained HTML file, `time_axis` the time of its charts, `files` writes whole files
or none, `frames` makes columns of pandas frames.
"""
