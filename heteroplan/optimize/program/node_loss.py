"""The most that is lost with one node, whatever stands on it."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from heteroplan.optimize.program.problem import Floats


def most_on_a_node(node_gpus: int, reach: Sequence[Floats], per_gpu: Sequence[Floats]) -> Floats:
    """[t, ...] greatest share of the demand that the replicas on one node may serve.

    `reach` [t, ...] is what all replicas of each engine serve, `per_gpu` [t, ...] what one GPU of
    them does; one engine at least. For any price a GPU a node takes at most

        node GPUs · price + Σ reach · max(0, 1 - price / per GPU)

    the dual of what it holds, least at 0 or where the price is what a GPU of some engine serves.
    """
    worth = [np.where(each > 0, each, 1.0) for each in per_gpu]

    def taken(price: Floats) -> Floats:
        value = node_gpus * price
        for mine, each in zip(reach, worth, strict=True):
            value = value + mine * np.maximum(0.0, 1.0 - price / each)
        return value

    return reduce(np.minimum, map(taken, (0.0 * per_gpu[0], *per_gpu)))
