"""All state of a simulation, as record arrays that compiled loops change in place.

Times are seconds since the start of the replay, lengths are tokens; -1 is "none" in every index.
Lists of requests are chained by `next` of the request.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics import tables

GONE, STARTING, SERVING, DRAINING, LINGERING = range(5)
"""State of a replica. One that lingers is out of routing and can serve again at once."""
PREFILL, DECODE, AGGREGATED = range(3)
"""Kind of a replica; as `signals.ROLES`."""
FINISHED, UNFINISHED, REJECTED = range(3)
"""Outcome of a request; as `results.OUTCOMES`."""
LEAST_LOADED, ROUND_ROBIN, RANDOM, SHARED = range(4)
"""Which replica of a group takes a request; only prefill replicas share a queue."""
ANEW = -2
"""`admitted` of a request whose context a decode replica has to compute anew."""
PREEMPT, WAIT = range(2)
"""What happens when the KV cache is full: evict the newest, or admit only what fits to its end."""

REQUEST = np.dtype(
    [
        ("arrival", "f8"),
        ("first", "f8"),  # first token; NaN before
        ("last", "f8"),  # last token; NaN before
        ("first_alone", "f8"),  # what its TTFT and its mean step would take alone where it is
        ("step_alone", "f8"),
        ("gap", "f8"),  # longest time between tokens, and that over `step_alone`; infinite where
        ("gap_over_alone", "f8"),  # gaps are not counted
        ("longest_gap", "f8"),  # the lesser of both where it is
        ("late", "i8"),  # gaps that were longer
        ("evicted", "f8"),  # when it left the KV cache; 0 where it did not
        ("isl", "i8"),
        ("missed", "i8"),
        ("osl", "i8"),
        ("given", "i8"),  # tokens given before it was admitted last
        ("admitted", "i8"),  # step of the replica at which it was admitted last
        ("turn", "i8"),  # which admission of the replica that was
        ("workload", "i8"),
        ("group", "i8"),
        ("replica", "i8"),
        ("source", "i8"),  # prefill replica that it came from
        ("next", "i8"),
        ("following", "i8"),  # next request of its workload
        ("outcome", "i1"),
        ("restarts", "i1"),
    ],
    align=True,
)

REPLICA = np.dtype(
    [
        ("timer", "f8"),  # its next event; infinite without one
        ("free_at", "f8"),  # its prefill queue is worked off
        ("queued_s", "f8"),  # prefill of what waits, one by one
        ("squares", "f8"),  # sum of n^2 of the prefill batch
        ("nic_free", "f8"),
        ("since", "f8"),  # decode: boundary before the leap; prefill: start of the batch
        ("extra", "f8"),  # longer by this is the first step of the leap
        ("drained", "f8"),  # earliest end of draining
        ("gone", "f8"),  # when it gave its GPUs back
        # Prefill of a batch: max(floor, overhead + token * sum n + square * sum n^2).
        ("overhead", "f8"),
        ("token", "f8"),
        ("square", "f8"),
        ("floor", "f8"),
        # A decode step: max(step_floor, base + root * sqrt n + sequence * n + context * sum).
        ("base", "f8"),
        ("sequence", "f8"),
        ("context", "f8"),
        ("root", "f8"),
        ("step_floor", "f8"),
        # The other half of a divided engine, each replica of which has n * ratio sequences.
        ("other_base", "f8"),
        ("other_sequence", "f8"),
        ("other_context", "f8"),
        ("other_root", "f8"),
        ("other_ratio", "f8"),
        ("first_base", "f8"),  # measured TTFT of an aggregated engine: base + token * missed
        ("first_token", "f8"),
        ("capacity", "f8"),  # requests/s at the SLO
        ("in_flight", "f8"),  # requests that it has at that rate on average
        ("credit", "f8"),  # its turn by round robin: served less than its capacity's part by this
        ("bytes_per_s", "f8"),
        ("in_time", "i8"),  # longest prompt that is in time alone
        ("kv_tokens", "i8"),
        ("batch_tokens", "i8"),  # 0: one prompt at a time
        ("most_running", "i8"),
        ("step", "i8"),  # decode steps so far
        ("admissions", "i8"),
        ("leap", "i8"),  # steps until `timer`
        ("held", "i8"),  # tokens in the KV cache at `since`
        ("summed", "i8"),  # contexts of what decodes at `since`
        ("reserved", "i8"),  # isl + osl of all that was admitted
        ("done", "i8"),  # tokens prefilled of the first prompt of an aggregated replica
        ("chunk", "i8"),  # tokens that the present step or batch prefills
        ("running", "i8"),  # sequences that decode
        ("load", "i8"),  # requests on it and on the way to it
        ("head", "i8"),  # waiting
        ("tail", "i8"),
        ("waiting", "i8"),
        ("batch", "i8"),  # prompts in a prefill batch; admitted prompts of an aggregated one
        ("batch_tail", "i8"),
        ("prompts", "i8"),
        ("seat", "i8"),  # among the members of its group
        ("group", "i8"),
        ("workload", "i8"),
        ("option", "i8"),
        ("leaf", "i8"),
        ("kind", "i1"),
        ("state", "i1"),
    ],
    align=True,
)

GROUP = np.dtype(
    [
        ("weight", "f8"),  # requests/s of its ready replicas
        ("in_time", "i8"),  # longest prompt that is in time alone
        ("most_isl", "i8"),  # KV cache of prefill
        ("most_held", "i8"),  # KV cache of decode
        ("workload", "i8"),
        ("in_flight", "i8"),
        ("turn", "i8"),  # seat that round robin tries first, of side 0
        ("decode_turn", "i8"),
        ("head", "i8"),  # queue shared by its prefill replicas
        ("tail", "i8"),
        ("waiting", "i8"),
        ("split", "i1"),  # prefill and decode replicas, not aggregated ones
        ("alike", "i1"),  # its replicas of a kind are all of one engine
    ],
    align=True,
)

WORKLOAD = np.dtype(
    [
        ("head", "i8"),  # no replica was ready for
        ("tail", "i8"),
        ("prefilled_head", "i8"),  # no decode replica was ready for
        ("prefilled_tail", "i8"),
        ("first_group", "i8"),  # groups of a workload stand side by side
        ("groups", "i8"),
        ("kv_bytes", "f8"),  # a token
        ("moves_all", "i1"),  # KV of all input tokens moves, not of those missed only
        ("prefill_routing", "i1"),
        ("decode_routing", "i1"),
        ("aggregated_routing", "i1"),
        ("by_gap", "i1"),  # gaps that are too long are counted
        ("following", "i8"),  # closed loop: request that a user sends next
        ("due", "i8"),
        # Counted since the start.
        ("arrived", "i8"),
        ("arrived_isl", "i8"),
        ("arrived_cached", "i8"),
        ("finished", "i8"),
        ("finished_osl", "i8"),
        ("first_tokens", "i8"),
        ("ttft_s", "f8"),
        ("prefilled_tokens", "i8"),
        ("decoded_tokens", "i8"),
        ("gaps", "i8"),  # between tokens
        ("gaps_s", "f8"),
    ],
    align=True,
)

ROLE = np.dtype(
    [
        ("waiting", "i8"),
        ("present", "i8"),  # waiting and running
        ("waiting_s", "f8"),  # request-seconds
        ("present_s", "f8"),
        ("since", "f8"),
    ],
    align=True,
)
"""What a workload has at its replicas of one kind; counted since the start."""

RUNNING = np.dtype([("step", "i8"), ("request", "i8")], align=True)
"""A sequence that decodes, and the step that ends it."""
TIMER = np.dtype([("time", "f8"), ("replica", "i8")], align=True)
"""The next event of a replica."""
TRANSFER = np.dtype([("time", "f8"), ("request", "i8")], align=True)

CLOCK = np.dtype(
    [
        ("now", "f8"),
        ("latency", "f8"),  # of a KV transfer
        ("next", "i8"),  # request that arrives next
        ("timers", "i8"),
        ("transfers", "i8"),
        ("random", "u8"),
        ("users", "i8"),  # closed loop: requests at a time; 0 for arrivals of their own
        ("due", "i8"),  # requests that users send now, of all workloads
        ("seats", "i8"),  # members for which each group has room, a power of 2
        ("kv_full", "i1"),
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class World:
    """Record arrays of one simulation; to compiled functions it is one pointer."""

    clock: NDArray[Any]
    """[1]"""
    requests: NDArray[Any]
    replicas: NDArray[Any]
    groups: NDArray[Any]
    workloads: NDArray[Any]
    roles: NDArray[Any]
    """[W, kind]"""
    members: NDArray[np.int64]
    """[group, prefill or aggregated 0, decode 1, place] replicas in the order of their start."""
    member_counts: NDArray[np.int64]
    """[group, 2]"""
    keys: NDArray[np.float64]
    """[group, 2, node] by which members are chosen, infinite where not ready: of prefill replicas
    `free_at`, of others the requests on them for what they serve.

    A binary tree: the member at `place` has node `seats` + place, and each node n from 1 on has
    the lesser key of its nodes 2n and 2n + 1."""
    running: NDArray[Any]
    """[replica, place] a heap by the step that ends a sequence."""
    timers: NDArray[Any]
    """[place] a heap by time."""
    places: NDArray[np.int64]
    """[replica] place of its timer, -1 without one."""
    transfers: NDArray[Any]
    """[place] a heap by time."""
    busy_s: NDArray[np.float64]
    """[option] replica-seconds in which a batch ran."""
    factors: NDArray[np.float64]
    """[leaf, leaf] share of the NIC's bandwidth between two leaves."""
    block: NDArray[np.int64] = field(init=False, repr=False)
    """Where the arrays are."""

    def __post_init__(self) -> None:
        arrays = {name: getattr(self, name) for name in TABLES}
        object.__setattr__(self, "block", tables.addresses(arrays, TABLES))

    @property
    def pointer(self) -> int:
        """Address of the block."""
        return int(self.block.ctypes.data)


TABLES = {
    "clock": (CLOCK, 1),
    "requests": (REQUEST, 1),
    "replicas": (REPLICA, 1),
    "groups": (GROUP, 1),
    "workloads": (WORKLOAD, 1),
    "roles": (ROLE, 2),
    "members": (np.int64, 3),
    "member_counts": (np.int64, 2),
    "keys": (np.float64, 3),
    "running": (RUNNING, 2),
    "timers": (TIMER, 1),
    "places": (np.int64, 1),
    "transfers": (TRANSFER, 1),
    "busy_s": (np.float64, 1),
    "factors": (np.float64, 2),
}
"""Array -> its dtype and dimensions."""
tables.register(World, TABLES, Path(__file__).parent)
