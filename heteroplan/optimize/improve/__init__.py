"""Improves a plan: repair, sweeps, and small integer programs.

`repair` serves what a plan leaves unserved by local moves, `sweeps` places each workload again,
`two_groups` divides demand anew between two groups, `polish` solves small MIPs around the plan,
`scarce` spares mixed hardware at the same cost.
"""
