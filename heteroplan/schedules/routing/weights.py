"""Router weights: what of a workload's traffic each of its backends is given, by interval.

A backend is what a request is sent to as a whole: a deployment group of prefill and decode pools,
between which KV moves, or one pool of aggregated engines. Inside a group the shares of its prefill
and of its decode pools say how their router divides the requests among engines.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.reading.local_time import localized
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.recurrence import Recurrence, recurrence

TOTAL = 10_000
"""What weights sum to: one is 0.01 % of the traffic."""
NOISE = 1e-6
"""A share of requests that only rounding makes, in the optimiser or on the way to plan.json."""
MODEL_HEADER = "X-Gateway-Model-Name"
"""Of the model that a request asks for."""
UNEVEN = 0.01
"""Relative difference of the shares of two replicas that a router must be told of."""

type Weights = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pools:
    """Pools among which requests are divided, and their names."""

    names: tuple[str, ...]
    pools: tuple[PoolPart, ...]

    def share(self, interval: int, kind: str | None) -> float:
        """All of these pools together, of the workload's requests or of those of a class."""
        return sum(
            (pool.share if kind is None else pool.class_share[kind])[interval]
            for pool in self.pools
        )

    def gpus(self, interval: int) -> int:
        """That serve in an interval."""
        return sum(pool.replicas[interval] * pool.gpus_per_replica for pool in self.pools)

    def weights(self, interval: int, kind: str | None) -> Weights | None:
        """One a pool, for all requests or for a class; None where none of them runs."""
        one_by_one = [
            Pools((name,), (pool,)) for name, pool in zip(self.names, self.pools, strict=True)
        ]
        return weights_of(one_by_one, interval, kind)


@dataclass(frozen=True, slots=True)
class Backend:
    """A group of prefill and decode pools, or one aggregated pool."""

    name: str
    roles: dict[Role, Pools]
    """Prefill and decode, or aggregated alone."""

    def share(self, interval: int, kind: str | None) -> float:
        """Of the workload's requests or of those of a class.

        Those of a group's prefill and decode pools are alike.
        """
        return max(pools.share(interval, kind) for pools in self.roles.values())

    def gpus(self, interval: int) -> int:
        """That serve in an interval; none where a role is missing."""
        each = [pools.gpus(interval) for pools in self.roles.values()]
        return sum(each) if all(each) else 0


@dataclass(frozen=True)
class Router:
    """The backends of one workload."""

    workload: str
    model: str
    backends: tuple[Backend, ...]
    intervals: int

    classes: tuple[str, ...]
    """That the backends do not take alike; none where one weight is right for all requests."""

    @cached_property
    def weights(self) -> tuple[Weights | None, ...]:
        """[interval][backend], each summing to `TOTAL`.

        Where nothing runs those of the interval before; None before anything has run.
        """
        return self.weights_for(None)

    def weights_for(self, kind: str | None) -> tuple[Weights | None, ...]:
        """`weights` for the requests of one class."""
        found: list[Weights | None] = []
        for interval in range(self.intervals):
            before = found[-1] if found else None
            found.append(weights_of(self.backends, interval, kind) or before)
        return tuple(found)


def routers(document: PlanDocument, options: ExportOptions) -> tuple[Router, ...]:
    """Of each workload with a pool, in the plan's order.

    Raises UsageError for plans without shares, and as the names of `options` do.
    """
    if any(not pool.share for pool in document.pools):
        raise UsageError("this plan.json has no shares of pools: make the plan again")
    if not document.pools:
        raise UsageError("the plan has no pools: there is nothing to route to")
    names = dict(zip(map(id, document.pools), options.names(document.pools), strict=True))
    second = _second_parts(document)
    found: dict[str, dict[str, list[PoolPart]]] = defaultdict(lambda: defaultdict(list))
    parts: dict[str, tuple[str, str]] = {}
    for pool in document.pools:
        if (pool.workload, pool.engine) not in second:
            alone = pool.role is Role.AGGREGATED
            name = names[id(pool)] if alone else options.group_name(pool)
            part = (pool.group, pool.engine if alone else "")
            if parts.setdefault(name, part) != part:
                raise UsageError(
                    f"--group-template gives {name!r} to {parts[name][0]} and {pool.group}; "
                    "add to it of {workload}, {domain}"
                )
            found[pool.workload][name].append(pool)
    models = {load.name: load.profile.model for load in document.given.workloads}
    return tuple(
        Router(
            workload,
            models[workload],
            tuple(_backend(name, pools, names) for name, pools in backends.items()),
            document.horizon.intervals,
            _unlike_classes(pool for pools in backends.values() for pool in pools),
        )
        for workload, backends in found.items()
    )


def _unlike_classes(pools: Iterable[PoolPart]) -> tuple[str, ...]:
    """Classes of a workload that its pools do not take alike, in the plan's order."""
    return tuple(dict.fromkeys(kind for pool in pools for kind in pool.class_share))


def _backend(name: str, pools: Iterable[PoolPart], names: dict[int, str]) -> Backend:
    by_role: dict[Role, list[PoolPart]] = defaultdict(list)
    for pool in pools:
        by_role[pool.role].append(pool)
    return Backend(
        name,
        {
            role: Pools(tuple(names[id(pool)] for pool in mine), tuple(mine))
            for role, mine in by_role.items()
        },
    )


def _second_parts(document: PlanDocument) -> set[tuple[str, str]]:
    """Workload and engine of parts that no router sends a request to: part 0 passes it on."""
    return {
        (load.name, engine.name)
        for load in document.given.workloads
        for engine in load.profile.engines
        if not engine.counts
    }


def weights_of(
    backends: Sequence[Pools | Backend], interval: int, kind: str | None
) -> Weights | None:
    """Weights by share, for all requests or for those of a class; None where nothing runs.

    By those of all requests where none of the class is planned, by GPUs where none is at all.
    """
    shares = [each.share(interval, kind) for each in backends]
    if sum(shares) > NOISE:
        return rounded([share if share > NOISE else 0.0 for share in shares])
    if kind is not None:
        return weights_of(backends, interval, None)
    gpus = [float(each.gpus(interval)) for each in backends]
    return rounded(gpus) if any(gpus) else None


def rounded(parts: Sequence[float], total: int = TOTAL) -> Weights:
    """Integers in the proportion of `parts` that sum to `total`, 1 at least for a part above 0.

    By largest remainder; what the least weight of 1 adds is taken from the largest weights.
    `parts` are not negative, one at least above 0, and no more than `total` of them.
    """
    whole = sum(parts)
    exact = [part / whole * total for part in parts]
    found = [max(1, math.floor(each)) if each > 0 else 0 for each in exact]
    while sum(found) > total:
        found[found.index(max(found))] -= 1
    by_remainder = sorted(range(len(parts)), key=lambda i: found[i] - exact[i])
    for i in by_remainder[: total - sum(found)]:
        found[i] += 1
    return tuple(found)


def interval_at(horizon: HorizonPart, at: str) -> int:
    """The interval that holds at a moment: `now`, or ISO 8601 in the plan's zone.

    A plan that repeats holds on any day, by its clock; another one on its own dates alone.
    Raises UsageError.
    """
    zone = ZoneInfo(horizon.timezone)
    try:
        moment = datetime.now(zone) if at == "now" else localized(at, zone)
    except ValueError as error:
        raise UsageError(f"--at {at!r}: {error}; or write now") from error
    start = horizon.start.astimezone(zone)
    if recurrence(horizon) is Recurrence.DATED:
        past_s = (moment.astimezone(UTC) - start.astimezone(UTC)).total_seconds()
    else:
        clock = moment.replace(tzinfo=None) - start.replace(tzinfo=None)
        past_s = clock.total_seconds() % (horizon.intervals * horizon.interval_s)
    interval = math.floor(past_s / horizon.interval_s)
    if not 0 <= interval < horizon.intervals:
        end = horizon.boundaries()[-1]
        raise UsageError(
            f"--at {at}: the plan is for {start.isoformat()} to {end.isoformat()}, and does not "
            "repeat; plan that day, or name a time within"
        )
    return interval


@dataclass(frozen=True, slots=True)
class InForce:
    """The weights of one moment."""

    routers: tuple[tuple[Router, Weights], ...]
    """Of each workload that has any."""
    asked_for: dict[str, str]
    """By workload the model name that its requests ask for, in the header `MODEL_HEADER`; empty
    where there is only one workload."""
    notes: tuple[str, ...]
    """Of which plan and time they are, and for whom they are not right."""


def in_force(document: PlanDocument, options: ExportOptions) -> InForce:
    """Weights at the moment that `options` name.

    Raises UsageError as `interval_at` and `routers` do,
    and where two workloads are asked for by one name.
    """
    interval = interval_at(document.horizon, options.at)
    every = routers(document, options)
    first, last = document.horizon.boundaries()[interval : interval + 2]
    return InForce(
        tuple(
            (router, weights)
            for router in every
            if (weights := router.weights[interval]) is not None
        ),
        _asked_for(every, options),
        (
            f"Weights of the plan {document.scenario!r} (inputs {document.inputs_sha256[:12]}) for "
            f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}, {recurrence(document.horizon).value}.",
            *(
                f"The plan sends the classes of {router.workload} to different replicas, as "
                "engines differ in what they can serve: route each by its own weights, which "
                "heteroplan export --format router has."
                for router in every
                if router.classes
            ),
        ),
    )


def _asked_for(workloads: Sequence[Router], options: ExportOptions) -> dict[str, str]:
    """By workload the model name that its requests ask for; empty where there is one workload."""
    names: dict[str, str] = {}
    for each in workloads if len(workloads) > 1 else ():
        name = options.served_name(each.workload, each.model)
        if other := [workload for workload, taken in names.items() if taken == name]:
            raise UsageError(
                f"--served-name gives {name!r} to {other[0]} and {each.workload}: no route can "
                "tell their requests apart; add {workload} to it"
            )
        names[each.workload] = name
    return names


def uneven(document: PlanDocument) -> tuple[str, ...]:
    """Workloads that a router which gives every replica of a role the same would overload."""
    found: dict[str, None] = {}
    by_role: dict[tuple[str, Role], list[PoolPart]] = defaultdict(list)
    second = _second_parts(document) if any(pool.share for pool in document.pools) else set()
    for pool in document.pools:
        if pool.share and (pool.workload, pool.engine) not in second:
            by_role[pool.workload, pool.role].append(pool)
    for (workload, _), pools in by_role.items():
        for interval in range(document.horizon.intervals):
            each = [
                pool.share[interval] / pool.replicas[interval]
                for pool in pools
                if pool.replicas[interval]
            ]
            if each and max(each) - min(each) > UNEVEN * max(each):
                found[workload] = None
    return tuple(found)


def shares_needed(document: PlanDocument) -> str:
    """One line for schedules that do not say how traffic is divided; empty where all is even."""
    names = uneven(document)
    if not names:
        return ""
    return (
        f"The replicas of {', '.join(names)} do not get the same traffic each: give the router "
        "the weights of heteroplan export --format router, httproute or envoy."
    )
