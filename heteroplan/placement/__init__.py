"""Pool sizes -> which replica stands on which leaf and nodes, in every interval.

`runs` says when each replica serves, `nodes` keeps which GPUs are free when, `attempt` places
the runs of one part of the fleet in one order, `identity` says which pieces are one replica,
`pack` tries orders and names the result, `settle` plans anew what finds no room.
"""

from heteroplan.placement.pack import Homeless, Packing, pack

__all__ = ["Homeless", "Packing", "pack"]
