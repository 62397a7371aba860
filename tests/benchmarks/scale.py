"""Figures of scale, as Markdown tables: how soon plans are proven, how well, and in what memory.

    uv run --no-sync python -m tests.benchmarks.scale [--only small,A,B,C,seeds,ablation] [--mip]
        [--gap 0.01] [--time-limit 60] [--report FILE.html]

small: quickstart, small1, small2. A, B, C: the instances of that letter, or one by its name (A2).
seeds: ten more of A's family, made by `scale_cases`. ablation: A1 and small2 with each ingredient
of the method switched off. `--mip` adds the whole program as one MIP for the same time. Every plan
is made in a process of its own, one after the other, its baselines left out.
"""

import argparse
import importlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.markdown import header, row
from tests.benchmarks.scale_cases import Shape, make, write
from tests.benchmarks.scale_run import Run, Setting, measured
from tests.realdata import DATA

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

QUICKSTART = Path(__file__).resolve().parents[2] / "scenarios" / "quickstart"
SMALL = ("quickstart", "small1", "small2")
LARGE = {"A": ("A1", "A2", "A3"), "B": ("B1",), "C": ("C1",)}
TIME_LIMITS_S = {"B1": 120.0, "C1": 300.0}
"""Of the others `Setting`'s."""
SMALL_GAP = 0.001
SMALL_GAPS = (0.01, 0.005, 0.003, 0.001)
AFTER_S = (10, 30, 60)
SEEDS = range(11, 21)
FAMILY = Shape(workloads=50, spines=8, types=4, gpus=20000, seed=0)
"""Of A1 to A3."""
ABLATED = ("A1", "small2")
DRAWN = "A1"
ENDINGS = ("USD", "bound", "gap", "unserved", "ended", "seconds", "total seconds", "peak GiB")


@dataclass(frozen=True)
class Named:
    """A run of the benchmark."""

    instance: str
    setting: Setting
    run: Run

    @property
    def how(self) -> str:
        if self.setting.without:
            return "without " + ", ".join(self.setting.without)
        return "one MIP" if self.setting.method == "mip" else "plan"


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    gap: float | None
    time_limit_s: float | None
    mip: bool

    def settings(self, instance: str, gap: float = Setting.gap) -> Iterator[Setting]:
        """The product's way, and one MIP beside it where asked for."""
        setting = Setting(
            gap=gap if self.gap is None else self.gap,
            time_limit_s=self.time_limit_s or TIME_LIMITS_S.get(instance, Setting.time_limit_s),
        )
        yield setting
        if self.mip:
            yield replace(setting, method="mip")


def folder(instance: str) -> Path:
    return QUICKSTART if instance == "quickstart" else DATA / "scale" / instance


def small(options: Options) -> list[Named]:
    """Seconds to a gap."""
    header(
        "Small scenarios",
        f"Until a gap of {percent(options.gap or SMALL_GAP)} or the time limit. Seconds from the "
        "loaded scenario until that gap was proven, of the sizes; USD, bound and gap at the end "
        "are the plan's, on its nodes.",
        (
            *("instance", "method", "first plan"),
            *(f"s to {percent(gap)}" for gap in SMALL_GAPS),
            *ENDINGS,
        ),
    )
    found = []
    for instance in SMALL:
        for setting in options.settings(instance, SMALL_GAP):
            named = made(instance, folder(instance), setting, compare=False)
            reached = [seconds(named.run.seconds_to(gap)) for gap in SMALL_GAPS]
            print_run(named, *reached)
            found.append(named)
    return found


def large(instances: Sequence[str], options: Options) -> list[Named]:
    """Gap after some seconds."""
    large_header("Large scenarios", "Time limits: 60 s; B1 120 s, C1 300 s.")
    return [
        print_large(made(instance, folder(instance), setting, compare=False))
        for instance in instances
        for setting in options.settings(instance)
    ]


def seeds(options: Options) -> list[Named]:
    """Gap after some seconds, of instances that nobody has tuned for."""
    large_header(
        "Ten more seeds of A's family",
        f"`scale_cases` with {FAMILY.workloads} workloads, {FAMILY.spines} spines, {FAMILY.types} "
        f"types, {FAMILY.gpus:,} GPUs.",
    )
    found = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as name:
            at = write(make(replace(FAMILY, seed=seed)), Path(name))
            found += [
                print_large(made(f"seed {seed}", at, setting, compare=False))
                for setting in options.settings(f"seed {seed}")
            ]
    return found


def large_header(title: str, how: str) -> None:
    header(
        title,
        f"{how} Gaps after some seconds, counted from the loaded scenario, are those of the sizes "
        "known by then; at the end they are the plan's, on its nodes. Total seconds: with loading "
        "and baselines.",
        (
            *("instance", "method", "first plan"),
            *(f"gap after {after} s" for after in AFTER_S),
            *ENDINGS,
        ),
    )


def print_large(named: Named) -> Named:
    print_run(named, *(percent(named.run.gap_after(after)) for after in AFTER_S))
    return named


def ablation(options: Options) -> list[Named]:
    """Each ingredient of the method removed."""
    search = importlib.import_module("heteroplan.optimize.search")
    ingredients: tuple[str, ...] = getattr(search, "INGREDIENTS", ())
    header(
        "Ablation",
        "Each ingredient of `heteroplan.optimize.search.INGREDIENTS` switched off, at a gap of "
        f"{percent(options.gap or SMALL_GAP)} or until the time limit.",
        ("instance", "method", "first plan", "USD against plan", "bound against plan", *ENDINGS),
    )
    found: list[Named] = []
    for instance in ABLATED:
        setting = next(replace(options, mip=False).settings(instance, SMALL_GAP))
        whole = made(instance, folder(instance), setting, compare=False)
        print_run(whole, "", "")
        found.append(whole)
        for name in ingredients:
            less = replace(setting, without=(name,))
            named = made(instance, folder(instance), less, compare=False)
            print_run(
                named,
                against(named.run.cost, whole.run.cost),
                against(named.run.bound, whole.run.bound),
            )
            found.append(named)
    return found


def made(instance: str, at: Path, setting: Setting, *, compare: bool = True) -> Named:
    """One run; where `make_plan` cannot do it yet, one that says so."""
    if missing := setting.missing():
        return Named(instance, setting, Run(error=f"make_plan has no {', '.join(missing)}"))
    return Named(instance, setting, measured(at, setting, compare=compare))


def print_run(named: Named, *figures: str) -> None:
    """One row: name, method, first plan, `figures`, `ENDINGS`."""
    run = named.run
    if run.error:
        endings = [*[""] * (len(ENDINGS) - 1), run.error]
    else:
        endings = [
            *(f"{run.cost:,.0f}", f"{run.bound:,.0f}", percent(run.gap), percent(run.unserved)),
            *(run.ended, seconds(run.seconds), seconds(run.total_s), f"{run.peak_gib:.2f}"),
        ]
    row(named.instance, named.how, seconds(run.first_s), *figures, *endings)


def percent(share: float) -> str:
    """With three figures or so; empty where there is none."""
    return f"{share * 100:.3g} %" if isfinite(share) else ""


def seconds(value: float) -> str:
    return f"{value:.1f}" if isfinite(value) else ""


def against(value: float, whole: float) -> str:
    """Relative difference, signed."""
    return f"{(value / whole - 1) * 100:+.3f} %" if whole and isfinite(value / whole) else ""


def gap_chart(runs: Sequence[Named]) -> "Figure":
    """Gap against seconds, one line a run."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for named in runs:
        run = named.run
        steps = [(m.seconds, m.gap) for m in run.moments if isfinite(m.gap)]
        if not run.error:
            steps.append((run.seconds, run.gap))
        figure.add_trace(
            Scatter(
                x=[at for at, _ in steps],
                y=[100 * gap for _, gap in steps],
                name=f"{named.instance}, {named.how}",
                mode="lines",
                line={"shape": "hv", "width": 2},
            )
        )
    figure.update_layout(
        template="plotly_white",
        height=480,
        font={"family": "system-ui, sans-serif", "size": 12},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
    )
    figure.update_xaxes(title_text="seconds from the loaded scenario", rangemode="tozero")
    figure.update_yaxes(title_text="proven gap [%]", type="log")
    return figure


def tables(wanted: Sequence[str], options: Options) -> list[Named]:
    """Every table asked for, in a fixed order."""
    found: list[Named] = []
    if "small" in wanted:
        found += small(options)
    instances = [
        name for letter, names in LARGE.items() for name in names if {letter, name} & {*wanted}
    ]
    if instances:
        found += large(instances, options)
    if "seeds" in wanted:
        found += seeds(options)
    if "ablation" in wanted:
        found += ablation(options)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    known = ["small", *LARGE, *(name for names in LARGE.values() for name in names)]
    known += ["seeds", "ablation"]
    parser = argparse.ArgumentParser(description="Figures of scale.")
    parser.add_argument("--only", default="small,A,B,C,seeds", help=f"of {','.join(known)}")
    parser.add_argument("--mip", action="store_true", help="one MIP beside each plan")
    parser.add_argument("--gap", type=float, help="in place of each table's own")
    parser.add_argument("--time-limit", type=float, help="in place of each instance's own [s]")
    parser.add_argument("--report", type=Path, help=f"draw {DRAWN}'s gap against seconds there")
    given: dict[str, Any] = vars(parser.parse_args(arguments))
    wanted = given["only"].split(",")
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"--only {','.join(unknown)}: known are {','.join(known)}")
    if given["report"] and not {DRAWN, DRAWN[0], "ablation"} & {*wanted}:
        parser.error(f"--report draws {DRAWN}; add it to --only")
    found = tables(wanted, Options(given["gap"], given["time_limit"], given["mip"]))
    if given["report"]:
        drawn = [named for named in found if named.instance == DRAWN]
        gap_chart(drawn).write_html(given["report"], include_plotlyjs=True)
        print(f"\n{given['report']} shows {len(drawn)} runs of {DRAWN}")


if __name__ == "__main__":
    main()
