"""HiGHS through PuLP: the only place that knows a solver.

`solver` runs it and returns a verdict, `other_solvers` finds others by name, `quiet` keeps their
output off standard output.
"""
