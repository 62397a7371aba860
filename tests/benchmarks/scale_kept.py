"""Runs of the benchmark of scale: each made once, kept in a CSV file, and compared."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from pathlib import Path
from statistics import median

from tests.benchmarks.scale_run import Run, Setting

NOTHING = 1.0
"""Requests that are none."""


@dataclass(frozen=True)
class Asked:
    """An instance planned in one way for the nth time."""

    instance: str
    setting: Setting
    repeat: int = 1

    def cells(self) -> dict[str, str]:
        """What a row of the file begins with."""
        setting = self.setting
        return {
            "instance": self.instance,
            "method": setting.method,
            "without": "+".join(setting.without),
            "clock": "cpu" if setting.cpu else "wall",
            "limit_s": f"{setting.time_limit_s:g}",
            "wanted_gap": f"{setting.gap:g}",
            "repeat": str(self.repeat),
        }

    @classmethod
    def of(cls, cells: Mapping[str, str]) -> "Asked":
        """Of a row. Raises KeyError and ValueError where it is none."""
        setting = Setting(
            gap=float(cells["wanted_gap"]),
            time_limit_s=float(cells["limit_s"]),
            method=cells["method"],
            without=tuple(filter(None, cells["without"].split("+"))),
            cpu=cells["clock"] == "cpu",
        )
        return cls(cells["instance"], setting, int(cells["repeat"]))

    def whole(self) -> "Asked":
        """The case that repeats and runs without an ingredient have in common."""
        return replace(self, setting=replace(self.setting, without=()), repeat=0)


class Kept:
    """Runs by what was asked for; those of a file, if there is one, and new ones appended to it."""

    def __init__(self, file: Path | None) -> None:
        self.runs: dict[Asked, Run] = {}
        self._file = file
        if file is not None and file.is_file():
            with file.open(encoding="utf-8", newline="") as lines:
                for cells in csv.DictReader(lines):
                    self.runs[Asked.of(cells)] = _run(cells)

    def run(self, asked: Asked, measure: Callable[[Setting], Run]) -> Run:
        """What there is, or a new run; one that crashed is not kept."""
        if asked not in self.runs:
            run = measure(asked.setting)
            if not run.ended:
                return run
            self.runs[asked] = run
            self._append({**asked.cells(), **asdict(run)})
        return self.runs[asked]

    def _append(self, cells: Mapping[str, object]) -> None:
        if self._file is None:
            return
        new = not self._file.is_file()
        with self._file.open("a", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, cells)
            if new:
                writer.writeheader()
            writer.writerow(cells)


def _run(cells: Mapping[str, str]) -> Run:
    texts = {name: cells[name] for name in ("error", "ended")}
    names = [field.name for field in fields(Run) if field.name not in texts]
    return Run(**texts, **{name: float(cells[name]) for name in names})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Change:
    """Of a case, against the median of its whole runs."""

    case: Asked
    cost: float | None
    """Relative; None where the two leave unlike demand unserved."""
    bound: float | None
    """Relative; None where one has none."""
    unserved: float
    """More requests."""


def changes(runs: Mapping[Asked, Run]) -> dict[tuple[str, float], list[Change]]:
    """By what is left out and time limit; where nothing is, of each run that was repeated."""
    cases: dict[Asked, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for asked, run in runs.items():
        if not run.error:
            cases[asked.whole()]["+".join(asked.setting.without)].append(run)
    found: dict[tuple[str, float], list[Change]] = defaultdict(list)
    for case, ways in cases.items():
        whole = ways.pop("", [])
        limit_s = case.setting.time_limit_s
        if len(whole) > 1:
            found["", limit_s] += [_change(case, [run], whole) for run in whole]
        for way, some in ways.items():
            if whole:
                found[way, limit_s].append(_change(case, some, whole))
    return found


def _change(case: Asked, runs: Sequence[Run], whole: Sequence[Run]) -> Change:
    def middle(of: Callable[[Run], float]) -> tuple[float, float]:
        return median(map(of, runs)), median(map(of, whole))

    lost, lost_before = middle(lambda run: run.unserved)
    cost, cost_before = middle(lambda run: run.cost)
    bound, bound_before = middle(lambda run: run.bound)
    return Change(
        case,
        cost / cost_before - 1 if abs(lost - lost_before) < NOTHING else None,
        bound / bound_before - 1 if bound > 0 and bound_before > 0 else None,
        lost - lost_before,
    )


def noise(changed: Iterable[float | None]) -> tuple[float, float]:
    """Median and greatest size."""
    sizes = [abs(change) for change in changed if change is not None and isfinite(change)]
    return (median(sizes), max(sizes)) if sizes else (0.0, 0.0)
