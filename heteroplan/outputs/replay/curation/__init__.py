"""A curation as people and scripts see it.

In comes a `simulation.curation.results.Curation`. To read in this order: `figures`, its sentences
and tables; `document` (JSON), `text` (terminal), `page` (HTML), `rows` (CSV of trials, frames).
"""
