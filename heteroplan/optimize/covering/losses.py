"""The loss of a node or of a domain in a block: what may be served so that enough is left.

`NodeLoss` knows one group; `LeastLost` is a bound where the pools of many are added up.
"""

from dataclasses import dataclass, replace

import numpy as np

from heteroplan.optimize.program.problem import Floats, Ints, on_a_node


@dataclass(frozen=True, slots=True, eq=False)
class NodeLoss:
    """Resilience of one group: with any one node lost, `serve` of what is served still is."""

    serve: float
    gpus: Ints
    """[E] GPUs of a replica on one node."""
    nodes: tuple[tuple[tuple[int, ...], int], ...]
    """For each node type: the engines on it, and the GPUs of a node."""

    def types(self) -> Ints:
        """[E] number of the node type that an engine stands on."""
        found = np.full(len(self.gpus), -1)
        for m, (members, _) in enumerate(self.nodes):
            found[list(members)] = m
        return found

    def replicas(self) -> Ints:
        """[E] that one node takes away at most."""
        found = np.zeros_like(self.gpus)
        for members, node_gpus in self.nodes:
            for e in members:
                found[e] = on_a_node(int(self.gpus[e]), node_gpus)
        return found


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
