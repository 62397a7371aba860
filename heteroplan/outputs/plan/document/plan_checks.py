"""Whether the parts of a plan.json agree with one another."""

from collections.abc import Iterator, Sized

from heteroplan.outputs.plan.document.input_checks import Found, input_disagreements
from heteroplan.outputs.plan.document.plan_document import EgressPairPart, PlanDocument
from heteroplan.reading.yaml_source import FieldPath


def disagreements(document: PlanDocument) -> Found:
    """Every list has one value an interval, intervals exist, and so do the workloads named.

    Inputs are those of the plan.
    """
    intervals = document.horizon.intervals
    for path, row in _rows(document):
        if len(row) != intervals:
            yield path, f"has {len(row):,} values; the horizon has {intervals:,} intervals"
    for i, shortage in enumerate(document.shortages):
        if shortage.interval >= intervals:
            yield ("shortages", i, "interval"), "lies beyond the horizon"
        for j, reason in enumerate(shortage.reasons):
            if reason.starts is not None and reason.starts >= intervals:
                yield ("shortages", i, "reasons", j, "starts"), "lies beyond the horizon"
    for i, limit in enumerate(document.limits):
        if limit.last >= intervals:
            yield ("limits", i, "last"), "lies beyond the horizon"
        if limit.first > limit.last:
            yield ("limits", i, "first"), "lies after its last"
    yield from _unknown(document)
    yield from input_disagreements(document)


def _rows(document: PlanDocument) -> Iterator[tuple[FieldPath, Sized]]:
    """All lists of one value an interval."""
    for i, pool in enumerate(document.pools):
        yield ("pools", i, "replicas"), pool.replicas
        if pool.share:
            yield ("pools", i, "share"), pool.share
        for kind, share in pool.class_share.items():
            yield ("pools", i, "class_share", kind), share
        for name, by_leaf in (("leaves", pool.leaves), ("starting", pool.starting)):
            for leaf, row in by_leaf.items():
                yield ("pools", i, name, leaf), row
    for i, load in enumerate(document.workloads):
        for name in ("demand_rps", "served_rps", "capacity_rps", "pd_ratio"):
            yield ("workloads", i, name), getattr(load, name)
    for i, use in enumerate(document.supply):
        yield ("supply", i, "supply"), use.supply
        yield ("supply", i, "held"), use.held
    for i, engine in enumerate(document.engines):
        if isinstance(engine.capacity_rps, tuple):
            yield ("engines", i, "capacity_rps"), engine.capacity_rps


def _unknown(document: PlanDocument) -> Found:
    names = [load.name for load in document.workloads]
    first = {name: i for i, name in reversed(list(enumerate(names)))}
    for i, name in enumerate(names):
        if first[name] < i:
            yield ("workloads", i, "name"), "another workload has the same name; rename one"
    named: dict[FieldPath, str] = {
        **{("engines", i): each.workload for i, each in enumerate(document.engines)},
        **{("pools", i): each.workload for i, each in enumerate(document.pools)},
        **{("shortages", i): each.workload for i, each in enumerate(document.shortages)},
        **{("egress", "pairs", i): each.workload for i, each in enumerate(_pairs(document))},
    }
    known = frozenset(names)
    for path, name in named.items():
        if name not in known:
            yield (*path, "workload"), f"no such workload; there are {', '.join(names)}"


def _pairs(document: PlanDocument) -> tuple[EgressPairPart, ...]:
    return () if document.egress is None else document.egress.pairs
