"""Pool sizes -> the leaf and nodes of each replica, in every interval.

`lifetimes` says when each replica serves, `nodes` keeps which GPUs are free when (`before`: and
which of them what ran before the horizon holds until then), `first_fit`
places the replicas of one part of the fleet in one order. Where not all fit whole, `day_sweep` goes
through the day and chooses in each interval which replica stops. `identity` says which pieces are
one replica, `pack` tries these ways and names the result. For what found no nodes, `substitution`
finds other replicas; `settle` plans the rest anew.
"""

from heteroplan.placement.first_fit import Unplaced
from heteroplan.placement.pack import Packing, pack

__all__ = ["Packing", "Unplaced", "pack"]
