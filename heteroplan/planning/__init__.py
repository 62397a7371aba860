"""Plans one scenario: optimises, places, verifies, and compares with baselines.

`make` runs the stages. `flow` and `assemble` make the solver's arrays a plan; `limits` and
`shortage` say what limits it and why demand is unserved. `first_use` compiles loops before a clock
counts.
"""

from heteroplan.planning.make import make_plan

__all__ = ["make_plan"]
