"""Scenario, fleet, profiles, demand and measurements: files -> entities, every problem at once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from heteroplan.clock import now
from heteroplan.entities.arrivals import Arrivals
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.scenario import Horizon, Objective, Running, Scenario
from heteroplan.entities.workload import Engine, Profile
from heteroplan.errors import MOST_NOTED, InputError, InputProblem
from heteroplan.inputs import build
from heteroplan.inputs.checks import engines as checks
from heteroplan.inputs.checks import targets as target_checks
from heteroplan.inputs.checks import topology as topology_checks
from heteroplan.inputs.checks.fleet import FleetCase, fleet_problems
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.checks.workload_case import WorkloadCase
from heteroplan.inputs.overrides import ProfileOverrides, override, override_fleet
from heteroplan.inputs.pasts import Pasts
from heteroplan.inputs.ready import PREFIX, ready_profile
from heteroplan.inputs.regions import of_region
from heteroplan.inputs.relative_start import resolve_start, without_start
from heteroplan.inputs.schemas.demand import TraceSpec
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.inputs.schemas.profile import EngineSpec, ProfileFile
from heteroplan.inputs.schemas.scenario import DemandGrowth, HorizonSpec, ScenarioFile
from heteroplan.inputs.schemas.workload import ResilienceSpec, StabilitySpec, WorkloadSpec
from heteroplan.inputs.tables import current
from heteroplan.inputs.tables.align import aligned
from heteroplan.inputs.tables.arrivals_csv import read_arrivals
from heteroplan.inputs.tables.class_csv import with_classes
from heteroplan.inputs.tables.demand_csv import DemandSeries, read_demand
from heteroplan.inputs.trace_demand import trace_demand
from heteroplan.profiles.capacity.candidates import candidates
from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown
from heteroplan.reading.yaml_source import Document, FieldPath, parse_document

ENOUGH = 10 * MOST_NOTED
"""Problems of all files after which no other workload is looked at."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario, and what each engine serves in it."""

    scenario: Scenario
    candidates: tuple[Candidate, ...]
    """By workload, engine, node type (in file order) and span."""
    offers: str | None = None
    """File of what nodes can be had for; None where the scenario names none."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What is known of a scenario before its demand is read."""

    horizon: Horizon
    overrides: tuple[str, ...]
    """With the date in the place of a start of today or tomorrow."""
    fleet: Fleet
    engines: Mapping[str, Mapping[str, Engine]]
    """Of each workload, by name."""


def read_outline(
    scenario: str, *, overrides: Sequence[str] = (), interval: str | None = None
) -> Outline | None:
    """The outline of the scenario at a path; None where `load` has problems to report."""
    return _Loading(scenario, overrides, interval, None).outline()


def load(
    scenario: str,
    *,
    overrides: Sequence[str] = (),
    interval: str | None = None,
    current: str | None = None,
    files: Files | None = None,
    pasts: Pasts | None = None,
) -> Loaded:
    """The scenario at a path: a scenario.yaml, a folder that holds one, or `-` (standard input).

    Paths in the scenario are relative to its folder (to the working directory for `-`), those
    in a profile to the profile's. `overrides` are `PATH=VALUE` on fields of the scenario file or,
    with `fleet.` before, of its fleet; `interval` is one on `horizon.interval`. `current` is the
    path of a CSV of what runs when the horizon starts (`-` for standard input); with it the horizon
    is not cyclic, whatever the file says. A start of today or tomorrow is that date: the same as
    with it as an override. What `files` have read is not read again, nor traces that `pasts` has.
    Raises InputError with every problem of every file.
    """
    return _Loading(scenario, overrides, interval, current, files, pasts).loaded()


@dataclass(frozen=True, slots=True)
class _ProfileSource:
    document: Document
    spec: ProfileFile
    profile: Profile | None
    """None where an engine could not be fitted."""


class _Loading:
    """One call of `load`. What a problem spoils is None, and the rest is looked at all the same."""

    def __init__(
        self,
        scenario: str,
        overrides: Sequence[str],
        interval: str | None,
        running: str | None,
        files: Files | None = None,
        pasts: Pasts | None = None,
    ) -> None:
        self._pasts = Pasts() if pasts is None else pasts
        self._pasts.used.clear()
        self._files = Files(files)
        self._problems: list[InputProblem] = []
        self._profiles: dict[Path, _ProfileSource | None] = {}
        self._current = None if running is None else STDIN if running == "-" else Path(running)
        path = located(scenario)
        self._folder = Path() if path == STDIN else path.parent
        try:
            self._document, found = parse_document(self._files.text(path), shown(path))
        except UnreadableError as error:
            raise InputError([InputProblem(shown(path), 0, "", "", str(error))]) from None
        self._problems += found + override(self._document, overrides, interval)
        day = resolve_start(self._document, now())
        self._of_profiles = ProfileOverrides(overrides)
        self._overrides = tuple(overrides if day is None else [*without_start(overrides), day])
        self._options = (
            *self._overrides,
            *([] if interval is None else [f"--interval={interval}"]),
        )

    def loaded(self) -> Loaded:
        """All stages in order."""
        spec = checked(self._document, ScenarioFile, self._problems)
        if spec is not None:
            self._problems += checks.check_change_costs(self._document, spec)
        zone, horizon = self._horizon()
        fleet = self._fleet(zone or ZoneInfo("UTC"))
        cases = [case for case in self._cases(zone, horizon, fleet) if case is not None]
        self._problems += self._of_profiles.unmatched()
        self._problems += topology_checks.check_replica_sizes(cases)
        if self._problems or spec is None or horizon is None or fleet is None:
            raise InputError(self._sorted())
        made = Scenario(
            name=spec.name,
            fleet=fleet,
            horizon=horizon,
            objective=Objective(spec.objective),
            workloads=tuple(case.workload for case in cases),
            inputs_sha256="",
            targets=tuple(map(build.target_rule, spec.targets)),
            surge=tuple(spec.surge.items()),
        )
        self._problems += target_checks.check_targets_known(self._document, made)
        self._problems += target_checks.check_targets_reached(self._document, made.targets)
        self._problems += topology_checks.check_surge(self._document, made)
        running = self._running(made)
        if self._problems:
            raise InputError(self._sorted())
        return Loaded(
            replace(made, current=running, inputs_sha256=self._files.sha256(self._options)),
            tuple(candidate for case in cases for candidate in case.candidates),
            None if spec.offers is None else str(self._folder / spec.offers),
        )

    def outline(self) -> Outline | None:
        """Without demand, and without the checks that need it."""
        spec = checked(self._document, ScenarioFile, self._problems)
        zone, horizon = self._horizon()
        fleet = self._fleet(zone or ZoneInfo("UTC"))
        if spec is None or horizon is None or fleet is None:
            return None
        sources = {
            each.name: self._profile(("workloads", i, "profile"))
            for i, each in enumerate(spec.workloads)
        }
        engines = {
            name: {engine.name: engine for engine in source.profile.engines}
            for name, source in sources.items()
            if source is not None and source.profile is not None
        }
        if self._problems or len(engines) < len(spec.workloads):
            return None
        return Outline(horizon, self._overrides, fleet, engines)

    def _running(self, scenario: Scenario) -> tuple[Running, ...] | None:
        if self._current is None:
            return None
        name = shown(self._current)
        try:
            text = self._files.text(self._current, current.MAX_BYTES)
            folder = None if self._current == STDIN else self._current.parent
            return current.read_current(text, name, scenario, folder)
        except InputError as error:
            self._problems.extend(error.problems)
        except UnreadableError as error:
            self._problems.append(InputProblem(name, 0, "", "", str(error)))
        return None

    def _sorted(self) -> list[InputProblem]:
        order = {name: i for i, name in enumerate(self._files.order)}
        return sorted(
            self._problems,
            key=lambda each: (order.get(each.file, len(order)), each.file, each.line),
        )

    def _horizon(self) -> tuple[ZoneInfo | None, Horizon | None]:
        spec = _fitting(HorizonSpec, self._document.value(("horizon",)))
        if spec is None:
            return None, None
        try:
            horizon = build.horizon(spec)
        except build.FieldError as error:
            problem = self._document.problem(("horizon", error.field), str(error))
            self._problems.append(problem)
            return ZoneInfo(spec.timezone), None
        cyclic = horizon.cyclic and self._current is None
        return ZoneInfo(spec.timezone), replace(horizon, cyclic=cyclic)

    def _fleet(self, zone: ZoneInfo) -> Fleet | None:
        document = self._referenced(self._document, ("fleet",), self._folder)
        if document is not None:
            self._problems += override_fleet(document, self._overrides)
        spec = checked(document, FleetFile, self._problems) if document else None
        if document is None or spec is None:
            return None
        problems = fleet_problems(FleetCase(document, spec, zone))
        self._problems += problems
        return None if problems else build.fleet(spec, zone)

    def _cases(
        self, zone: ZoneInfo | None, horizon: Horizon | None, fleet: Fleet | None
    ) -> Iterator[WorkloadCase | None]:
        raw = self._document.value(("workloads",))
        paths: list[FieldPath] = [
            ("workloads", i) for i in range(len(raw) if isinstance(raw, list) else 0)
        ]
        specs = {path: _fitting(WorkloadSpec, self._document.value(path)) for path in paths}
        fitting = [(path, spec) for path, spec in specs.items() if spec is not None]
        self._problems += checks.check_workload_names_unique(self._document, fitting)
        unlike = topology_checks.check_anti_affinity(self._document, fitting)
        self._problems += islice(unlike, MOST_NOTED)
        for path, spec in specs.items():
            if len(self._problems) >= ENOUGH:
                return
            yield self._case(path, spec, zone, horizon, fleet)

    def _case(
        self,
        path: FieldPath,
        spec: WorkloadSpec | None,
        zone: ZoneInfo | None,
        horizon: Horizon | None,
        fleet: Fleet | None,
    ) -> WorkloadCase | None:
        source = self._profile((*path, "profile"))
        demand = self._demand(path, spec, zone, horizon)
        arrivals = None if spec is None else self._arrivals((*path, "arrivals"), spec)
        if source is not None and spec is not None:
            self._problems += checks.check_model(self._document, path, spec, source.spec)
        if (
            spec is None
            or source is None
            or source.profile is None
            or demand is None
            or arrivals is None
            or horizon is None
            or fleet is None
        ):
            return None
        defaults = build.Defaults(
            _fitting(ResilienceSpec, self._document.value(("resilience",))),
            _fitting(StabilitySpec, self._document.value(("stability",))),
        )
        workload = build.workload(
            spec,
            source.profile,
            aligned(demand, horizon),
            defaults,
            demand.notes,
            arrivals if "arrivals" in spec.model_fields_set else demand.arrivals or arrivals,
            self._growth(),
        )
        if spec.origin is not None:
            workload, far = of_region(self._document, path, spec.origin, workload, fleet)
            self._problems += far
        case = WorkloadCase(
            self._document,
            path,
            source.document,
            replace(workload, trace_end=demand.trace_end),
            fleet,
            horizon,
            candidates(workload, fleet),
        )
        rules = (*checks.RULES, *topology_checks.RULES)
        self._problems += [problem for rule in rules for problem in rule(case)]
        return case

    def _growth(self) -> float:
        """Of the scenario; what is none is a problem of the whole file."""
        given = {name: self._document.value((name,)) for name in DemandGrowth.model_fields}
        stated = {name: value for name, value in given.items() if value is not None}
        found = _fitting(DemandGrowth, stated)
        return 1.0 if found is None else found.factor

    def _demand(
        self,
        path: FieldPath,
        spec: WorkloadSpec | None,
        zone: ZoneInfo | None,
        horizon: Horizon | None,
    ) -> DemandSeries | None:
        """Of the workload at `path`; None also where there is too little to look at."""
        field = (*path, "demand")
        if isinstance(self._document.value(field), dict):
            if spec is None or not isinstance(spec.demand, TraceSpec) or horizon is None:
                return None
            return self._traced(field, spec, spec.demand, horizon)
        file = self._path(self._document, field, self._folder)
        if file is None:
            return None
        with self._gathering(self._document, field):
            series = read_demand(self._files.text(file), shown(file), zone, horizon)
            if series is None or zone is None or spec is None or spec.classes is None:
                return series
            if series.shapes is not None and isinstance(spec.classes, list):
                remedy = "has isl and osl columns, which classes do not use; remove them"
                self._problems.append(self._document.problem(field, remedy))
            return self._classed(series, (*path, "classes"), spec, zone)
        return None

    def _classed(
        self, series: DemandSeries, field: FieldPath, spec: WorkloadSpec, zone: ZoneInfo
    ) -> DemandSeries | None:
        """With the classes of the file that `classes` names, if it names one."""
        if not isinstance(spec.classes, str):
            return series
        file = self._folder / spec.classes
        with self._gathering(self._document, field):
            return with_classes(series, self._files.text(file), shown(file), zone)
        return None

    def _arrivals(self, field: FieldPath, spec: WorkloadSpec) -> Arrivals | None:
        """As the scenario or the file that it names has them; None where that cannot be read."""
        if not isinstance(spec.arrivals, str) or spec.arrivals == "poisson":
            return build.arrivals(spec.arrivals)
        file = self._folder / spec.arrivals
        with self._gathering(self._document, field):
            return read_arrivals(self._files.text(file), shown(file))
        return None

    def _traced(
        self, field: FieldPath, spec: WorkloadSpec, trace: TraceSpec, horizon: Horizon
    ) -> DemandSeries | None:
        with self._gathering(self._document, field):
            series = trace_demand(
                trace,
                self._document,
                field,
                self._folder,
                self._files,
                horizon,
                self._pasts,
                spec.name,
            )
            if series.shapes is None and spec.requests is None:
                remedy = "the trace has no lengths; give those of the requests (requests:)"
                self._problems.append(self._document.problem(field, remedy))
                return None
            return series
        return None

    def _profile(self, field: FieldPath) -> _ProfileSource | None:
        path = self._path(self._document, field, self._folder)
        if path is None:
            return None
        if path not in self._profiles:
            document = self._read(self._document, field, path)
            self._profiles[path] = self._profile_of(document, path.parent) if document else None
        return self._profiles[path]

    def _profile_of(self, document: Document, folder: Path) -> _ProfileSource | None:
        self._problems += self._of_profiles.apply(document)
        spec = checked(document, ProfileFile, self._problems)
        if spec is None:
            return None
        self._problems += checks.check_engine_names_unique(document, spec)
        engines = [
            self._engines(document, ("engines", i, "measurements"), each, folder, spec.model)
            for i, each in enumerate(spec.engines)
        ]
        found = tuple(engine for each in engines for engine in each)
        profile = Profile(spec.model, spec.kv_bytes_per_token, found)
        return _ProfileSource(document, spec, profile if all(engines) else None)

    def _engines(
        self, document: Document, field: FieldPath, spec: EngineSpec, folder: Path, model: str
    ) -> tuple[Engine, ...]:
        """The engine of a model or its parts; none where it could not be fitted."""
        engines = build.engines(spec)
        if spec.measurements is None:
            return engines
        path = folder / spec.measurements
        with self._gathering(document, field):
            self._files.content(path)
            source = Path(shown(path))
            fitted = (_fitted(each, source, spec.measurements, model) for each in engines)
            return tuple(each.times_as_fast(spec.speed_factor) for each in fitted)
        return ()

    def _referenced(self, document: Document, field: FieldPath, folder: Path) -> Document | None:
        """The YAML file that a field names."""
        path = self._path(document, field, folder)
        return None if path is None else self._read(document, field, path)

    def _read(self, document: Document, field: FieldPath, path: Path) -> Document | None:
        with self._gathering(document, field):
            found, problems = parse_document(self._files.text(path), shown(path))
            self._problems += problems
            return found
        return None

    def _path(self, document: Document, field: FieldPath, folder: Path) -> Path | None:
        name = document.value(field)
        if not isinstance(name, str) or not name:
            return None
        if field[-1] != "profile" or not name.startswith(PREFIX):
            return folder / name
        try:
            return ready_profile(name.removeprefix(PREFIX))
        except ValueError as error:
            self._problems.append(document.problem(field, str(error)))
            return None

    @contextmanager
    def _gathering(self, document: Document, field: FieldPath) -> Iterator[None]:
        """Turns what a named file raises into problems: of the file, or of the field."""
        try:
            yield
        except InputError as error:
            self._problems.extend(error.problems)
        except UnreadableError as error:
            self._problems.append(document.problem(field, str(error)))


def located(scenario: str) -> Path:
    """The scenario file that a path, a folder or `-` means; it need not exist."""
    if scenario == "-":
        return STDIN
    path = Path(scenario)
    try:
        return path / "scenario.yaml" if path.is_dir() else path
    except (OSError, ValueError):
        return path


def _fitting[T: BaseModel](model: type[T], data: object) -> T | None:
    """`data` as `model`, if it fits; its problems are those of the whole file."""
    try:
        return model.model_validate(data)
    except ValidationError:
        return None


def _fitted(engine: Engine, measurements: Path, origin: str, model: str) -> Engine:
    from heteroplan.profiles.fitting.fitted import measured_engine
    from heteroplan.profiles.readers.file_measurements import Given
    from heteroplan.profiles.readers.read import read_measurements

    try:
        reading = read_measurements(measurements, given=Given(engine.gpu, engine.gpus, model))
    except InputError as error:
        raise InputError(
            replace(each, remedy=each.remedy.replace("--max-bytes", "heteroplan fit --max-bytes"))
            for each in error.problems
        ) from None
    try:
        return measured_engine(engine, reading, origin)
    except ValueError as error:
        raise UnreadableError(str(error)) from error
