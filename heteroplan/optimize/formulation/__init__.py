"""Builds the integer program, whole or in part, for the solver.

`model` has its variables and equations, and reads its solutions and duals; the rows of its limits
are in `rules`.
"""
