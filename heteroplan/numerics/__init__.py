"""Numbers without a meaning of their own: compiled loops and root finding.

`compiling` compiles loops with numba, `root_finding` finds the largest value
that meets a limit. Nothing here knows what the numbers stand for.
"""
