"""Outputs of a plan: terminal text, report.html, CSV files and pandas frames.

All read a `PlanDocument` of `document`. `sentences` says what it means in words, `places` where
replicas stand, `egress_lines` what crosses between regions. On the terminal: `console` with
`pool_lines` and `leaf_table`, `explanation`. As files: `report` with `report_charts`,
`schedule_csv`, `placement_csv`, `solve_trace`. As pandas frames: `frames`. `check_report` is the CI
gate's report.
"""
