"""`fleet`: inventories of other systems to a fleet file; one fleet against another.

Only light modules are imported at the top; each stage brings its own (start-up time).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.pipelines.shared.arguments import Name, keywords, names
from heteroplan.reading.collecting import no_collection
from heteroplan.reading.input_size import MOST_SOURCE_BYTES

if TYPE_CHECKING:
    from heteroplan.entities.fleet import Fleet
    from heteroplan.inputs.schemas.fleet import FleetFile
    from heteroplan.inventory.join import Joined
    from heteroplan.inventory.limits import Absence
    from heteroplan.inventory.node import PodRecord, SourceOptions
    from heteroplan.inventory.node_places import NodePlace
    from heteroplan.inventory.node_types import Given
    from heteroplan.inventory.prices import Figures
    from heteroplan.inventory.running import RunningNow
    from heteroplan.outputs.fleet.difference import FleetDifference

type Tell = Callable[[str], None]
type Rate = float | Mapping[str, float]
"""Of all node types, or by node type, instance type or GPU type; `*` stands for all others."""

NAME = "fleet"
"""Of a fleet that nobody names."""


def silent(note: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """Keywords of `import_fleet`."""

    format: str | None = None
    """Of all sources, such as kubernetes; by what is in each file where not given."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns of a table by our names, such as `{"node": "host", "gpu": "model"}` (`--map`)."""
    prices: Name | None = None
    """CSV of prices: node_type, instance_type or gpu, and usd_per_gpu_hour."""
    usd_per_gpu_hour: Rate | None = None
    """Prices (`--price`)."""
    nic_gbit_per_s: Rate | None = None
    """Network bandwidth of a node [Gbit/s]; counts before what sources say."""
    gpus: Mapping[str, str] = field(default_factory=dict)
    """GPU types by how sources write them, as `{"G2": "H100-SXM-80GB"}`, or with the memory
    [GiB] of one that is not built in, `{"P100": "P100:16"}` (`--gpu`)."""
    assume_gpus: str | None = None
    """GPU type and GPUs of nodes of which no source says them, such as `GB200-186GB:4`."""
    name: str = NAME
    """Of the fleet."""
    queue: str | None = None
    """The one quota that counts, such as a Kueue ClusterQueue; all add up where not given."""
    reservations: str | Sequence[str] = ()
    """Reservations whose nodes may be used (`--reservation`)."""
    across_leaves: float | None = None
    """Share of the NIC bandwidth between two leaves of a spine."""
    across_spines: float | None = None
    """Share of the NIC bandwidth between two spines of a cluster."""
    tolerate: str | Sequence[str] = ()
    """Taints that the planned pods tolerate, as key or `key=value`."""
    timezone: str = "UTC"
    """Of times that sources give without an offset, such as Slurm's reservations."""
    max_bytes: int = MOST_SOURCE_BYTES
    """Held of a file at a time."""
    tell: Tell = silent
    """Told what is left out or assumed, as it is found; also before an error."""


@dataclass(frozen=True)
class FleetResult:
    """A fleet made of inventories, and what it looks like as files."""

    spec: "FleetFile"
    """As fleet.yaml holds it."""
    places: tuple["NodePlace", ...]
    """Every node of the fleet."""
    pods: tuple["PodRecord", ...]
    """What holds GPUs now."""
    notes: tuple[str, ...]
    """What was left out or assumed, one sentence each."""
    sources: tuple[str, ...]
    """Files and their formats, such as `nodes.json (kubernetes)`."""
    absences: tuple["Absence", ...]
    """Nodes that are out, in the order of the file."""

    @cached_property
    def fleet(self) -> "Fleet":
        """As plans use it."""
        from heteroplan.inputs.build import fleet

        return fleet(self.spec, ZoneInfo("UTC"))

    @cached_property
    def text(self) -> str:
        """fleet.yaml."""
        from heteroplan.inventory.fleet_file import fleet_text

        comments = [f"Written by heteroplan fleet import from {', '.join(self.sources)}."]
        return fleet_text(self.spec, [*comments, *self.notes], self.absences)

    @cached_property
    def places_csv(self) -> str:
        """Which node of the sources is which node of the fleet."""
        from heteroplan.outputs.fleet.places_csv import places_csv

        return places_csv(self.places)

    def running(
        self,
        *,
        engine_labels: Mapping[str, str] | None = None,
        plan: Name | None = None,
        targets: Name | None = None,
    ) -> "RunningNow":
        """What runs now, as the CSV that `plan --current` reads.

        Labels of pods name `workload` and `engine` (and `replica_id`); or the targets of `plan`, or
        of the file `targets`, name the objects that own the pods. Raises UsageError and InputError.
        """
        from heteroplan.pipelines.fleet_running import running

        return running(
            self.pods,
            self.places,
            engine_labels or {},
            None if plan is None else names(plan)[0],
            None if targets is None else names(targets)[0],
        )

    def write(self, file: Name) -> None:
        """Write fleet.yaml. Raises UsageError."""
        from heteroplan.outputs.shared.files import write_all

        write_all({Path(file): self.text})


@keywords(FleetOptions)
def import_fleet(sources: Name | Iterable[Name], options: FleetOptions) -> FleetResult:
    """A fleet from what Kubernetes, Slurm, clouds, fabrics and tables say of nodes.

    Sources are joined by names of nodes. GPU types that are not known are left out and told;
    prices and network bandwidths that nobody says are errors. Keywords are the fields of
    `FleetOptions`. Raises UsageError and InputError.
    """
    from heteroplan.inventory.fleet_file import Bandwidth, fleet_spec
    from heteroplan.inventory.join import join
    from heteroplan.inventory.levels import place
    from heteroplan.inventory.limits import absences, within_quotas
    from heteroplan.inventory.node_places import node_places
    from heteroplan.inventory.node_types import typed
    from heteroplan.inventory.prices import priced
    from heteroplan.inventory.reading import read_sources

    asked = names(sources)
    if not asked:
        raise UsageError("name a source, such as nodes.json of kubectl get nodes -o json")
    given, figures = _given(options), _figures(options)
    told = _Told(options.tell)
    with no_collection():
        contents = read_sources(
            list(map(Path, asked)), options.format, _source_options(options), options.max_bytes
        )
    told.all(f"{each.file}: {note}" for each in contents for note in each.notes)
    joined = join(contents)
    told.all(joined.notes)
    if not joined.nodes:
        raise UsageError(_no_nodes(asked))
    found = typed(joined.nodes, given)
    told.all(found.notes)
    if not found.nodes:
        raise UsageError(_nothing(asked))
    placed = place([node for node, _ in found.nodes], options.name, joined.level_labels)
    told.all(placed.notes)
    kept, notes = within_quotas(found.nodes, placed.places, joined.quotas, options.queue)
    told.all(notes)
    if not kept:
        raise UsageError("no node is left within the quotas")
    own = names(options.reservations)
    _check_reservations(own, joined)
    out = sorted(absences(kept, placed.places, joined.reservations, own))
    prices = priced(Counter(node_type for _, node_type in kept), figures)
    told.all(prices.notes)
    spec = fleet_spec(
        options.name,
        replace(found, nodes=tuple(kept)),
        placed,
        prices,
        out,
        Bandwidth(options.across_leaves, options.across_spines),
    )
    return FleetResult(
        spec=spec,
        places=node_places(kept, placed, spec),
        pods=joined.pods,
        notes=tuple(told.notes),
        sources=tuple(f"{each.file} ({each.format})" for each in contents),
        absences=tuple(out),
    )


def read_fleet(name: Name) -> "Fleet":
    """The fleet of a fleet file or a scenario. Raises InputError."""
    from heteroplan.inputs.fleet_files import read_fleet

    return read_fleet(names(name)[0])


def diff_fleets(before: Name, after: Name) -> "FleetDifference":
    """What differs between two fleets: files of fleets or scenarios. Raises InputError."""
    from heteroplan.outputs.fleet.difference import difference

    fleets: list[Fleet] = []
    problems: list[InputProblem] = []
    for name in (before, after):
        try:
            fleets.append(read_fleet(name))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return difference(*fleets)


class _Told:
    """Notes that were told, each once."""

    def __init__(self, tell: Tell) -> None:
        self.notes: list[str] = []
        self._tell = tell

    def all(self, notes: Iterable[str]) -> None:
        for note in notes:
            if note not in self.notes:
                self.notes.append(note)
                self._tell(note)


def _source_options(options: FleetOptions) -> "SourceOptions":
    """What readers need. Raises UsageError."""
    from heteroplan.inventory.node import SourceOptions

    try:
        zone = ZoneInfo(options.timezone)
    except (KeyError, ValueError, OSError):
        remedy = "unknown time zone; write an IANA name such as Asia/Singapore or UTC"
        raise UsageError(f"--timezone {options.timezone}: {remedy}") from None
    return SourceOptions(
        columns=dict(options.columns), zone=zone, tolerated=frozenset(names(options.tolerate))
    )


def _given(options: FleetOptions) -> "Given":
    """What the user says of GPUs. Raises UsageError."""
    from heteroplan.inventory.node_types import MOST_GPUS, Given, NamedGpu
    from heteroplan.reading.numbers import parse_number_within, parse_whole

    def named(text: str, option: str) -> NamedGpu:
        name, colon, memory = text.partition(":")
        try:
            memory_gib = parse_number_within(memory, 1e-3, 1e6) if colon else None
        except ValueError as error:
            raise UsageError(f"{option} {text}: the memory [GiB] is {error}") from None
        if not name:
            raise UsageError(f"{option} {text}: names no GPU type; write for example H100-SXM-80GB")
        return NamedGpu(name, memory_gib)

    assumed = None
    if options.assume_gpus is not None:
        gpu, _, count = options.assume_gpus.rpartition(":")
        try:
            gpus = parse_whole(count, 1, MOST_GPUS)
        except ValueError as error:
            remedy = (
                f"--assume-gpus {options.assume_gpus}: {error}; write for example GB200-186GB:4"
            )
            raise UsageError(remedy) from None
        assumed = named(gpu, "--assume-gpus"), gpus
    gpus_by_name = {text: named(name, f"--gpu {text}=") for text, name in options.gpus.items()}
    return Given(gpus=gpus_by_name, assumed=assumed)


def _figures(options: FleetOptions) -> "Figures":
    """What the user says of node types. Raises UsageError and InputError."""
    from heteroplan.inventory.prices import EVERY, MOST, Figures, read_prices
    from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown

    def by_name(rate: Rate | None, option: str, least: float) -> dict[str, float]:
        if rate is None:
            return {}
        rates = dict(rate) if isinstance(rate, Mapping) else {EVERY: rate}
        for name, value in rates.items():
            if not least <= value <= MOST:
                of = "" if name == EVERY else f"{name}="
                raise UsageError(f"{option} {of}{value:g}: not between {least:g} and {MOST:g}")
        return {name: float(value) for name, value in rates.items()}

    rows, shown_name = [], ""
    if options.prices is not None:
        name = names(options.prices)[0]
        path = STDIN if name == "-" else Path(name)
        shown_name = shown(path)
        try:
            rows = read_prices(Files().text(path), shown_name)
        except UnreadableError as error:
            raise InputError([InputProblem(shown_name, 0, "", "", str(error))]) from None
    return Figures(
        rows=rows,
        file=shown_name,
        usd_per_gpu_hour=by_name(options.usd_per_gpu_hour, "--price", 0),
        nic_gbit_per_s=by_name(options.nic_gbit_per_s, "--nic-gbit-per-s", 1e-12),
    )


def _no_nodes(asked: Sequence[str]) -> str:
    return (
        f"{', '.join(asked)}: no source lists nodes; add one that does, such as nodes.json of "
        "kubectl get nodes -o json"
    )


def _nothing(asked: Sequence[str]) -> str:
    return (
        f"no node with whole GPUs of a known type in {', '.join(asked)}; the notes say what was "
        "left out and which option changes it"
    )


def _check_reservations(own: Sequence[str], joined: "Joined") -> None:
    """Raises UsageError for one that no source has."""
    known = [each.name for each in joined.reservations]
    for name in own:
        if name not in known:
            raise UsageError(
                f"--reservation {name}: no source has it; there are {', '.join(known) or 'none'}"
            )
