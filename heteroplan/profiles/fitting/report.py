"""Fits of whole measurement files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from heteroplan.entities.workload import MAX_ORIGIN, Role
from heteroplan.profiles.fitting.end_to_end import fit_runs
from heteroplan.profiles.fitting.fit import ALL, Within, fit
from heteroplan.profiles.fitting.fitted import Fitted, named, of_points, of_runs, with_limits
from heteroplan.profiles.fitting.rated import rated_engine
from heteroplan.profiles.measurement import Measurement, Rated, Run
from heteroplan.profiles.readers.file_measurements import FileMeasurements

LONGEST_NAME = 200
"""Characters of a file's name in an origin."""
NO_SHAPE = "capacities are stated by request shape: give --isl and --osl to take one"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of what was measured is to be fitted."""

    gpu: str | None = None
    gpus: int | None = None
    within: Within = ALL
    shape: tuple[float, float] | None = None
    """Input and output tokens of a request: what rated capacities are taken of, and the prompts
    that prefill is fitted to most closely."""

    def has(self, measured: Measurement | Run | Rated) -> bool:
        """Whether it is of the GPU type and size."""
        return self.gpu in (None, measured.gpu) and self.gpus in (None, measured.gpus)


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class FitReport:
    """What `heteroplan fit` found."""

    fitted: tuple[Fitted, ...]
    """Prefill, decode, then aggregated engines, by GPU type, then by size."""
    skipped: tuple[str, ...]
    """What has too few points, and the remedy."""


def fit_all(
    readings: Sequence[tuple[str, FileMeasurements]], wanted: Wanted = EVERYTHING
) -> FitReport:
    """A fit of every engine in the files, each file with its name."""
    every = [reading for _, reading in readings]
    parts = (
        _of_points([p for each in every for p in each.points if wanted.has(p)], wanted),
        _of_runs([run for each in every for run in each.runs if wanted.has(run)]),
        _of_rated([cell for each in every for cell in each.rated if wanted.has(cell)], wanted),
    )
    held = {engine: tokens for each in every for engine, tokens in each.kv_tokens.items()}
    fitted = with_limits(named(each for found, _ in parts for each in found), held)
    return FitReport(
        tuple(_with_files(each, readings) for each in fitted),
        tuple(note for _, skipped in parts for note in skipped),
    )


def _of_points(points: Iterable[Measurement], wanted: Wanted) -> tuple[list[Fitted], list[str]]:
    groups: dict[tuple[bool, str, int], list[Measurement]] = {}
    for point in points:
        key = (point.phase is Role.DECODE, point.gpu, point.gpus)
        groups.setdefault(key, []).append(point)
    isl = wanted.shape[0] if wanted.shape else None
    fitted, skipped = [], []
    for key in sorted(groups):
        try:
            fitted.append(of_points(fit(groups[key], wanted.within, isl)))
        except ValueError as error:
            skipped.append(str(error))
    return fitted, skipped


def _of_runs(runs: Sequence[Run]) -> tuple[list[Fitted], list[str]]:
    once = list(dict.fromkeys(runs))
    fits, skipped = fit_runs(once)
    if len(once) < len(runs):
        skipped.append(f"left out {len(runs) - len(once)} runs that repeat another one exactly")
    return [
        each for fit in fits for each in of_runs(fit, [run for run in once if fit.is_of(run)])
    ], skipped


def _of_rated(rated: Iterable[Rated], wanted: Wanted) -> tuple[list[Fitted], list[str]]:
    groups: dict[tuple[str, int], list[Rated]] = {}
    for cell in rated:
        groups.setdefault((cell.gpu, cell.gpus), []).append(cell)
    if groups and wanted.shape is None:
        return [], [NO_SHAPE]
    fitted, skipped = [], []
    for key in sorted(groups):
        try:
            fitted.append(rated_engine(groups[key], *(wanted.shape or (0.0, 0.0))))
        except ValueError as error:
            skipped.append(str(error))
    return fitted, skipped


def _with_files(fitted: Fitted, readings: Sequence[tuple[str, FileMeasurements]]) -> Fitted:
    """With the names and hashes of what its engine was measured in."""
    engine = fitted.engine
    mine = [
        (reading.origin or name, reading.sha256)
        for name, reading in readings
        if (engine.gpu, engine.gpus, engine.role) in reading.engines
    ]
    source = replace(
        engine.source,
        origin=_listed([name for name, _ in mine]),
        sha256=tuple(sha256 for _, sha256 in mine if sha256),
    )
    return replace(fitted, engine=replace(engine, source=source))


def _listed(names: Sequence[str]) -> str:
    """The first names, as many as an origin may hold, and how many more; none of it unprintable."""
    shown = [_printable(name) for name in names]
    room = MAX_ORIGIN - len(f" and {len(names)} more")
    lengths = accumulate(len(name) + len(", ") for name in shown)
    count = sum(length <= room for length in lengths)
    more = len(names) - count
    return ", ".join(shown[:count]) + (f" and {more} more" if more else "")


def _printable(name: str) -> str:
    text = "".join(each if each.isprintable() else "?" for each in name)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 3] + "..."
