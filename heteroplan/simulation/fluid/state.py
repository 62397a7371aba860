"""All numbers of a fluid simulation, as record arrays that compiled loops change in place.

Times are seconds, lengths are tokens; amounts are requests, not whole ones. A *pool* is the
replicas of one workload that prefill and those that decode, or its aggregated ones.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.level import COUNTS

SPLIT, WHOLE = range(2)
"""Kinds of pools: prefill and decode replicas, aggregated ones."""
QUANTILES = 32
"""Parts of equal shares into which lengths are cut."""
LEAST_WAIT_S = 1e-3
"""Lower edge of the classes of waits, but for the first."""
WAITS, LENGTHS = 72, 400
"""Classes of waits, and of times from arrival to the last token, by their logarithm."""
WAIT_GROWTH, LENGTH_GROWTH = 1.25, 1.04
"""Of one class to the next."""
SERVERS, LOADS = 512, 257
"""Sizes of the table of Erlang C."""

POOL = np.dtype(
    [
        # What the ready replicas are; see `flow.refresh`.
        ("rate", "f8"),  # prompts/s that they prefill when they always have some
        ("servers", "f8"),  # of one queue
        ("queues", "f8"),
        ("replicas", "f8"),
        ("service", "f8"),  # mean prefill time of a prompt
        ("each", "f8"),  # time that a prompt takes of a replica which always has some
        ("scv", "f8"),  # squared coefficient of variation of `service`
        ("decoders", "f8"),
        ("decode_servers", "f8"),  # among which a request is balanced
        ("weight", "f8"),  # requests/s at the SLO, of decode replicas
        ("slots", "f8"),  # sequences that they hold
        ("full_stay", "f8"),  # time that a sequence is decoded among as many as there is room for
        ("osl_scv", "f8"),
        ("split", "f8"),  # share of the workload's arrivals
        # Amounts.
        ("queued", "f8"),  # unfinished work at prefill
        ("wait", "f8"),  # mean wait of a prompt that comes now
        ("wait_square", "f8"),
        ("room_wait", "f8"),  # mean wait for room to decode
        ("room_square", "f8"),
        ("prefilling", "f8"),
        ("admitting", "f8"),  # wait for room to decode them
        ("admitting_tokens", "f8"),  # that they will get
        ("decoding", "f8"),
        ("decoding_tokens", "f8"),  # left to give
        ("leaving", "f8"),  # decoded on replicas that drain
        ("leaving_tokens", "f8"),
        # Of the last step.
        ("through", "f8"),  # prompts/s that left the queue
        ("extra", "f8"),  # that batching adds to the time of a prompt
        ("whole_step", "f8"),  # of an aggregated replica, prefill included
        ("step", "f8"),  # mean time between tokens
        ("step_variance", "f8"),
        ("stay", "f8"),  # time that a sequence is decoded
        ("burst", "f8"),  # variance over mean of what comes to decode in that time
        ("token_wait", "f8"),  # from the end of prefill to the first decode step's end
        # Sums since the last observation, by what left the queue.
        ("seen", "f8"),
        ("seen_wait", "f8"),
        ("seen_square", "f8"),
        ("seen_step", "f8"),
        ("seen_variance", "f8"),
        ("seen_after", "f8"),
        ("mix", "i8"),  # of which the numbers above are
    ],
    align=True,
)

ENGINE_FIELDS = (
    *("overhead", "token", "square", "floor"),
    *("base", "sequence", "context", "root", "step_floor"),
    *("other_base", "other_sequence", "other_context", "other_root", "other_ratio"),
    *("first_base", "first_token", "capacity", "bytes_per_s"),
    *("kv_tokens", "batch_tokens", "most_running"),
)
"""Named as those of `events.world.REPLICA`."""
OPTION = np.dtype(
    [
        ("ready", "f8"),
        *((name, "f8") for name in ENGINE_FIELDS),
        ("batch", "f8"),  # sequences of a replica
        ("busy", "f8"),  # replica-seconds
    ],
    align=True,
)

SERVICE = np.dtype(
    [
        ("mean", "f8"),  # prefill time of a prompt alone
        ("square", "f8"),
        ("full", "f8"),  # of a prompt in a full batch
        ("prompts", "f8"),  # in a full batch
        ("moved", "f8"),  # KV transfer
    ],
    align=True,
)
"""Prompts of a mix on an engine."""

MIX = np.dtype(
    [
        (name, "f8")
        for name in (
            "isl",
            "missed",
            "cached",
            "osl",
            "context",
            "context_variance",
            "osl_scv",
            "taken",
        )
    ],
    align=True,
)
"""Means; `context` is of the sequences of a step, `taken` the share that some engine takes."""

WORKLOAD = np.dtype(
    [
        ("burst", "f8"),  # squared coefficient of variation of arrivals
        ("ttft", "f8"),  # SLO
        ("itl", "f8"),
        ("served", "f8"),  # arrivals up to this time are through the queue
        ("piece", "i8"),  # in which that is
        ("came", "f8"),
        ("passed", "f8"),  # of them, up to `served`
        ("age", "f8"),  # of those who left the queue last
        *((name, "f8") for name in COUNTS),
    ],
    align=True,
)

ROLE = np.dtype(
    [(name, "f8") for name in ("waiting", "present", "waiting_s", "present_s")], align=True
)

CELL = np.dtype(
    [(name, "f8") for name in ("out", "in_ttft", "in_itl", "in_both", "step", "spread", "after")],
    align=True,
)
"""Of a workload and interval: requests that left the queue, in time, and sums over them."""


class Flow(NamedTuple):
    """Arrays of one simulation; compiled functions take it whole."""

    clock: NDArray[np.float64]
    """[now, step length, interval length, 1 where the KV cache is reserved for tokens to come]"""
    pools: NDArray[Any]
    """[W, 2]"""
    options: NDArray[Any]
    ranges: NDArray[np.int64]
    """[W, role, 2] first option and the one after the last."""
    workloads: NDArray[Any]
    roles: NDArray[Any]
    """[W, role]"""
    edges: NDArray[np.float64]
    rates: NDArray[np.float64]
    """[W, piece] of requests that some engine takes."""
    mix: NDArray[np.int64]
    """[W, piece]"""
    mixes: NDArray[Any]
    """[W, mix]"""
    services: NDArray[Any]
    """[option, mix]"""
    own: NDArray[np.float64]
    """[option, mix, quantile] prefill time and KV transfer alone."""
    osl: NDArray[np.float64]
    """[W, mix, quantile]"""
    cells: NDArray[Any]
    """[W, interval]"""
    waits: NDArray[np.float64]
    """[W, interval, class]"""
    ends: NDArray[np.float64]
    """[W, class] from arrival to the last token."""
    erlang: NDArray[np.float64]
    """[servers - 1, load]"""
