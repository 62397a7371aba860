"""The loss of a node or of a domain in a block: what may be served so that enough is left.

`NodeLoss` knows one group; `LeastLost` is a bound where the pools of many are added up.
"""

from dataclasses import dataclass, replace

import numpy as np

from heteroplan.optimize.program.problem import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class NodeLoss:
    """Resilience of one group: with any one node lost, `serve` of what is served still is."""

    serve: float
    gpus: Ints
    """[E] GPUs of a replica on one node."""
    node: Ints
    """[E] number of the node type that an engine stands on."""
    node_gpus: Ints
    """[M] of a node of each type."""

    def replicas(self) -> Ints:
        """[E] that one node takes away at most."""
        return np.asarray(np.maximum(1, self.node_gpus[self.node] // self.gpus))


ALL_OF_THEM = 10**9
"""Replicas that a loss takes away where it takes all."""


@dataclass(frozen=True, slots=True, eq=False)
class LeastLost:
    """What is lost at least of engines whose pools are added up, whichever node or domain it is.

    Of n replicas in D places one has n / D or more, and loses so many or as many as a node holds.
    """

    serve: Floats
    """[T] share of the demand that must still be served."""
    places: Ints
    """[E] pools of which each may lose a node, or domains that may be lost."""
    replicas: Ints
    """[E] that one node takes away, the fewest of all pools; or `ALL_OF_THEM` of a domain."""

    def of(self, engines: list[int]) -> "LeastLost":
        """Of some engines."""
        return replace(self, places=self.places[engines], replicas=self.replicas[engines])

    def spare(self, counts: Ints) -> Ints:
        """[E, *] replicas that are of use beside counts [E, *] that serve enough."""
        places, replicas = self.places[:, None], self.replicas[:, None]
        others = np.minimum(replicas, -(-counts // np.maximum(1, places - 1)) + 1)
        alone = np.where(replicas < ALL_OF_THEM, replicas, 0)
        return np.asarray(np.where(places > 1, others, alone))
