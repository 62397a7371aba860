"""`init`: a new scenario folder that plans at once."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from heteroplan.clock import now
from heteroplan.errors import UsageError
from heteroplan.pipelines.new_scenario.choices import Asks, chosen
from heteroplan.pipelines.new_scenario.demand import horizon_of
from heteroplan.pipelines.new_scenario.files import SCENARIO, NewScenario, gpus_at_peak
from heteroplan.pipelines.new_scenario.fleet import FleetOptions, chosen_fleet
from heteroplan.pipelines.new_scenario.models import chosen_models, given_models
from heteroplan.pipelines.new_scenario.workloads import (
    WorkloadOptions,
    check_workloads,
    chosen_demand,
    workload_draft,
)
from heteroplan.pipelines.shared.arguments import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """What is given of a new scenario."""

    name: str | None = None
    """Of the scenario; that of the folder where not given."""
    fleet: FleetOptions = field(default_factory=FleetOptions)
    workloads: WorkloadOptions = field(default_factory=WorkloadOptions)
    days: int = 1
    timezone: str | None = None
    """UTC where nobody says something else."""


@dataclass(frozen=True, slots=True)
class InitResult:
    """A new scenario folder."""

    folder: Path
    files: tuple[Path, ...]
    """That were written."""
    examples: tuple[tuple[Path, str], ...]
    """What in them nobody gave: a file and some of its values, in words."""
    needed_gpus: float
    """At the peaks of all workloads, with the engines that take the fewest; an estimate."""
    gpus: int
    """Of the fleet."""
    notes: tuple[str, ...] = ()
    """What an import of the fleet left out or assumed."""


def drafted(folder: Name, options: InitOptions, asks: Asks | None = None) -> NewScenario:
    """A scenario for `folder`, of which nothing is written.

    What no option gives is asked, or an example where nobody can be asked. Raises UsageError and
    InputError.
    """
    target = Path(folder)
    _check_free(target)
    zone = _zone(options.timezone, asks)
    models = given_models(options.workloads.models)
    likely = [engine.gpu for model in models for engine in model.engines]
    name = options.name or target.resolve().name
    fleet = chosen_fleet(target, name, options.fleet, asks, likely)
    models = chosen_models(models, fleet.fleet, asks)
    check_workloads(options.workloads, [each.workload for each in models])
    demands = [chosen_demand(model, options.workloads, asks, zone) for model in models]
    horizon = horizon_of(
        [each.value for each in demands],
        start=options.workloads.start,
        days=options.days,
        interval=options.workloads.interval,
        zone=zone,
        tomorrow=now().astimezone(zone).date() + timedelta(days=1),
    )
    return NewScenario(
        target,
        name,
        fleet,
        horizon,
        tuple(
            workload_draft(model, demand, options.workloads, asks, horizon)
            for model, demand in zip(models, demands, strict=True)
        ),
    )


def written(scenario: NewScenario) -> InitResult:
    """Try the scenario out, and write it.

    No file is overwritten, and none is written where the scenario has problems. Raises UsageError
    and InputError.
    """
    loaded = scenario.loaded()
    if scenario.lacks_peaks:
        scenario = scenario.with_peaks(loaded)
        loaded = scenario.loaded()
    return InitResult(
        scenario.folder,
        scenario.write(),
        scenario.examples,
        sum(each.needed for each in gpus_at_peak(loaded).values()),
        loaded.scenario.fleet.gpus,
        scenario.fleet.notes,
    )


def _check_free(folder: Path) -> None:
    """Raises UsageError: the folder has a scenario, or is none."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder")
    if (folder / SCENARIO).exists():
        raise UsageError(f"{folder / SCENARIO} is there already; name another folder")


def _zone(given: str | None, asks: Asks | None) -> ZoneInfo:
    from heteroplan.forecasting.curve.curve import zone_of

    def read(text: str) -> ZoneInfo:
        try:
            return zone_of(text)
        except UsageError as error:
            raise ValueError(str(error)) from None

    if given is not None:
        return zone_of(given)
    return chosen(None, asks, "Time zone", read, "UTC").value
