"""Kill a process that writes plans, at random moments, and look at what it leaves.

    uv run python -m tests.kills --kills 200 --seed 1

Prints how often a file was half written, files of two plans were read as one, files of one plan
were refused, and a temporary file outlived the next run; ends with 1 unless all are 0.
"""

import argparse
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from heteroplan.entities.plan import Plan
from heteroplan.errors import InputError
from heteroplan.inputs.tables.current import read_current
from heteroplan.outputs.plan import report
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.pipelines.explain import explain
from heteroplan.pipelines.plan import PlanResult
from tests.plans import shown_plan

NAMED = {
    "plan.json": r'"plan_id": "(\w+)"',
    "schedule.csv": r"(?m),([0-9a-f]{16}),[^,]*$",
    "placement.csv": r"(?m),([0-9a-f]+)$",
    "report.html": r'<meta name="heteroplan-plan" content="(\w+)">',
}
"""Where each file names its plan."""
SETS = 5
"""That a process writes before it is killed, at most."""


def plans(number: int) -> list[Plan]:
    """Plans that differ in the name of their scenario."""
    made = shown_plan(workloads=1, intervals=24)
    return [replace(made, scenario=replace(made.scenario, name=f"p{i}")) for i in range(number)]


def write_until_killed(of: Sequence[Plan], folder: Path) -> None:
    for i in count():
        PlanResult(of[i % len(of)]).write(folder, placement=True)


def killed(of: Sequence[Plan], folder: Path, after_s: float) -> None:
    """A process that writes one set after the other, ended after a time."""
    child = os.fork()
    if child == 0:
        write_until_killed(of, folder)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def found(of: Plan, of_set: Mapping[str, int], folder: Path) -> Counter[str]:
    """What is wrong with the files in a folder, and whether they are of several plans.

    `of_set` gives the lines of the CSV files of any plan.
    """
    wrong = Counter[str]()
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in NAMED}
    ids = {name: set(re.findall(NAMED[name], text)) for name, text in texts.items()}
    lines = {name: len(texts[name].splitlines()) for name in ("schedule.csv", "placement.csv")}
    whole = {
        "plan.json": texts["plan.json"].endswith("}\n"),
        "report.html": texts["report.html"].endswith("</html>\n"),
        **{name: count == of_set[name] for name, count in lines.items()},
    }
    wrong["half"] += sum(len(ids[name]) != 1 or not whole[name] for name in NAMED)
    name = "placement.csv"
    for mixed, read in (
        (ids["plan.json"] != ids["schedule.csv"] or ids["plan.json"] != ids["report.html"],
         lambda: explain(str(folder / "plan.json"))),
        (ids["plan.json"] != ids[name],
         lambda: read_current(texts[name], name, of.scenario, folder)),
    ):  # fmt: skip
        wrong["mixed"] += mixed
        try:
            read()
            wrong["taken"] += mixed
        except InputError:
            wrong["refused"] += not mixed
    return wrong


def run(kills: int, seed: int, folder: Path) -> Counter[str]:
    """What was found in all, beside `left`: temporary files that a kill left.

    Pages are drawn once, so that most of the time is spent on writing.
    """
    draw, of, total = random.Random(seed), plans(3), Counter[str]()
    pages = {each.scenario.name: report.report_html(document_of(each)) for each in of}
    report.report_html = lambda plan: pages[plan.scenario]
    PlanResult(of[0]).write(folder, placement=True)
    began = time.monotonic()
    PlanResult(of[0]).write(folder, placement=True)
    longest_s = SETS * (time.monotonic() - began)
    of_set = {
        name: len((folder / name).read_text().splitlines())
        for name in ("schedule.csv", "placement.csv")
    }
    for _ in range(kills):
        killed(of, folder, draw.uniform(0.0, longest_s))
        total["left"] += len(list(folder.glob(".*.tmp")))
        total += found(of[0], of_set, folder)
        PlanResult(of[0]).write(folder, placement=True)
        total["stale"] += len(list(folder.iterdir())) - len(NAMED)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        total = run(asked.kills, asked.seed, Path(name))
    for what in ("left", "mixed", "half", "taken", "refused", "stale"):
        print(what, total[what])
    return int(any(total[what] for what in ("half", "taken", "refused", "stale")))


if __name__ == "__main__":
    sys.exit(main())
