"""Numbers without a meaning of their own: compiled loops and root finding.

`compiling` compiles loops with numba, `greatest` finds the largest load that keeps to a limit.
Nothing here knows what the numbers stand for.
"""
