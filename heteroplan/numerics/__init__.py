"""Numerical helpers: compiled loops, root finding, tolerances.

`compiling` compiles loops with numba, `root_finding` finds the largest value that meets a limit,
`division` divides where there may be a 0, `tolerances` says how exactly numbers are taken where
several modules must agree. Nothing here knows what the numbers stand for.
"""
