"""Shared by all outputs: number formats, tables, charts, pages, files.

`words` formats numbers and sentences, `terminal` and `tables` print them, `plot` and `clock_ticks`
draw axes, `page` is a self-contained HTML file, `files` writes whole files or none, `frames`
makes columns of pandas frames.
"""
