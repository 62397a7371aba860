"""Which input tokens a prefix cache holds: least recently used blocks leave first.

A request hits its leading blocks that are there, all of its blocks are there afterwards. Of one
request the last block leaves first, as in vLLM, because it is worth nothing without those before.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import int64, typed
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.requests import Blocks, Integers

type _Ints = NDArray[np.int64]


class PrefixCache:
    """A cache of up to `blocks` prefix blocks; it remembers what `hits` brought it so far."""

    def __init__(self, blocks: int) -> None:
        self._slots: Any = typed.Dict.empty(int64, int64)
        room = min(blocks, 2**62)
        self._room = room
        self._newer, self._older, self._ids = (np.empty(0, np.int64) for _ in range(3))
        self._ends = np.array([-1, -1, 0], np.int64)
        """Newest and oldest slot, and how many are taken."""

    def cached_tokens(self, blocks: "Blocks", input_tokens: "Integers") -> "Integers":
        """Input tokens of each request found in the cache, requests in their order."""
        self._grow(len(blocks.ids))
        hits = _hits(
            blocks.offsets,
            blocks.ids,
            self._room,
            self._slots,
            self._newer,
            self._older,
            self._ids,
            self._ends,
        )
        return np.minimum(hits * blocks.tokens, np.maximum(input_tokens, 0))

    def _grow(self, more: int) -> None:
        """Room for as many new blocks."""
        size = min(self._room, int(self._ends[2]) + more)
        if size <= len(self._ids):
            return
        size = min(self._room, max(size, 2 * len(self._ids)))
        for name in ("_newer", "_older", "_ids"):
            grown = np.empty(size, np.int64)
            old = getattr(self, name)
            grown[: len(old)] = old
            setattr(self, name, grown)


@compiled
def _unlink(slot: int, newer: _Ints, older: _Ints, ends: _Ints) -> None:
    after, before = newer[slot], older[slot]
    if after < 0:
        ends[0] = before
    else:
        older[after] = before
    if before < 0:
        ends[1] = after
    else:
        newer[before] = after


@compiled
def _link(slot: int, newer: _Ints, older: _Ints, ends: _Ints) -> None:
    newer[slot], older[slot] = -1, ends[0]
    if ends[0] >= 0:
        newer[ends[0]] = slot
    else:
        ends[1] = slot
    ends[0] = slot


@compiled
def _hits(
    offsets: _Ints,
    ids: _Ints,
    room: int,
    slots: Any,
    newer: _Ints,
    older: _Ints,
    held: _Ints,
    ends: _Ints,
) -> _Ints:
    """Leading blocks of each request that are there when it comes."""
    hits = np.zeros(len(offsets) - 1, np.int64)
    if room == 0:
        return hits
    for i in range(len(hits)):
        first, last = offsets[i], offsets[i + 1]
        found = first
        while found < last and ids[found] in slots:
            found += 1
        hits[i] = found - first
        for j in range(last - 1, first - 1, -1):
            block = ids[j]
            slot: int
            if block in slots:
                slot = slots[block]
                _unlink(slot, newer, older, ends)
            elif ends[2] < room:
                slot = ends[2]
                ends[2] += 1
            else:
                slot = ends[1]
                _unlink(slot, newer, older, ends)
                del slots[held[slot]]
            held[slot] = block
            slots[block] = slot
            _link(slot, newer, older, ends)
    return hits
