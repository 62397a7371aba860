"""Pool sizes -> which replica stands on which leaf and nodes, in every interval.

`runs` says when each replica serves, `nodes` keeps which GPUs are free when, `attempt` places
the runs of one part of the fleet in one order. Where they do not all fit whole, `sweep` goes
through the day (`day`) and chooses in each interval who stops, `seam` closes a cyclic day and
`laps` sweeps it several times, between which nodes that hold the same exchange what comes after
(`align`), so that the day ends as it began. `identity` says which pieces are one replica, `pack`
tries these ways and names the result. For what finds no room others stand in or make room
(`rehouse`, on the nodes as they are then: `free_capacity`); `settle` plans the rest anew.
"""

from heteroplan.placement.pack import Packing, Unplaced, pack

__all__ = ["Packing", "Unplaced", "pack"]
