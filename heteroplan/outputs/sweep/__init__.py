"""A study as people and scripts see it: its table, its document, and a summary for a terminal.

In comes a `SweepDocument` (`document`). `figures` and `labels` are the words that terminal (`text`,
`swings_text`, `samples`) and page (`page`) share; `tornado`, `frontier_charts`, `heat_map` and
`spread` are the page's pictures, each with its table; `table` writes CSV, Parquet and frames.
"""
