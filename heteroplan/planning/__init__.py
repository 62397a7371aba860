"""Plans one scenario: optimises, places, verifies, and compares with baselines.

`make` runs the stages. `flow` and `assemble` make the solver's arrays a plan; `limits`, `shortage`
and `minima` say what limits it, why demand is unserved, and which minima cannot be kept.
`first_use` compiles loops before a clock counts.
"""

from heteroplan.planning.make import make_plan

__all__ = ["make_plan"]
