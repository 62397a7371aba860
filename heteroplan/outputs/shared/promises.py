"""What a workload promises, and the routing and arrivals that its capacity counts on, in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf

from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import Routing, Workload

MOST_SENTENCES = 5


@dataclass(frozen=True, slots=True)
class Promise:
    """Of a workload, or of one of its classes that has an SLO of its own."""

    to: str
    """The workload, with the class in brackets."""
    slo: str
    routing: str
    arrivals: str


def promises(workloads: Iterable[Workload]) -> Iterator[Promise]:
    """Each workload, followed by its classes that have SLOs of their own."""
    for load in workloads:
        counted_on = routing_text(load), arrivals_text(load)
        yield Promise(load.name, slo_text(load.slo), *counted_on)
        mixes = {id(each.classes): each.classes for each in load.demand}.values()
        own = {
            (kind.name, slo_text(kind.slo)): None
            for mix in mixes
            for kind in mix
            if kind.slo is not None
        }
        for name, text in own:
            yield Promise(f"{load.name} ({name})", text, *counted_on)


def special_sentences(workloads: Iterable[Workload]) -> tuple[str, ...]:
    """Of workloads with another routing than the default, bursts, several SLOs or those of classes:
    one sentence for all of which the same is told, `MOST_SENTENCES` at most."""
    alike: dict[Promise, list[str]] = {}
    for each in promises(filter(_is_special, workloads)):
        alike.setdefault(replace(each, to=""), []).append(each.to)
    found = [
        f"Promise of {', '.join(names)}: {each.slo}; {each.routing} routing; "
        f"arrivals {each.arrivals}."
        for each, names in alike.items()
    ]
    more = len(found) - MOST_SENTENCES
    return (
        *found[:MOST_SENTENCES],
        *([f"and {more:,} more promises (report.html)"] if more > 0 else []),
    )


def _is_special(load: Workload) -> bool:
    routed = {load.routing[engine.role] for engine in load.profile.engines}
    classed = any(kind.slo is not None for kind in load.demand[0].classes)
    unlike = routed != {Routing.LEAST_LOADED} or load.slo_items > 1
    return unlike or classed or bool(load.arrivals.points)


def slo_text(slo: Slo) -> str:
    """Such as `99 %: TTFT 2,000 ms, ITL 50 ms`; several that hold at once with a semicolon."""
    return "; ".join(map(_one, slo.items))


def _one(slo: Slo) -> str:
    of = "ITL of each token" if slo.itl_of is ItlOf.TOKEN else "ITL"
    limits = (
        ("TTFT", slo.ttft_ms, slo.ttft_slowdown, slo.ttft_percentile),
        (of, slo.itl_ms, slo.itl_slowdown, slo.itl_percentile),
        ("last token", inf, slo.e2e_slowdown, None),
    )
    parts = []
    for name, most_ms, slowdown, percentile in limits:
        targets = [f"{most_ms:,g} ms"] if most_ms < inf else []
        targets += [f"{slowdown:g} times alone"] if slowdown < inf else []
        share = "" if percentile is None else f" ({_share(percentile)})"
        if targets:
            parts.append(f"{name} {' and '.join(targets)}{share}")
    return f"{_share(slo.percentile)}: {', '.join(parts)}"


def _share(percentile: float) -> str:
    return f"{100 * percentile:g} %"


def routing_text(load: Workload) -> str:
    """The routing, with the role where its roles have several."""
    roles = dict.fromkeys(engine.role for engine in load.profile.engines)
    words = {role: load.routing[role].value.replace("_", " ") for role in roles}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{role.value} {word}" for role, word in words.items())


def arrivals_text(load: Workload) -> str:
    """How bursty arrivals are at the percentile of the SLO, at all time scales that are known."""
    known, share = load.arrivals, load.slo.percentile
    scales = sorted({each.scale_s for each in known.points})
    if not scales:
        return "Poisson"
    prefill = _range([known.prefill(each, share) for each in scales])
    decode = _range([known.decode(each, share) for each in scales])
    times = prefill if prefill == decode else f"prefill {prefill}, decode {decode}"
    return f"{times} times Poisson ({known.source.value})"


def _range(values: list[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"
