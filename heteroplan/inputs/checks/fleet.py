"""Rules across the fields of a fleet file, one function a rule."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from re import fullmatch
from zoneinfo import ZoneInfo

from heteroplan.errors import MOST_NOTED, InputProblem
from heteroplan.inputs.build import gpu_types, leaves
from heteroplan.inputs.schemas.base import LABEL
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.reading.local_time import localized
from heteroplan.reading.yaml_source import Document, FieldPath
from heteroplan.text import of_words

_MOST_NAMES = 20
"""Known names that a message lists."""
_MOST_NEAR = 5
"""GPU types that a message says may be meant."""


@dataclass(frozen=True, slots=True)
class FleetCase:
    """A fleet file that fits its schema."""

    document: Document
    spec: FleetFile
    zone: ZoneInfo
    """Where stamps without an offset are local."""


def fleet_problems(case: FleetCase) -> list[InputProblem]:
    """What every rule finds, as far as it is looked for."""
    return [problem for rule in RULES for problem in islice(rule(case), MOST_NOTED)]


def check_gpu_types_known(case: FleetCase) -> Iterator[InputProblem]:
    """Every node type's GPU is built in or described under gpu_types."""
    known = gpu_types(case.spec)
    for i, each in enumerate(case.spec.node_types):
        if each.gpu not in known:
            near = close_names(each.gpu, known)
            shown = near[:_MOST_NEAR]
            if len(near) > len(shown):
                shown.append(f"one of {len(near) - len(shown)} more")
            hint = f"did you mean {' or '.join(shown)}? Or " if near else ""
            remedy = (
                f"unknown GPU type; {hint}describe it: gpu_types: "
                f"[{{name: {each.gpu}, memory_gib: ...}}]"
            )
            yield case.document.problem(("node_types", i, "gpu"), remedy)


def check_gpu_type_names_unique(case: FleetCase) -> Iterator[InputProblem]:
    """No GPU type is described twice."""
    names = [(each.name, ("gpu_types", i, "name")) for i, each in enumerate(case.spec.gpu_types)]
    yield from doubled(case.document, names, "GPU type")


def check_node_type_names_unique(case: FleetCase) -> Iterator[InputProblem]:
    """No node type is described twice."""
    names = [(each.name, ("node_types", i, "name")) for i, each in enumerate(case.spec.node_types)]
    yield from doubled(case.document, names, "node type")


def check_network_names_unique(case: FleetCase) -> Iterator[InputProblem]:
    """No two leaves, no two spines and no two clusters share a name."""
    names: dict[str, list[tuple[str, FieldPath]]] = {"cluster": [], "spine": [], "leaf": []}
    for i, cluster in enumerate(case.spec.network or []):
        at: FieldPath = ("network", i)
        names["cluster"].append((cluster.cluster, (*at, "cluster")))
        for j, spine in enumerate(cluster.spines):
            below: FieldPath = (*at, "spines", j)
            names["spine"].append((spine.spine, (*below, "spine")))
            names["leaf"] += [
                (leaf.leaf, (*below, "leaves", k, "leaf")) for k, leaf in enumerate(spine.leaves)
            ]
    for level, found in names.items():
        yield from doubled(case.document, found, level)


def check_node_types_known(case: FleetCase) -> Iterator[InputProblem]:
    """Nodes are counted by node types of this file."""
    known = [each.name for each in case.spec.node_types]
    for path, nodes in _node_counts(case.spec):
        for name in nodes:
            if name not in known:
                yield case.document.problem((*path, name), unknown("node type", name, known))


def check_one_domain_name(case: FleetCase) -> Iterator[InputProblem]:
    """A fleet without a network is one domain, so its name is that of a domain."""
    if case.spec.network is None and not fullmatch(LABEL, case.spec.name):
        remedy = (
            "not an RFC 1123 label, and a fleet with nodes: is a network domain of this name; "
            "use lower-case letters, digits and -, at most 63"
        )
        yield case.document.problem(("name",), remedy)


def check_latencies(case: FleetCase) -> Iterator[InputProblem]:
    """Each is between two different regions of clusters, no pair twice, with both prices or one."""
    known = {each.region: None for each in case.spec.network or () if each.region is not None}
    seen: set[frozenset[str]] = set()
    for i, each in enumerate(case.spec.latency):
        field = ("latency", i, "between")
        pair = frozenset(each.between)
        for k, name in enumerate(each.between):
            if name not in known:
                yield case.document.problem((*field, k), unknown("region", name, known))
        if len(pair) < len(each.between):
            yield case.document.problem(field, "a region twice; name two")
        elif pair in seen:
            yield case.document.problem(field, "these two appear above; keep one of the entries")
        seen.add(pair)
        prices = each.egress_usd_per_gb
        if isinstance(prices, dict) and prices.keys() != pair:
            one, other = each.between
            remedy = f"a price for each of the two; write {{{one}: 0.02, {other}: 0.09}}"
            yield case.document.problem(("latency", i, "egress_usd_per_gb"), remedy)


def check_outage_places(case: FleetCase) -> Iterator[InputProblem]:
    """Nodes are away from a leaf that has some of their type."""
    nodes = {leaf.name: leaf.nodes for leaf in leaves(case.spec)}
    for i, outage in enumerate(case.spec.unavailable):
        at: FieldPath = ("unavailable", i)
        if outage.leaf not in nodes:
            yield case.document.problem((*at, "leaf"), unknown("leaf", outage.leaf, nodes))
        elif outage.node_type not in nodes[outage.leaf]:
            remedy = unknown(f"node type on {outage.leaf}", outage.node_type, nodes[outage.leaf])
            yield case.document.problem((*at, "node_type"), remedy)


def check_outage_times(case: FleetCase) -> Iterator[InputProblem]:
    """Both ends exist in the zone and the end is after the start."""
    for i, outage in enumerate(case.spec.unavailable):
        moments = []
        for name in ("start", "end"):
            try:
                moments.append(localized(getattr(outage, name), case.zone))
            except ValueError as error:
                yield case.document.problem(("unavailable", i, name), str(error))
        if len(moments) == 2 and moments[1].timestamp() <= moments[0].timestamp():
            remedy = f"not after start {outage.start}; set a later end"
            yield case.document.problem(("unavailable", i, "end"), remedy)


def check_outage_counts(case: FleetCase) -> Iterator[InputProblem]:
    """At no moment are more nodes away than there are (looked at where an outage starts)."""
    nodes = {leaf.name: leaf.nodes for leaf in leaves(case.spec)}
    spans = [_span(case, i) for i in range(len(case.spec.unavailable))]
    alike = defaultdict(list)
    for outage, span in zip(case.spec.unavailable, spans, strict=True):
        if span is not None:
            alike[outage.leaf, outage.node_type].append((outage.nodes, span))
    for i, outage in enumerate(case.spec.unavailable):
        there = nodes.get(outage.leaf, {}).get(outage.node_type)
        begin = spans[i]
        if there is None or begin is None:
            continue
        away = sum(
            others
            for others, span in alike[outage.leaf, outage.node_type]
            if span[0] <= begin[0] < span[1]
        )
        if away > there:
            together = "" if away == outage.nodes else f" ({away} with overlapping entries)"
            remedy = (
                f"more than there are{together}: {outage.leaf} has {there} "
                f"{outage.node_type} nodes; lower it"
            )
            yield case.document.problem(("unavailable", i, "nodes"), remedy)


RULES = (
    check_gpu_types_known,
    check_gpu_type_names_unique,
    check_node_type_names_unique,
    check_network_names_unique,
    check_node_types_known,
    check_one_domain_name,
    check_latencies,
    check_outage_places,
    check_outage_times,
    check_outage_counts,
)


def doubled(
    document: Document, names: Iterable[tuple[str, FieldPath]], what: str
) -> Iterator[InputProblem]:
    """A problem for each name that stood before."""
    times: Counter[str] = Counter()
    for name, path in names:
        times[name] += 1
        if times[name] > 1:
            yield document.problem(path, f"another {what} has this name; rename one")


def close_names(name: str, known: Iterable[str]) -> list[str]:
    """Those of `known` that have the words of `name`, or that hold it, or the two most like it."""
    there = list(known)
    holding = [each for each in there if name.lower() in each.lower()]
    return of_words(name, there) or holding or get_close_matches(name, there, n=2, cutoff=0.5)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """What to do about a name that is none of `known`."""
    there = list(known)
    near = get_close_matches(name, there, n=1)
    if near:
        return f"unknown {what}; did you mean '{near[0]}'?"
    more = f" and {len(there) - _MOST_NAMES} more" if len(there) > _MOST_NAMES else ""
    return f"unknown {what}; known are {', '.join(there[:_MOST_NAMES]) or 'none'}{more}"


def _node_counts(spec: FleetFile) -> Iterator[tuple[FieldPath, dict[str, int]]]:
    if spec.nodes is not None:
        yield ("nodes",), spec.nodes
    for i, cluster in enumerate(spec.network or []):
        for j, spine in enumerate(cluster.spines):
            for k, leaf in enumerate(spine.leaves):
                yield ("network", i, "spines", j, "leaves", k, "nodes"), leaf.nodes


def _span(case: FleetCase, index: int) -> tuple[float, float] | None:
    """Start and end of an outage [Unix s], if both exist."""
    outage = case.spec.unavailable[index]
    try:
        start, end = (localized(text, case.zone) for text in (outage.start, outage.end))
    except ValueError:
        return None
    return start.timestamp(), end.timestamp()
