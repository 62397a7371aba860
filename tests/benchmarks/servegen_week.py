"""A recorded week by the fluid level: `python -m tests.benchmarks.servegen_week`.

By hand; some minutes, most of them for the search. A plan for the second week of ServeGen's m-large
is made from its first one by `demand` with its defaults, and replayed with all policies on the
second week as it came, 110 million requests. Then each reactive policy's load of a replica is
set so that it just attains what the plan does: on the first week, to be judged on the second, and
once more on the second week itself, which no one can do beforehand.
"""

import argparse
import csv
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import heteroplan
from heteroplan.simulation.results import PolicyReplay
from tests.benchmarks.markdown import header, percent, row

TRACE = Path("../shared/data/traces/servegen_m-large_demand_10min.csv")
DAYS = 7
FIRST, SECOND = "2026-11-23", "2026-11-30"
MODEL = "llama-3.1-70b"
FLEET = """
name: large
node_types:
  - {name: h100x8, gpu: H100-SXM-80GB, gpus: 8, nic_gbit_per_s: 3200, usd_per_gpu_hour: 2.50}
  - {name: a100x8, gpu: A100-SXM-80GB, gpus: 8, nic_gbit_per_s: 1600, usd_per_gpu_hour: 1.20}
nodes: {h100x8: 400, a100x8: 400}
"""
SCENARIO = """
name: servegen
fleet: fleet.yaml
horizon: {{start: {start}, intervals: {intervals}, interval: 15min, timezone: UTC}}
objective: cost
workloads:
  - name: m-large
    model: {model}
    profile: ready:{model}
    demand: demand.csv
    classes: classes.csv
    slo: {{ttft_ms: 2000, itl_ms: 60, percentile: 0.95}}
    affinity: cluster
"""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A policy, and the option that says how much a replica should bear."""

    text: str
    option: str = ""
    low: float = 0.2
    high: float = 1.2

    def at(self, value: float) -> str:
        """With the option set."""
        mark = "," if ":" in self.text else ":"
        return f"{self.text}{mark}{self.option}={value:.4f}"


POLICIES = (
    Tuned("plan"),
    Tuned("plan+feedback"),
    Tuned("static_peak"),
    Tuned("periodic", "target_share"),
    Tuned("proportional", "target_share"),
    Tuned("negative_feedback", "target_share"),
    Tuned("hpa", "target_share"),
    Tuned("hpa:metric=decode_tokens_per_s", "target_share"),
    Tuned("kpa", "target_share"),
    Tuned("kpa:metric=decode_tokens_per_s", "target_share"),
    Tuned("wva", "kv_threshold", 0.12, 1.0),
    Tuned("dynamo_planner", "target_share"),
)


class Week:
    """The plan, and both weeks as traffic."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        lines = TRACE.read_text().splitlines()
        rows = list(csv.DictReader(lines))
        early = [
            line for line, each in zip(lines[1:], rows, strict=True) if int(each["day"]) < DAYS
        ]
        (folder / "first.csv").write_text("\n".join([lines[0], *early]) + "\n")
        curve = heteroplan.demand(
            folder / "first.csv", start=datetime.fromisoformat(FIRST), days=DAYS
        )
        (folder / "demand.csv").write_text(curve.text("demand.csv"))
        (folder / "classes.csv").write_text(curve.classes_text())
        (folder / "fleet.yaml").write_text(FLEET)
        intervals = len(curve.curve_frame())
        scenario = SCENARIO.format(start=SECOND, intervals=intervals, model=MODEL)
        (folder / "scenario.yaml").write_text(scenario)
        made = heteroplan.plan(folder)
        made.write(folder / "plan")
        print(f"planned: {made.plan.totals.gpu_hours:,.0f} GPU-hours")

    def second(self, policy: str) -> PolicyReplay:
        """On the week that was planned for, as it came."""
        return self._replayed(policy, TRACE, FIRST)

    def first(self, policy: str) -> PolicyReplay:
        """On the week before."""
        return self._replayed(policy, self.folder / "first.csv", SECOND)

    def _replayed(self, policy: str, trace: Path, start: str) -> PolicyReplay:
        found = heteroplan.replay(
            self.folder / "plan" / "plan.json",
            policy=(policy,),
            level="fluid",
            trace=str(trace),
            start=datetime.fromisoformat(start),
            align=True,
        )
        return found.replay.policies[0]


def told(name: str, found: PolicyReplay) -> None:
    """A row of a table."""
    row(
        name,
        f"{found.gpu_hours:,.0f}",
        f"{found.cost_usd:,.0f}",
        percent(found.attainment.both),
        percent(found.attainment.ttft),
        percent(found.attainment.itl),
        percent(found.intervals_met),
        f"{found.starts:,}",
        f"{found.unfinished:,}",
    )


def just_attains(
    tuned: Tuned, wanted: float, replayed: Callable[[str], PolicyReplay], steps: int
) -> str:
    """The policy with the most load of a replica that attains so much, to a 2^-`steps` of the
    range; its least load where none does."""
    low, high = tuned.low, tuned.high
    for _ in range(steps):
        middle = (low + high) / 2.0
        if replayed(tuned.at(middle)).attainment.both >= wanted:
            low = middle
        else:
            high = middle
    return tuned.at(low)


COLUMNS = ("policy", "GPU-hours", "cost [USD]", "attained", "TTFT", "ITL", "intervals met")


def main() -> None:
    """All policies, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--steps", type=int, default=5, help="of the search")
    given = parser.parse_args()
    chosen = [each for each in POLICIES if not given.names or each.text in given.names]
    columns = (*COLUMNS, "starts", "unfinished")
    with tempfile.TemporaryDirectory() as name:
        week = Week(Path(name))
        header("The second week of ServeGen m-large", "Each policy as it is.", columns)
        for tuned in chosen:
            told(tuned.text, week.second(tuned.text))
        wanted = week.second("plan").attainment.both
        able = [each for each in chosen if each.option]
        header("At the plan's attainment", "Set on the first week, judged on the second.", columns)
        for tuned in able:
            text = just_attains(tuned, wanted, week.first, given.steps)
            told(text, week.second(text))
        header("At the plan's attainment", "Set on the second week itself, in hindsight.", columns)
        for tuned in able:
            text = just_attains(tuned, wanted, week.second, given.steps)
            told(text, week.second(text))


if __name__ == "__main__":
    main()
