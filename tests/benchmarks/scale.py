"""Figures of scale, as Markdown tables: how soon plans are proven, how well, and in what memory.

    uv run --no-sync python -m tests.benchmarks.scale [--only quickstart,A51,tight] [--limits 20,60]
        [--cpu] [--gap 0.001] [--mip] [--repeats 1] [--keep FILE.csv]
    ... --only ablation [--instances A1,small2] [--without sweeps,near guide+regroup]

`scale_instances` says what the instances and their groups are called. Every plan is made in a
process of its own, one after the other, its baselines left out. `--cpu` counts CPU seconds of one
core, bounds included, so that other work on the machine does not decide. `--mip` adds the whole
program as one MIP. Runs that the file of `--keep` has are read from there, new ones are appended:
it is of one state of the code.

ablation: the instances with each ingredient of `heteroplan.optimize.search.INGREDIENTS` left out,
or those of `--without` (+ joins some that are left out at once, `none` is the whole method alone),
then a summary of all runs in the file.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Any

from heteroplan.optimize.search import INGREDIENTS
from tests.benchmarks.markdown import header, row
from tests.benchmarks.scale_instances import GROUPS, folder, named
from tests.benchmarks.scale_kept import Asked, Change, Kept, changes, noise
from tests.benchmarks.scale_run import AFTER_S, Run, Setting, measured

TIME_LIMITS_S = {"B1": 120.0, "C1": 300.0}
"""Of the others `Setting`'s."""
DEFAULT = "small,A,B,C,seeds"
ABLATED = "A1,A51,A31,small2,quickstart,topology,tight_81,classes-3x4"
ABLATION_LIMITS = "20,60"
NONE = "none"


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    gap: float
    limits: tuple[float, ...]
    """In place of each instance's own, if any."""
    cpu: bool
    repeats: int

    def asked(
        self, instances: Sequence[str], ways: Sequence[tuple[str, tuple[str, ...]]]
    ) -> Iterator[Asked]:
        """Each instance at each limit in each of some ways: a method, and what is left out."""
        for instance in instances:
            own = (TIME_LIMITS_S.get(instance, Setting.time_limit_s),)
            for limit_s, (method, without) in product(self.limits or own, ways):
                setting = Setting(self.gap, limit_s, method, without, self.cpu)
                for repeat in range(1, self.repeats + 1):
                    yield Asked(instance, setting, repeat)


def table(asked: Sequence[Asked], measure: Callable[[Asked], Run]) -> None:
    """A row for each run."""
    clock = "CPU seconds of one core" if asked[0].setting.cpu else "seconds"
    header(
        "Scale",
        f"Until a gap of {percent(asked[0].setting.gap)} or the time limit, in {clock} from the "
        "loaded scenario. Gaps after some seconds are those of the sizes known by then, at the end "
        "of the plan on its nodes. Changes: times a day that a pool has another size than before.",
        (
            *("instance", "method", "limit s", "cost USD", "bound USD", "gap"),
            *(f"after {after} s" for after in AFTER_S),
            *("first plan s", "unserved requests", "changes", "starts"),
            *("ended", "seconds", "peak GiB"),
        ),
    )
    for each in asked:
        run = measure(each)
        gaps = (run.gap_2, run.gap_5, run.gap_10, run.gap_20)
        row(
            *(each.instance, how(each), f"{each.setting.time_limit_s:g}"),
            *((run.error, "", "") if run.error else costs(run)),
            *map(percent, gaps),
            *(seconds(run.first_s), f"{run.unserved:,.0f}"),
            *(f"{run.changes:,.0f}", f"{run.starts:,.0f}"),
            *(run.ended, seconds(run.seconds), f"{run.peak_gib:.2f}"),
        )


def how(asked: Asked) -> str:
    if asked.setting.without:
        return "without " + ", ".join(asked.setting.without)
    return "one MIP" if asked.setting.method == "mip" else "plan"


def costs(run: Run) -> tuple[str, str, str]:
    """Cost, bound and gap."""
    bound = f"{run.bound:,.0f}" if run.bound > 0 else NONE
    return f"{run.cost:,.0f}", bound, percent(run.gap)


def summary(kept: Kept) -> None:
    """What each ingredient is worth, beside what a run differs from the next."""
    header(
        "Ablation",
        "Against the median of runs that leave nothing out: median over instances, and worst. "
        "`none`: median and greatest difference of those runs from their median. Costs do not "
        "count where other demand is left unserved; how many requests more are, is told.",
        (
            *("without", "limit s", "instances", "cost", "worst", "bound", "worst"),
            "more unserved",
        ),
    )
    for (way, limit_s), found in sorted(changes(kept.runs).items()):
        instances = len({change.case for change in found})
        cells = differences(found) if way else repeats(found)
        row(way or NONE, f"{limit_s:g}", instances, *cells)


def repeats(found: Sequence[Change]) -> tuple[str, ...]:
    sizes = (*noise(each.cost for each in found), *noise(each.bound for each in found))
    return (*(f"±{percent(size)}" for size in sizes), shortages(found))


def differences(found: Sequence[Change]) -> tuple[str, ...]:
    return (
        *differences_of([(each.cost, each) for each in found], most=True),
        *differences_of([(each.bound, each) for each in found], most=False),
        shortages(found),
    )


def differences_of(values: Sequence[tuple[float | None, Change]], *, most: bool) -> tuple[str, str]:
    """Median, and the worst with its instance: the greatest, or the least."""
    known = sorted(
        ((value, each.case.instance) for value, each in values if value is not None), reverse=most
    )
    if not known:
        return "", ""
    worst, instance = known[0]
    middle = known[len(known) // 2][0]
    return signed(middle), f"{signed(worst)} {instance}"


def shortages(found: Sequence[Change]) -> str:
    return ", ".join(
        f"{each.case.instance} {each.unserved:+,.0f}" for each in found if abs(each.unserved) >= 1
    )


def percent(share: float) -> str:
    """With three figures or so; empty where there is none."""
    return f"{share * 100:.3g} %" if isfinite(share) else ""


def signed(share: float) -> str:
    return f"{share * 100:+.3f} %"


def seconds(value: float) -> str:
    return f"{value:.1f}" if isfinite(value) else ""


def ways(without: str | None) -> list[tuple[str, tuple[str, ...]]]:
    """The whole method, then without each ingredient. Raises ValueError for an unknown one."""
    words = list(INGREDIENTS) if without is None else without.split(",")
    left_out = [tuple(word.split("+")) for word in words if word != NONE]
    if unknown := {name for names in left_out for name in names} - {*INGREDIENTS}:
        known = ", ".join((NONE, *INGREDIENTS))
        raise ValueError(f"--without {', '.join(sorted(unknown))}: known are {known}")
    return [("auto", ()), *(("auto", names) for names in left_out)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Figures of scale.")
    groups = ", ".join(GROUPS)
    parser.add_argument("--only", default=DEFAULT, help=f"ablation, instances, or of: {groups}")
    parser.add_argument("--instances", default=ABLATED, help="of the ablation")
    parser.add_argument("--without", help="ingredients that the ablation leaves out; all")
    parser.add_argument("--limits", help="in place of each instance's own [s]")
    parser.add_argument("--gap", type=float, default=Setting.gap, help="at which a run ends")
    parser.add_argument("--cpu", action="store_true", help="count CPU seconds of one core")
    parser.add_argument("--mip", action="store_true", help="one MIP beside each plan")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each")
    parser.add_argument("--keep", type=Path, help="CSV file of runs", metavar="FILE.csv")
    given: dict[str, Any] = vars(parser.parse_args(arguments))
    ablation = given["only"] == "ablation"
    limits = given["limits"] or (ABLATION_LIMITS if ablation else "")
    numbers = tuple(float(word) for word in limits.split(",") if word)
    options = Options(given["gap"], numbers, given["cpu"], given["repeats"])
    instances = named(given["instances" if ablation else "only"].split(","))
    kept = Kept(given["keep"])
    with tempfile.TemporaryDirectory() as name:
        into = Path(name)
        try:
            plain = [("auto", ()), *([("mip", ())] if given["mip"] else [])]
            asked = list(options.asked(instances, ways(given["without"]) if ablation else plain))
            for instance in instances:
                folder(instance, into)
        except ValueError as error:
            parser.error(str(error))

        def measure(each: Asked) -> Run:
            return kept.run(each, partial(measured, folder(each.instance, into)))

        table(asked, measure)
    if ablation:
        summary(kept)


if __name__ == "__main__":
    main()
