"""Improves a plan: repair, sweeps, and small integer programs.

`repair` serves what a plan leaves unserved by local moves, `sweeps` places each workload again,
`two_groups` divides demand anew between two groups (in the loops of `divisions`), `by_class` a
workload's classes among engines. `polish` solves small MIPs around the plan, `scarce` spares mixed
hardware at the same cost. `last_pass` spares changes of pool sizes within the gap, and makes plans
keep `min_run` and `max_changes` (pool by pool in `kept_sizes`, workload by workload in `level`);
`handover` lets old pools serve until new ones can.
"""
