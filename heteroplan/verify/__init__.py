"""Checks a plan against its inputs; shares no code with the optimiser.

`plan_index` is what rules look up, `plan` has the rules of pools, `topology` those of groups and
losses, `placement` those of nodes.
"""

from heteroplan.verify.plan import verify

__all__ = ["verify"]
