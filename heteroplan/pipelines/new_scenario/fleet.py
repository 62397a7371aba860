"""The fleet of a new scenario: a file that is there, or nodes that somebody counts."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.errors import UsageError
from heteroplan.inputs.checks.fleet import close_names
from heteroplan.inputs.gpu_types import built_in
from heteroplan.pipelines.new_scenario.choices import (
    Asks,
    Chosen,
    by_name,
    check_names,
    chosen,
    numbers,
    wholes,
)
from heteroplan.pipelines.new_scenario.models import label

if TYPE_CHECKING:
    from heteroplan.entities.fleet import Fleet
    from heteroplan.outputs.init.drafts import NodesDraft, Place

FILE = "fleet.yaml"
MOST_NODES, MOST_GPUS, MOST_GBIT_PER_S, MOST_USD = 1_000_000, 1024, 1e6, 1e6
_UNSAID = 1.234567e-9
"""Stands for a price or bandwidth of which it is to be found out whether somebody says it."""
_SEEN_BYTES = 1 << 16
_NODE_TYPES = re.compile(rb"\bnode_types[\"']?\s*:")
"""In every fleet file, and in no inventory that is known."""
GPUS_PER_NODE = 8
"""Of a node, where nobody says something else."""
EXAMPLE_NODES = 4
EXAMPLES: Mapping[str, tuple[float, float]] = {
    "H100-SXM-80GB": (3200.0, 2.50),
    "A100-SXM-80GB": (1600.0, 1.20),
    "H200-SXM-141GB": (3200.0, 3.20),
    "B200-SXM-180GB": (3200.0, 5.00),
    "L40S-48GB": (400.0, 0.80),
}
"""Network bandwidth of a node of 8 [Gbit/s] and price of a GPU [USD/h] by GPU type: examples, which
files mark as such. The first one stands for a fleet of which nothing is known."""


_WORDS = {
    "gpu": "GPU type",
    "nodes": "number of nodes",
    "nic_gbit_per_s": "network bandwidth",
    "usd_per_gpu_hour": "price",
}
"""Fields of nodes in words."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What is given of a fleet."""

    sources: Sequence[str] = ()
    """A fleet.yaml, or what `fleet import` reads."""
    nodes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """GPUs of a node and number of nodes, by GPU type."""
    usd_per_gpu_hour: Mapping[str, float] = field(default_factory=dict)
    """By GPU type, node type or instance type, or for all."""
    nic_gbit_per_s: Mapping[str, float] = field(default_factory=dict)
    """Of a node, by the same names, or for all."""
    prices: str | None = None
    """CSV of both, for an import."""


@dataclass(frozen=True, slots=True)
class FleetChoice:
    """The fleet of a new scenario."""

    place: "Place"
    """Where its file is."""
    fleet: "Fleet"
    text: str | None = None
    """Of the file, where it is a new one."""
    examples: tuple[str, ...] = ()
    """What of it nobody gave."""
    notes: tuple[str, ...] = ()
    """What an import left out or assumed."""


def chosen_fleet(
    folder: Path, name: str, options: FleetOptions, asks: Asks | None, likely: Sequence[str]
) -> FleetChoice:
    """The fleet that is given, stands in the folder already, or is described by hand.

    `name` is that of a new one, `likely` are the GPU types of the models, for an example. Raises
    UsageError and InputError.
    """
    there = folder / FILE
    sources = list(options.sources)
    if sources and options.nodes:
        raise UsageError("--fleet and --nodes are two fleets; leave one of them out")
    if not sources and not options.nodes and not there.exists() and asks is not None:
        question = "Fleet: a fleet.yaml, or nodes.json of kubectl and so on (Enter: by hand)"
        sources = [each for each in [asks.ask(question, _existing_or_none, "")] if each]
    if sources and not (len(sources) == 1 and _is_fleet_file(sources[0])):
        return _imported(there, name, sources, options, asks)
    if not sources and not there.exists():
        return _by_hand(name, options, asks, likely)
    return _from_file(Path(sources[0]) if sources else there, there, options)


def _from_file(file: Path, there: Path, options: FleetOptions) -> FleetChoice:
    """A fleet file, which stays where it is."""
    from heteroplan.inputs.fleet_files import read_fleet

    if options.nodes or options.usd_per_gpu_hour or options.nic_gbit_per_s or options.prices:
        raise UsageError(
            f"--nodes, --price, --prices and --nic-gbit-per-s describe a new fleet: {file} has "
            "nodes and prices; change them there, or name another folder and no --fleet"
        )
    is_own = there.exists() and file.exists() and file.samefile(there)
    return FleetChoice(FILE if is_own else file.absolute(), read_fleet(str(file)))


def _imported(
    there: Path, name: str, sources: Sequence[str], options: FleetOptions, asks: Asks | None
) -> FleetChoice:
    """A new fleet file, as `fleet import` makes it."""
    from heteroplan.inventory.prices import EVERY
    from heteroplan.pipelines.fleet import import_fleet

    if there.exists():
        raise UsageError(f"{there} is there already; name another folder, or leave out --fleet")
    usd_per_gpu_hour, nic_gbit_per_s = (
        {known or EVERY: number for known, number in given.items()}
        for given in (options.usd_per_gpu_hour, options.nic_gbit_per_s)
    )
    take = partial(import_fleet, sources, name=label(name), prices=options.prices)
    if asks is not None:
        unsaid = {EVERY: _UNSAID}
        spec = take(
            usd_per_gpu_hour=unsaid | usd_per_gpu_hour, nic_gbit_per_s=unsaid | nic_gbit_per_s
        ).spec
        for each in spec.node_types:
            usd, nic = each.usd_per_gpu_hour, each.nic_gbit_per_s
            if usd == _UNSAID:
                usd_per_gpu_hour[each.name] = _price(each.gpu, None, asks).value
            if nic == _UNSAID:
                nic_gbit_per_s[each.name] = _bandwidth(each.gpu, None, asks).value
    made = take(usd_per_gpu_hour=usd_per_gpu_hour, nic_gbit_per_s=nic_gbit_per_s)
    return FleetChoice(FILE, made.fleet, made.text, notes=made.notes)


def _by_hand(
    name: str, options: FleetOptions, asks: Asks | None, likely: Sequence[str]
) -> FleetChoice:
    """A new fleet file of nodes that somebody counts."""
    from heteroplan.inputs.build import fleet
    from heteroplan.inputs.schemas.fleet import FleetFile
    from heteroplan.outputs.init.fleet_text import fleet_text
    from heteroplan.reading.yaml_source import parse_value

    if options.prices is not None:
        raise UsageError("--prices is for an import with --fleet; write --price GPU=USD instead")
    drafts = _drafts(options, asks, likely)
    text = fleet_text(label(name), drafts)
    spec = FleetFile.model_validate(parse_value(text, FILE))
    told = tuple(each for draft in drafts for each in _told(draft))
    return FleetChoice(FILE, fleet(spec, ZoneInfo("UTC")), text, told)


def _is_fleet_file(source: str) -> bool:
    """Whether it is no inventory; standard input is one, as scenarios cannot name it.

    Raises UsageError for what is no file.
    """
    if source == "-":
        return False
    path = Path(source)
    try:
        with path.open("rb") as file:
            return _NODE_TYPES.search(file.read(_SEEN_BYTES)) is not None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise UsageError(f"--fleet {source}: {reason}; name a file") from None


def _drafts(options: FleetOptions, asks: Asks | None, likely: Sequence[str]) -> "list[NodesDraft]":
    """Nodes that are given or asked for, by GPU type."""
    known = [*options.nodes]
    if known:
        check_names("--price", options.usd_per_gpu_hour, known, "GPU type in --nodes")
        check_names("--nic-gbit-per-s", options.nic_gbit_per_s, known, "GPU type in --nodes")
        return [_given_nodes(gpu, options, asks) for gpu in known]
    drafts = [_asked_nodes(options, asks, _example_gpu(likely))]
    while asks is not None:
        there = [each.gpu for each in drafts]
        gpu = asks.ask("Another GPU type (Enter: none)", _other_gpu(there), "")
        if not gpu:
            break
        drafts.append(_asked_nodes(options, asks, gpu, fixed=True))
    return drafts


def _told(draft: "NodesDraft") -> Iterator[str]:
    """What nobody gave."""
    named = [words for field, words in _WORDS.items() if field in draft.examples]
    if named:
        yield f"{', '.join(named)} of {draft.gpu}"


def _given_nodes(gpu: str, options: FleetOptions, asks: Asks | None) -> "NodesDraft":
    from heteroplan.outputs.init.drafts import NodesDraft

    try:
        _gpu(gpu)
    except ValueError as error:
        raise UsageError(f"--nodes {gpu}: {error}") from None
    gpus, nodes = options.nodes[gpu]
    return _with_figures(NodesDraft(gpu, nodes, gpus, 0.0, 0.0), options, asks)


def _asked_nodes(
    options: FleetOptions, asks: Asks | None, likely: str, *, fixed: bool = False
) -> "NodesDraft":
    from heteroplan.outputs.init.drafts import NodesDraft

    gpu = Chosen(likely) if fixed else chosen(None, asks, "GPU type", _gpu, likely)
    gpus = chosen(None, asks, "GPUs of a node", wholes(1, MOST_GPUS), str(GPUS_PER_NODE))
    nodes = chosen(None, asks, "Number of nodes", wholes(1, MOST_NODES), str(EXAMPLE_NODES))
    examples = {"gpu": gpu.is_example, "nodes": nodes.is_example}
    draft = NodesDraft(
        gpu.value, nodes.value, gpus.value, 0.0, 0.0, frozenset(n for n in examples if examples[n])
    )
    return _with_figures(draft, options, asks)


def _with_figures(draft: "NodesDraft", options: FleetOptions, asks: Asks | None) -> "NodesDraft":
    """With bandwidth and price. Raises UsageError where nobody gives them and none is likely."""
    nic_given = by_name(options.nic_gbit_per_s, draft.gpu)
    usd_given = by_name(options.usd_per_gpu_hour, draft.gpu)
    is_known = draft.gpu in EXAMPLES or asks is not None
    if not is_known and (nic_given is None or usd_given is None):
        raise UsageError(
            f"{draft.gpu}: give the price and the network bandwidth, such as "
            f"--price {draft.gpu}=2.5 --nic-gbit-per-s {draft.gpu}=400"
        )
    nic_gbit_per_s = _bandwidth(draft.gpu, nic_given, asks)
    usd_per_gpu_hour = _price(draft.gpu, usd_given, asks)
    examples = set(draft.examples)
    examples |= {"nic_gbit_per_s"} if nic_gbit_per_s.is_example else set()
    examples |= {"usd_per_gpu_hour"} if usd_per_gpu_hour.is_example else set()
    return replace(
        draft,
        nic_gbit_per_s=nic_gbit_per_s.value,
        usd_per_gpu_hour=usd_per_gpu_hour.value,
        examples=frozenset(examples),
    )


def _bandwidth(gpu: str, given: float | None, asks: Asks | None) -> Chosen[float]:
    """Of a node [Gbit/s]."""
    question = f"Network bandwidth of a node of {gpu} [Gbit/s]"
    example = f"{EXAMPLES[gpu][0]:g}" if gpu in EXAMPLES else ""
    return chosen(given, asks, question, numbers(1e-3, MOST_GBIT_PER_S), example)


def _price(gpu: str, given: float | None, asks: Asks | None) -> Chosen[float]:
    """Of a GPU [USD/h]."""
    example = f"{EXAMPLES[gpu][1]:g}" if gpu in EXAMPLES else ""
    return chosen(given, asks, f"Price of one {gpu} [USD/h]", numbers(0.0, MOST_USD), example)


def _example_gpu(likely: Sequence[str]) -> str:
    """One with known figures that the models have engines for, or the first."""
    return next((gpu for gpu in EXAMPLES if gpu in likely), next(iter(EXAMPLES)))


def _gpu(text: str) -> str:
    if text not in built_in():
        near = close_names(text, built_in())
        more = (
            f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(built_in())}"
        )
        raise ValueError(f"unknown GPU type; {more}")
    return text


def _other_gpu(there: Sequence[str]) -> Callable[[str], str]:
    """Reads a GPU type that is not there yet, or nothing."""

    def read(text: str) -> str:
        if text in there:
            raise ValueError(f"{text} is there already; edit {FILE} for a second kind of node")
        return _gpu(text) if text else text

    return read


def _existing_or_none(text: str) -> str:
    if text and not Path(text).is_file():
        raise ValueError(f"there is no file {text}")
    return text
