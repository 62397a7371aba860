"""Lower bounds on cost and on unserved demand, valid for every plan.

`bound` proves one at any prices by exact blocks. Prices come from LPs: `relaxation` of the whole,
`lp_prices` of parts, and at these `own_starts` of single workloads; `balancing` improves them
against the blocks. `own_supply` proves more of large workloads, `own_intervals` of those with
classes or rules that blocks let go. `bounding` does that in rounds, beside the search unless one
MIP comes first. `least_short` proves shortage, `minima` that minimum replicas cannot be kept.
"""
