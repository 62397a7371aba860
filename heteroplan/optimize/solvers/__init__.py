"""Runs HiGHS, or another solver, through PuLP.

`solver` runs it and returns a verdict, `other_solvers` finds others by name.
"""
