"""A stress test of a plan, as people and scripts see it.

In comes a `simulation.stress.results.Stress`. To read in this order: `figures`, the table and
sentences that terminal and page share; `document` (JSON), `text` (terminal), `page` (HTML, with its
chart), `files` (CSV and pandas).
"""
