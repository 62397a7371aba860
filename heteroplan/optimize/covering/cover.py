"""The covering block of one interval: an integer covering knapsack, solved depth-first.

    min  Σ_e [ price[e]·n[e] + start[e]·max(0, n[e] - before[e]) ] + penalty·missing
    over integers low[e] <= n[e] <= high[e],  missing = max(0, need - Σ_e share[e]·n[e])

1. Each engine is two items: replicas up to `before` at the price of running, more of them at
   the price of running and starting. Starts are never paid back, so a cheapest cover fills the
   first before it touches the second, and the items need not know of each other.
2. Items are taken in the order of what they cost a share of the demand. What is left to cover,
   filled with the items that follow in fractions, and by `penalty` where that is cheaper, bounds
   every completion (Dantzig 1957).
3. Taking one replica less of the cheapest item left never lowers that bound unless the item
   alone covered the rest, so the open nodes of a level stand behind the first of them.
4. The search is cut off after a number of nodes; the least bound of an open node then holds.

No grid: any number of engines.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, inf

import numpy as np

from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.covering.blocks import Block, Path, block_cost

NODES = 20_000
"""Nodes after which the search of one block is cut off, beside those that find a first cover."""
NOISE = 1e-12
"""Relative rounding of sums of costs: a bound this close to the best cover cannot improve on it."""


@dataclass(frozen=True, slots=True)
class Item:
    """Replicas of one engine that cost the same."""

    engine: int
    cost: float
    """Of a replica, >= 0."""
    share: float
    """Of the demand that a replica serves, > 0."""
    most: int


@dataclass(frozen=True, slots=True)
class Cover:
    """The best cover found by items, and what was proved of it."""

    counts: list[int]
    """Of each item."""
    cost: float
    """inf where nothing covers."""
    bound: float
    """No cover costs less."""


def is_cover(block: Block) -> bool:
    """Whether a block has one interval, all engines on one side, and no limit that may bind.

    Limits that demand or `high` keep anyway do not count.
    """
    if len(block.need) != 1 or len(block.all_sides()) > 1 or not block.all_sides().all():
        return False
    if block.node_loss is not None or block.filling is not None or (block.start < 0).any():
        return False
    if block.change is not None and block.before is not None:
        return False
    most, weight, room = block.most, block.weight, block.room
    may_bind = (most is not None and block.high.sum() > most[0]) or (
        weight is not None and room is not None and (weight @ block.high > room).any()
    )
    kept_anyway = max(int(block.low.sum()), _fewest_that_cover(block))
    return not may_bind and bool(block.fewest[0] <= kept_anyway)


def cheapest_cover(block: Block, *, cyclic: bool, nodes: int = NODES) -> Path | None:
    """The cheapest counts of a block for which `is_cover`; None where none meets `need`.

    In a cyclic day of one interval nothing starts, nor does it where `before` is not known.
    The bound is below the cost where the search was cut off.
    """
    if (block.low > block.high).any():
        return None
    counts = block.low[:, 0].copy()
    items: list[Item] = []
    for item in _items(block, starts_cost=block.before is not None and not cyclic):
        if item.cost < 0:
            counts[item.engine] += item.most
        elif item.share > 0:
            items.append(item)
    need = float(block.need[0] - block.share[:, 0] @ counts)
    penalty = float(np.broadcast_to(block.penalty, (1, 1))[0, 0])
    found = cover(items, need, penalty, len(items) + nodes)
    if found.cost == inf:
        return None
    for item, taken in zip(items, found.counts, strict=True):
        counts[item.engine] += taken
    cost = block_cost(block, counts[:, None], cyclic=cyclic)
    return Path(counts[:, None], cost, cost - (found.cost - found.bound))


def cover(items: Sequence[Item], need: float, penalty: float, nodes: int) -> Cover:
    """The cheapest numbers of `items` that serve `need`, `penalty` for all that they leave."""
    useful = [i for i, item in enumerate(items) if item.cost < penalty * item.share]
    order = sorted(useful, key=lambda i: (items[i].cost / items[i].share, i))
    search = _Search([items[i] for i in order], need, penalty)
    search.run(nodes)
    counts = [0] * len(items)
    for i, taken in zip(order, search.best, strict=True):
        counts[i] = taken
    return Cover(counts, search.cost, search.bound)


def _fewest_that_cover(block: Block) -> int:
    """Replicas that any cover has; 0 where demand may be left."""
    share = float(block.share.max(initial=0.0))
    need = float(block.need[0]) - COVER_TOLERANCE
    if np.isfinite(block.penalty).any() or share <= 0 or need <= 0:
        return 0
    return ceil(need / share)


def _items(block: Block, *, starts_cost: bool) -> list[Item]:
    """Replicas above `low` that run already, and those that would start, engine by engine."""
    items = []
    for e in range(len(block.low)):
        price, start, share = (
            float(each[e, 0]) for each in (block.price, block.start, block.share)
        )
        low, high = int(block.low[e, 0]), int(block.high[e, 0])
        running = high if not starts_cost or block.before is None else int(block.before[e])
        kept = min(max(running, low), high)
        items.append(Item(e, price, share, kept - low))
        items.append(Item(e, price + start, share, high - kept))
    return [item for item in items if item.most > 0]


@dataclass(slots=True)
class _Node:
    """Items before `item` are decided; `item` is to be taken at most `most` times."""

    item: int
    most: int
    need: float
    """Left before `item` is taken."""
    cost: float
    bound: float
    """Of all completions with at most `most`."""


@dataclass(slots=True)
class _Search:
    """Depth-first over items in the order of what they cost a share of the demand."""

    items: list[Item]
    need: float
    penalty: float
    best: list[int] = field(init=False)
    """Of each item."""
    cost: float = inf
    bound: float = inf
    shares: list[float] = field(init=False)
    """What the items before each serve together; `costs` what they cost."""
    costs: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.best = [0] * len(self.items)
        self.shares = [0.0, *accumulate(item.share * item.most for item in self.items)]
        self.costs = [0.0, *accumulate(item.cost * item.most for item in self.items)]

    def run(self, nodes: int) -> None:
        """Search until nothing is open or `nodes` have been taken; sets best, cost and bound."""
        taken = [0] * len(self.items)
        opened = self._opened(0, self.need, 0.0, taken)
        while opened and nodes > 0:
            node = opened.pop()
            if not self._improves(node.bound):
                continue
            nodes -= 1
            item = self.items[node.item]
            taken[node.item] = node.most
            if node.most > 0:
                opened.append(self._with_one_less(node))
            left = node.need - item.share * node.most
            opened += self._opened(node.item + 1, left, node.cost + item.cost * node.most, taken)
        self.bound = min([self.cost, *(node.bound for node in opened)])

    def _opened(self, i: int, need: float, cost: float, taken: list[int]) -> list[_Node]:
        """The node that decides item i, if any is left to decide; else keeps the better cover."""
        if need <= COVER_TOLERANCE or i == len(self.items):
            total = cost + (self.penalty * need if need > COVER_TOLERANCE else 0.0)
            if total < self.cost:
                self.cost = total
                self.best = [*taken[:i], *[0] * (len(taken) - i)]
            return []
        item = self.items[i]
        most = min(item.most, ceil((need - COVER_TOLERANCE) / item.share))
        return [_Node(i, most, need, cost, cost + self._least(i, need))]

    def _with_one_less(self, node: _Node) -> _Node:
        item, most = self.items[node.item], node.most - 1
        bound = (
            node.cost + item.cost * most + self._least(node.item + 1, node.need - item.share * most)
        )
        return _Node(node.item, most, node.need, node.cost, max(node.bound, bound))

    def _least(self, i: int, need: float) -> float:
        """Cost of serving `need` with items from i on in fractions, and by the penalty."""
        reach = self.shares[i] + max(0.0, need - COVER_TOLERANCE)
        last = bisect_right(self.shares, reach) - 1
        cost = self.costs[last] - self.costs[i]
        over = reach - self.shares[last]
        if over <= 0:
            return cost
        if last == len(self.items):
            return cost + self.penalty * over
        return cost + self.items[last].cost / self.items[last].share * over

    def _improves(self, bound: float) -> bool:
        return bound < self.cost - NOISE * self.cost if self.cost < inf else bound < inf
