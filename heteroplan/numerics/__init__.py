"""Numerical helpers: compiled loops, root finding, tolerances.

`compiling` compiles loops with numba, `root_finding` finds the largest value that meets a limit,
`tolerances` says how exactly numbers are taken where several modules must agree. Nothing here knows
what the numbers stand for.
"""
