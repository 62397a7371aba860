"""Nodes, their places and prices -> fleet.yaml, as its schema has it and as text."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs.checks.fleet import FleetCase, fleet_problems
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.schemas.fleet import FleetFile, LatencySpec, NodeTypeSpec, OutageSpec
from heteroplan.inventory.join import listed
from heteroplan.inventory.levels import Place, Placed, as_label
from heteroplan.inventory.limits import Absence, TypedNode
from heteroplan.inventory.node_types import Typed
from heteroplan.inventory.prices import Priced
from heteroplan.reading.yaml_source import Document
from heteroplan.text import visible

NOT_WRITTEN = "fleet (not written)"
"""How problems call a fleet that scenarios would refuse."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = ("null", "true", "false")
"""What YAML reads as something else than text."""
_NUMBERS = re.compile(r"(\d+)")
_COMMENT_WIDTH = 98


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Shares of the NIC bandwidth that the user states; None is the default of a fleet file."""

    across_leaves: float | None = None
    across_spines: float | None = None


def fleet_spec(
    name: str,
    typed: Typed,
    placed: Placed,
    priced: Priced,
    out: Sequence[Absence],
    bandwidth: Bandwidth,
) -> FleetFile:
    """The file. Raises InputError where scenarios would refuse it, such as for a wrong `name`."""
    used = Counter(node_type.name for _, node_type in typed.nodes)
    gpus = {node_type.gpu for _, node_type in typed.nodes}
    label = as_label(name)
    data: dict[str, object] = {
        "name": name if placed.has_network else label,
        "gpu_types": [
            {"name": gpu, "memory_gib": memory_gib}
            for gpu, memory_gib in typed.gpu_types.items()
            if gpu in gpus
        ],
        "node_types": [
            {
                "name": each.name,
                "gpu": each.gpu,
                "gpus": each.gpus,
                "nic_gbit_per_s": float(priced.nic_gbit_per_s[each.name]),
                "usd_per_gpu_hour": float(priced.usd_per_gpu_hour[each.name]),
            }
            for each in typed.node_types
            if used[each.name]
        ],
        "bandwidth": {
            key: share
            for key in ("across_leaves", "across_spines")
            if (share := getattr(bandwidth, key)) is not None
        },
        "unavailable": [
            {
                "leaf": each.leaf if placed.has_network else label,
                "node_type": each.node_type,
                "nodes": len(each.nodes),
                "start": each.start.isoformat(timespec="seconds"),
                "end": each.end.isoformat(timespec="seconds"),
            }
            for each in out
        ],
    }
    if placed.has_network:
        data["network"] = _network(typed.nodes, placed.places)
    else:
        data["nodes"] = dict(used)
    return _checked(data)


def fleet_text(
    spec: FleetFile, comments: Iterable[str] = (), reasons: Sequence[Absence] = ()
) -> str:
    """The file as YAML, with comments at its top; `reasons` are those of its outages, in order."""
    lines = [line for comment in comments for line in _comment(comment)]
    lines.append(f"name: {_scalar(spec.name)}")
    if spec.gpu_types:
        lines.append("gpu_types:")
        lines += [f"  - {_flow(dict(each))}" for each in spec.gpu_types]
    lines.append("node_types:")
    lines += [line for each in spec.node_types for line in _node_type(each)]
    if spec.nodes is not None:
        lines.append(f"nodes: {_flow(spec.nodes)}")
    else:
        lines += _network_lines(spec)
    given = spec.bandwidth.model_fields_set
    shares = {name: share for name, share in spec.bandwidth if name in given}
    if shares:
        lines.append(f"bandwidth: {_flow(shares)}")
    if spec.failures is not None:
        lines.append(f"failures: {_flow(dict(spec.failures))}")
    if spec.latency:
        lines.append("latency:")
        lines += [f"  - {_latency(each)}" for each in spec.latency]
    if spec.unavailable:
        lines.append("unavailable:")
        lines += _outages(spec.unavailable, reasons)
    return "\n".join(lines) + "\n"


def natural(name: str) -> tuple[str | int, ...]:
    """A key that sorts rack2 before rack10."""
    parts = _NUMBERS.split(name)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts))


def _checked(data: dict[str, object]) -> FleetFile:
    problems: list[InputProblem] = []
    document = Document(NOT_WRITTEN, data)
    spec = checked(document, FleetFile, problems)
    if spec is not None:
        problems += fleet_problems(FleetCase(document, spec, ZoneInfo("UTC")))
    if problems or spec is None:
        raise InputError(problems)
    return spec


def _network(nodes: Sequence[TypedNode], places: Mapping[str, Place]) -> list[dict[str, object]]:
    """Clusters, spines and leaves with their nodes, each in the order of names."""
    tree: dict[str, dict[str, dict[str, Counter[str]]]] = {}
    for node, node_type in nodes:
        at = places[node.name]
        leaves = tree.setdefault(at.cluster, {}).setdefault(at.spine, {})
        leaves.setdefault(at.leaf, Counter())[node_type.name] += 1
    return [
        {
            "cluster": cluster,
            "spines": [
                {
                    "spine": spine,
                    "leaves": [
                        {"leaf": leaf, "nodes": dict(leaves[leaf])}
                        for leaf in sorted(leaves, key=natural)
                    ],
                }
                for spine, leaves in sorted(spines.items(), key=lambda each: natural(each[0]))
            ],
        }
        for cluster, spines in sorted(tree.items(), key=lambda each: natural(each[0]))
    ]


def _comment(text: str) -> Iterator[str]:
    """Lines that YAML skips, broken between words."""
    line = "#"
    for word in visible(text).split(" "):
        if len(line) + 1 + len(word) > _COMMENT_WIDTH and line not in ("#", "#  "):
            yield line
            line = "#  "
        line = f"{line} {word}"
    yield line


def _node_type(each: NodeTypeSpec) -> Iterator[str]:
    given = each.model_dump(exclude_none=True)
    for i, (name, value) in enumerate(given.items()):
        shown = _flow(value) if isinstance(value, dict) else _scalar(value)
        yield f"  {'-' if i == 0 else ' '} {name}: {shown}"


def _network_lines(spec: FleetFile) -> Iterator[str]:
    yield "network:"
    for cluster in spec.network or []:
        yield f"  - cluster: {_scalar(cluster.cluster)}"
        if cluster.region is not None:
            yield f"    region: {_scalar(cluster.region)}"
        yield "    spines:"
        for spine in cluster.spines:
            yield f"      - spine: {_scalar(spine.spine)}"
            yield "        leaves:"
            for leaf in spine.leaves:
                yield f"          - {{leaf: {_scalar(leaf.leaf)}, nodes: {_flow(leaf.nodes)}}}"


def _latency(each: LatencySpec) -> str:
    between = ", ".join(map(_scalar, each.between))
    price = each.egress_usd_per_gb
    shown = _flow(price) if isinstance(price, dict) else _scalar(price)
    egress = "" if price is None else f", egress_usd_per_gb: {shown}"
    return f"{{between: [{between}], round_trip_ms: {_scalar(each.round_trip_ms)}{egress}}}"


def _outages(outages: Sequence[OutageSpec], reasons: Sequence[Absence]) -> Iterator[str]:
    for i, outage in enumerate(outages):
        if i < len(reasons):
            why = ", ".join(reasons[i].reasons)
            yield f"  # {visible(f'{why}: {listed(reasons[i].nodes)}')}"
        yield f"  - {_flow(dict(outage))}"


def _flow(fields: Mapping[str, object]) -> str:
    """A mapping on one line."""
    inside = ", ".join(f"{_scalar(name)}: {_scalar(value)}" for name, value in fields.items())
    return f"{{{inside}}}"


def _scalar(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
