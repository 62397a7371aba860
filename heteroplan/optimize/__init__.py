"""The integer program and the method that solves it; the only package that knows the solver.

`problem` holds sets and coefficients, `build` and `supply` make them from a scenario, `model` is
the whole program as one MIP (the reference), `promise` its rows of resilience. `solve` is the
method, its docstring the outline. Ingredients, one a module: `blocks` (covering by dynamic
programming), `bound` (prices and the proof), `relaxation` (the LP), `mix`, `home`, `place` and
`primal` (plans), `polish` (small MIPs), `mend` (plans that lost something), `scarce` (the third
objective), `search` (state and clock), `solver` (HiGHS), `static` (the constant baseline).
"""
