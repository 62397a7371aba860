"""Policies on requests, as people and scripts see them.

In comes a `simulation.results.Replay`, with its requests where they were simulated one by one. To
read in this order: `rows`, the figures of each interval and request that files and frames hold;
`figures`, the deciding numbers and sentences that terminal and page share; `document` (JSON),
`text` (terminal), `charts` and `page` (HTML), `files` (CSV and Parquet), `frames` (pandas);
`progress` is what one sees before.
"""
