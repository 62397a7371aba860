"""What to buy or rent: the nodes of a fleet as a decision of the program that plans on it.

`size` is the call. `offered` are offers beside their scenario, `potential` the program on as many
nodes as wanted, `program` the nodes that it needs, `spot` those that may be taken away, `site`
where they stand, `starts` at which replicas a plan begins, `division` on nodes of which offer these
stand, `planned` a plan on them, `together` fewer node-hours of it, `chains` single replicas of
these, `bill` the cost. `counts` are numbers of nodes, `attempts` those that are tried, `bought` in
which order, `rented` those by the hour; `search` the method, `outcome` the result. `purchase` has
what a planner asks around one size.
"""

from heteroplan.sizing.search import size

__all__ = ["size"]
