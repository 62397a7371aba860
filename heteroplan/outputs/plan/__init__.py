"""A plan as a person or a script sees it.

`plan_document` is plan.json as a type, `plan_json` writes and reads it, `plan_checks` whether its
parts agree. On the terminal: `console`, `pool_lines`, `leaf_table`, `explanation`. As files:
`report` with `report_charts`, `schedule_csv`, `placement_csv`, `solve_trace`. `places` says where
replicas are, `check_report` is the CI gate's report. `frames` are all of these as
pandas frames.
"""
