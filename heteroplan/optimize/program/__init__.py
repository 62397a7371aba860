"""The integer program as arrays: sets, coefficients, and the cost of a solution.

`problem` defines them, `build` and `supply` make them from a checked scenario, `coarser` makes
smaller programs of them. `mix` is flow in which all classes of a workload share alike, `sizes` what
pools of each size serve, `transitions` starts and changes, `before` the handover. `prices` are the
multipliers at which workloads and groups fall apart.
"""
