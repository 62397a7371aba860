"""A signal study, as people and scripts see it.

In comes a `simulation.study.results.SignalStudy`. To read in this order: `figures`, the tables and
sentences that terminal and page share; `document` (JSON), `text` (terminal), `charts` and `page`
(HTML), `files` (CSV and pandas).
"""
