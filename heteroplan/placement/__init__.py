"""Pool sizes -> which replica stands on which leaf and nodes, in every interval.

`runs` says when each replica serves, `nodes` keeps which GPUs are free when, `attempt` places
the runs of one part of the fleet in one order. Where they do not all fit whole, `sweep` goes
through the day (`day`) and chooses in each interval who stops, `seam` closes a cyclic day and
`laps` sweeps it several times. `identity` says which pieces are one replica, `pack` tries these
ways and names the result, `rehouse` finds who stands in for what finds no room, `settle` plans
the rest anew.
"""

from heteroplan.placement.pack import Homeless, Packing, pack

__all__ = ["Homeless", "Packing", "pack"]
