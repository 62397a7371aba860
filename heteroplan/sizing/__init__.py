"""What to buy or rent: the nodes of a fleet as a decision of the program that plans on it.

`size` is the call. `potential` are offers beside their scenario, and the program on as many nodes
as wanted; `program` the nodes that it needs, `spot` those that may be taken away, `rented` those by
the hour; `site` where they stand, `starts` at which replicas a plan begins, and on nodes of which
offer, `planned` a plan on them, `together` fewer node-hours of it. `counts` are numbers of nodes,
`attempts` those that are tried, `search` in which order, `outcome` the result and its cost.
`purchase` has what a planner asks around one size.
"""

from heteroplan.sizing.search import size

__all__ = ["size"]
