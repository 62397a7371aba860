"""Nodes that hold the same at some time exchange what comes after: the day ends as it began.

A cyclic day is filled from its beginning on, so that what stands on a node in the end is not what
stood there in the beginning. But where two nodes hold replicas of the same pools, each may go on
as the other from then on, and nothing moves. Who goes on as whom is an assignment (Kuhn 1955): as
many GPUs as possible shall end as they began.
"""

from collections.abc import Sequence

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.day_sweep.day import Day, Flags
from heteroplan.placement.day_sweep.wraparound import Piece


def align(day: Day, pieces: Sequence[Piece], free: Ints, stop: Stop = never) -> None:
    """Exchange nodes of `pieces` of a cyclic day, and of the GPUs left `free` [T, n] with them.

    After `stop()` the rest of the day stays as it is.
    """
    futures = _Futures(day, pieces, free)
    for t in range(1, day.intervals):
        if stop():
            break
        futures.exchange(t)
    futures.write()


class _Futures:
    """What comes on each node after a time, and how much of it ends as it began."""

    def __init__(self, day: Day, pieces: Sequence[Piece], free: Ints) -> None:
        self.day, self.pieces, self.free = day, pieces, free
        self.share = day.share()
        self.pool = np.array([piece.pool for piece in pieces], dtype=np.int64)
        self.node = np.array([piece.spot[0] for piece in pieces], dtype=np.int64)
        """The first of several."""
        self.first = np.array([piece.first for piece in pieces], dtype=np.int64)
        self.end = np.array([piece.end for piece in pieces], dtype=np.int64)
        lead = np.array([day.footprints[piece.pool].lead for piece in pieces], dtype=np.int64)
        self.holds = np.where(self.first <= 0, -1, np.maximum(0, self.first - lead))
        """From when on; before the day begins where it serves then."""
        self.kinds = self._kinds()
        self.began = self._standing(self.first <= 0)
        self.ended = self._standing(self.end >= day.intervals)

    def _kinds(self) -> Ints:
        """[T, n] equal for nodes on which the same replicas may stand from a time on."""
        nodes = self.day.room.shape[1]
        kinds = [self.day.nodes.scarcity, np.zeros(nodes, dtype=np.int64)]
        for piece in self.pieces:
            if len(piece.spot) > 1:
                kinds[1][list(piece.spot)] = np.array(piece.spot) + 1
        for rows in {
            (footprint.rows.start, footprint.rows.stop) for footprint in self.day.footprints
        }:
            within = np.zeros(nodes, dtype=np.int64)
            within[slice(*rows)] = 1
            kinds.append(within)
        number = _numbered(np.stack(kinds, axis=1))
        room, found = self.day.room, np.zeros(self.day.room.shape, dtype=np.int64)
        for t in reversed(range(len(found))):
            if t + 1 == len(found) or (room[t] != room[t + 1]).any():
                number = _numbered(np.stack([number, room[t]], axis=1))
            found[t] = number
        return found

    def _standing(self, which: Flags) -> Ints:
        """[n, P] replicas of some pieces."""
        count = np.zeros((self.day.room.shape[1], len(self.day.footprints)), dtype=np.int64)
        np.add.at(count, (self.node[which], self.pool[which]), 1)
        return count

    def _alike(self, nodes: Ints) -> Ints:
        """[k, k] GPUs of the beginning of some nodes that are the same in the end of others."""
        began, ended = self.began[nodes], self.ended[nodes]
        alike = np.zeros((len(nodes), len(nodes)), dtype=np.int64)
        for pool in np.flatnonzero(began.any(axis=0) & ended.any(axis=0)):
            alike += self.share[pool] * np.minimum.outer(began[:, pool], ended[:, pool])
        return alike

    def exchange(self, t: int) -> None:
        """From `t` on, nodes that hold the same before it go on as is best for the end."""
        held = (self.holds < t) & (self.end > t)
        stage = self.pool + len(self.day.footprints) * np.maximum(0, self.first - t + 1)
        goes_to = self._best(t, held, stage)
        if (goes_to == np.arange(len(goes_to))).all():
            return
        here = np.flatnonzero(held)
        future = here[np.lexsort((self.end[here], stage[here], goes_to[self.node[here]]))]
        past = here[np.lexsort((self.holds[here], stage[here], self.node[here]))]
        self.end[past] = self.end[future]
        later = self.holds >= t
        self.node[later] = goes_to[self.node[later]]
        self.free[t:] = self.free[t:][:, np.argsort(goes_to)]
        self.ended = self._standing(self.end >= self.day.intervals)

    def _same(self, t: int, nodes: Ints, held: Flags, stage: Ints) -> Ints:
        """[k] number of `nodes` [k] that hold the same before `t` and may hold the same after."""
        stages, present = np.unique(stage[held], return_inverse=True)
        shape = self.kinds.shape[1], len(stages)
        cell = self.node[held] * shape[1] + present
        count = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
        kinds = self.kinds[t, nodes, None]
        return _numbered(np.hstack([kinds, count[nodes]]).astype(np.int32))

    def _best(self, t: int, held: Flags, stage: Ints) -> Ints:
        """[n] the node that the future of each node goes to; its own where others are no better."""
        from scipy.optimize import linear_sum_assignment

        goes_to = np.arange(len(self.began))
        matters = np.flatnonzero(self.began.any(axis=1) | self.ended.any(axis=1))
        if not self._may_end_better(matters, np.zeros(len(matters), dtype=np.int64)).any():
            return goes_to
        same = self._same(t, matters, held, stage)
        for number in np.flatnonzero(self._may_end_better(matters, same)):
            nodes = matters[same == number]
            alike = self._alike(nodes)
            stays = np.eye(len(nodes), dtype=np.int64)
            to, future = linear_sum_assignment(2 * alike + stays, maximize=True)
            if alike[to, future].sum() > np.trace(alike):
                goes_to[nodes[future]] = nodes[to]
        return goes_to

    def _may_end_better(self, nodes: Ints, group: Ints) -> Flags:
        """[g] whether exchanges among `nodes` [k] of a group [k] may leave more GPUs as they began.

        As many as both begin and end in the group, if not on the same node.
        """
        began, ended = self.began[nodes], self.ended[nodes]
        among = np.eye(group.max(initial=-1) + 1)[:, group]
        present = among @ (np.minimum(began, ended) @ self.share)
        return np.asarray(present < np.minimum(among @ began, among @ ended) @ self.share)

    def write(self) -> None:
        """Nodes and ends into the pieces."""
        for piece, node, end in zip(self.pieces, self.node, self.end, strict=True):
            piece.end = int(end)
            if len(piece.spot) == 1:
                piece.spot = (int(node),)


def _numbered(rows: Ints) -> Ints:
    """[n] numbers of rows [n, *], the same for equal ones."""
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in rows])
