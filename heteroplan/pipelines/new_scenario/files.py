"""The files of a new scenario: tried out in another place, then written."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from heteroplan.entities.workload import Role
from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.inputs.daily_shapes import DailyShape
from heteroplan.outputs.init.drafts import ScenarioDraft, TraceDraft
from heteroplan.pipelines.new_scenario.demand import HorizonDraft
from heteroplan.pipelines.new_scenario.fleet import FILE, FleetChoice
from heteroplan.pipelines.new_scenario.workloads import NewWorkload
from heteroplan.reading.durations import parse_duration_s
from heteroplan.reading.input_files import shown

if TYPE_CHECKING:
    from heteroplan.entities.capacity import Candidate
    from heteroplan.entities.workload import Workload
    from heteroplan.inputs import Loaded

SCENARIO = "scenario.yaml"
EXAMPLE_USE = 0.4
"""Share of the GPUs that example demand needs at its peak."""
_S_PER_HOUR = 3600
_EXAMPLES = {
    "model": "model",
    "demand": "demand",
    "isl": "input tokens",
    "osl": "output tokens",
    "ttft_ms": "TTFT",
    "itl_ms": "ITL",
    "percentile": "percentile",
    "headroom": "headroom",
}
"""Fields of a workload in words, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Need:
    """GPUs of one workload at its peak."""

    needed: float
    """With the engines that take the fewest GPUs; infinite where none serves it."""
    supply: int
    """GPUs of the node types that its engines run on."""


@dataclass(frozen=True, slots=True)
class NewScenario:
    """A scenario that is not written yet."""

    folder: Path
    name: str
    fleet: FleetChoice
    horizon: HorizonDraft
    workloads: tuple[NewWorkload, ...]

    @property
    def lacks_peaks(self) -> bool:
        """Whether the height of some demand is still to be chosen."""
        return any(each.shape and each.shape.peak_rps is None for each in self.workloads)

    @property
    def examples(self) -> tuple[tuple[Path, str], ...]:
        """What nobody gave: the file, and its values in words."""
        found = [(self.folder / FILE, each) for each in self.fleet.examples]
        for each in self.workloads:
            draft = each.draft
            named = [words for field, words in _EXAMPLES.items() if field in draft.examples]
            if isinstance(draft.demand, TraceDraft) and draft.demand.examples:
                named.append("start of the trace")
            found.append((self.folder / SCENARIO, f"{', '.join(named)} of {draft.name}"))
        return tuple(found)

    def loaded(self) -> "Loaded":
        """As `plan` would load it, but in hours, which is faster where intervals are shorter.

        Raises InputError with every problem.
        """
        from heteroplan.inputs import load

        with TemporaryDirectory() as trial:
            folder = Path(trial)
            for path, text in self._texts(folder).items():
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
            if self.fleet.text is None and self.fleet.place == FILE:
                content = (self.folder / FILE).read_bytes()
                (folder / FILE).write_bytes(content)
            try:
                return load(trial, interval=self._trial_interval())
            except InputError as error:
                raise self._told(error, folder) from None

    def with_peaks(self, loaded: "Loaded") -> "NewScenario":
        """With peaks that need some of the GPUs; `loaded` has a peak of 1 request/s for each."""
        needs = gpus_at_peak(loaded)
        open_ones = [each for each in self.workloads if each.shape and each.shape.peak_rps is None]
        part = EXAMPLE_USE / len(open_ones)

        def high(each: NewWorkload) -> NewWorkload:
            if each.shape is None or each.shape.peak_rps is not None:
                return each
            need = needs[each.draft.name]
            peak_rps = _rounded_down(part * need.supply / need.needed)
            return replace(each, shape=replace(each.shape, peak_rps=peak_rps))

        return replace(self, workloads=tuple(high(each) for each in self.workloads))

    def write(self) -> tuple[Path, ...]:
        """Write all files or none; their paths. Raises UsageError, also where one is there."""
        from heteroplan.outputs.shared.files import try_folder, write_all

        texts = self._texts(self.folder)
        for path in texts:
            if path.exists():
                raise UsageError(f"{path} is there already; name another folder")
        for folder in dict.fromkeys(path.parent for path in texts):
            try_folder(folder)
        write_all(texts)
        return tuple(texts)

    def _texts(self, folder: Path) -> dict[Path, str]:
        from heteroplan.outputs.init.scenario_text import scenario_text

        draft = ScenarioDraft(
            self.name,
            self.fleet.place,
            self.horizon.fields,
            tuple(each.draft for each in self.workloads),
        )
        texts = {folder / SCENARIO: scenario_text(draft, folder)}
        if self.fleet.text is not None:
            texts[folder / FILE] = self.fleet.text
        for each in self.workloads:
            if each.shape is not None:
                texts[folder / str(each.draft.demand)] = self._curve(each.shape)
        return texts

    def _curve(self, shape: DailyShape) -> str:
        """A demand CSV of the horizon."""
        from heteroplan.outputs.shared.files import csv_text

        horizon = self.horizon.horizon()
        starts = (each.isoformat(timespec="minutes") for each in horizon.boundaries())
        rates = (f"{rps:.5g}" for rps in shape.rates_rps(horizon))
        return csv_text(("interval_start", "rps"), zip(starts, rates, strict=False))

    def _trial_interval(self) -> str | None:
        """An hour where it is whole intervals of whole days; None for the scenario's own."""
        interval_s = parse_duration_s(str(self.horizon.fields["interval"]))
        in_hours = interval_s < _S_PER_HOUR and _S_PER_HOUR % interval_s == 0
        return "1h" if in_hours and "intervals" not in self.horizon.fields else None

    def _told(self, error: InputError, trial: Path) -> InputError:
        """With the names that the files would have had."""
        own = {shown(path): shown(self.folder / path.name) for path in self._texts(trial)}
        own[shown(trial / FILE)] = shown(self.folder / FILE)
        problems = [replace(each, file=own.get(each.file, each.file)) for each in error.problems]
        remedy = (
            "was not written, as it would have these problems; give other options (what "
            "allow_extrapolation: true allows, --allow-extrapolation does)"
        )
        return InputError([*problems, InputProblem(str(self.folder), 0, "", "", remedy)])


def gpus_at_peak(loaded: "Loaded") -> dict[str, Need]:
    """What each workload needs at its busiest, by name."""
    fleet = loaded.scenario.fleet
    sizes = {each.name: each.gpus for each in fleet.node_types}
    found = {}
    for workload in loaded.scenario.workloads:
        usable = [each for each in loaded.candidates if each.workload == workload.name]
        types = {each.node_type for each in usable if each.usable}
        supply = sum(
            nodes * sizes[name]
            for leaf in fleet.network.leaves
            for name, nodes in leaf.nodes.items()
            if name in types
        )
        found[workload.name] = Need(_needed(workload, usable), supply)
    return found


def _needed(workload: "Workload", candidates: "list[Candidate]") -> float:
    """GPUs, divided replicas counted in part."""
    least = dict.fromkeys(Role, math.inf)
    for role in Role:
        for gpus in _engine_gpus(workload, [c for c in candidates if c.engine.role is role]):
            least[role] = min(least[role], gpus)
    return min(least[Role.AGGREGATED], least[Role.PREFILL] + least[Role.DECODE])


def _engine_gpus(workload: "Workload", candidates: "list[Candidate]") -> Iterator[float]:
    """GPUs that serve the peak with each engine; of a divided one those of all its parts."""
    from heteroplan.entities.capacity import busy, mix_rps

    peak = workload.busiest
    demand = workload.demand[peak]
    parts: dict[str, dict[str, float]] = {}
    for each in candidates:
        engine, points = each.engine, each.points[peak]
        rps = mix_rps(
            (kind.share, point.capacity_rps)
            for kind, point in zip(demand.classes, points, strict=True)
        )
        gpus = engine.gpus * busy(demand.rps, rps)
        whole = engine.name if engine.part is None else engine.part.of
        of_engine = parts.setdefault(whole, {})
        of_engine[engine.name] = min(gpus, of_engine.get(engine.name, math.inf))
    for of_engine in parts.values():
        yield sum(of_engine.values())


def _rounded_down(number: float) -> float:
    """To two digits."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.floor(number / unit) * unit:.2g}")
