"""Blocks as compiled loops read them: arrays alone."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import own

if TYPE_CHECKING:
    from heteroplan.optimize.covering.blocks import Block

type _Floats = NDArray[np.float64]
type _Ints = NDArray[np.int64]
type _Flags = NDArray[np.bool_]


class Arrays(NamedTuple):
    """A block without options: what is None in `blocks.Block` has a value without effect here."""

    price: _Floats
    """[E, T]"""
    floor: _Floats
    """[L, T]"""
    floor_price: _Floats
    """[L, E, T]"""
    start: _Floats
    """[E, T]"""
    change: _Floats
    """[E]"""
    reach: _Floats
    """[E, N + 1, T] share of the demand that 0, 1, ..., N replicas serve; more serve as much each
    as N do."""
    queue: _Ints
    """[E] the first engine of those whose replicas are one queue."""
    low: _Ints
    """[E, T]"""
    high: _Ints
    """[E, T]; below `low` nothing is allowed."""
    need: _Floats
    """[T]"""
    serve: _Floats
    """[T] after a loss; 0 where none may come."""
    places: _Ints
    """[E] of which one has an equal part of an engine's replicas or more."""
    replicas: _Ints
    """[E] that are lost there at most."""
    node_serve: float
    """Part of what is served that still is after the loss of a node; 0 where none may come."""
    node: _Ints
    """[E] number of the node type that an engine stands on."""
    node_gpus: _Ints
    """Of a node of each type."""
    gpus: _Ints
    """[E] of a replica on one node."""
    gone: _Ints
    """[E] replicas that one node takes away at most."""
    penalty: _Floats
    """[S, T]"""
    fewest: _Ints
    """[T]"""
    most: _Ints
    """[T]"""
    sides: _Flags
    """[S, E]"""
    weight: _Floats
    """[R, E]"""
    room: _Ints
    """[R, T]"""
    filling: _Floats
    """[S, T, G + 1]"""
    step: float
    """Of the filling."""


def arrays_of(block: "Block", engines: list[int]) -> Arrays:
    """Some engines of a block."""
    intervals, sides, lost = len(block.need), block.all_sides(), block.least_lost
    loss, none = block.node_loss, np.zeros(0, dtype=np.int64)
    floors = block.floors
    return Arrays(
        price=own(block.price[engines]),
        floor=np.zeros((0, intervals)) if floors is None else own(floors.constant),
        floor_price=np.zeros((0, len(engines), intervals))
        if floors is None
        else own(floors.price[:, engines]),
        start=own(block.start[engines]),
        change=np.zeros(len(engines)) if block.change is None else block.change[engines],
        reach=_tables(block, engines),
        queue=_queues(block, engines),
        low=own(block.low[engines]),
        high=own(block.high[engines]),
        need=own(block.need),
        serve=np.zeros(intervals) if lost is None else own(lost.serve),
        places=np.ones(len(engines), dtype=np.int64) if lost is None else lost.places[engines],
        replicas=np.zeros(len(engines), dtype=np.int64) if lost is None else lost.replicas[engines],
        node_serve=0.0 if loss is None else loss.serve,
        node=none if loss is None else loss.node[engines],
        node_gpus=none if loss is None else loss.node_gpus,
        gpus=none if loss is None else loss.gpus[engines],
        gone=none if loss is None else loss.replicas()[engines],
        penalty=own(np.broadcast_to(block.penalty, (len(sides), intervals))),
        fewest=own(block.fewest),
        most=np.full(intervals, -1) if block.most is None else own(block.most),
        sides=own(sides[:, engines]),
        weight=np.zeros((0, len(engines)))
        if block.weight is None
        else own(block.weight[:, engines]),
        room=np.zeros((0, intervals), dtype=np.int64) if block.room is None else own(block.room),
        filling=np.zeros((len(sides), 0, 0)) if block.filling is None else own(block.filling.cost),
        step=1.0 if block.filling is None else block.filling.step,
    )


def _tables(block: "Block", engines: list[int]) -> _Floats:
    """[E', N + 1, T] share of the demand that 0, 1, ..., N replicas of some engines serve."""
    if block.by_count is not None:
        return own(block.by_count[engines])
    share = block.share[engines]
    return np.stack((0.0 * share, share), axis=1)


def _queues(block: "Block", engines: list[int]) -> _Ints:
    """[E'] of some engines, numbered among themselves."""
    if block.queue is None:
        return np.arange(len(engines), dtype=np.int64)
    queue = block.queue[engines].tolist()
    return np.array([queue.index(each) for each in queue], dtype=np.int64)
