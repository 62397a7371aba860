"""Improves a plan: repair, sweeps, and small integer programs.

`repair` serves what a plan leaves unserved by local moves, `sweeps` places each workload again,
`two_groups` divides demand anew between two groups, `polish` solves small MIPs around the plan,
`scarce` spares mixed hardware at the same cost. `last_pass` ends a search: `fewer_changes` spares
changes of pool sizes within the gap, `kept_sizes` makes plans keep `min_run` and `max_changes`.
"""
