"""A plan as a person or a script sees it.

All read a `PlanDocument` of `document`. `sentences` says what it means in words, `places` where
replicas stand. On the terminal: `console` with `pool_lines` and `leaf_table`, `explanation`. As
files: `report` with `report_charts`, `schedule_csv`, `placement_csv`, `solve_trace`.
`check_report` is the CI gate's report.
"""
