"""`heteroplan check` for machines: JSON, GitHub annotations and JUnit XML."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from xml.etree import ElementTree

from heteroplan.entities.plan import Plan
from heteroplan.outputs.words import percent, verdict


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The outcome of one scenario."""

    name: str
    file: str
    """As the user wrote it."""
    covered: bool
    unserved_fraction: float | None = None
    """Of the requests; None without a plan."""
    worst: str = ""
    """Who goes short, when and why; empty where covered."""
    worst_interval: str = ""
    """Such as `18:00 to 18:15`: when most is unserved; empty where covered."""
    headroom: float | None = None
    """Extra demand that is known to fit as well, 0.1 is 10 %; None where not asked."""
    min_headroom: float = 0.0
    """What was asked for."""
    gap: float | None = None
    """Of the plan behind the verdict."""
    seconds: float = 0.0
    peak_gpus: int | None = None
    supply_gpus: int | None = None
    """GPUs in the fleet at the peak."""
    error: str = ""
    """Why there is no verdict (wrong input, no plan); empty otherwise."""

    @property
    def passed(self) -> bool:
        """Covered with the headroom asked for."""
        enough = self.headroom is None or self.headroom >= self.min_headroom - 1e-9
        return self.covered and enough and not self.error

    @property
    def verdict(self) -> str:
        """One or two words."""
        if self.error:
            return "error"
        if not self.covered:
            return "not covered"
        return "covered" if self.passed else "headroom"

    @property
    def note(self) -> str:
        """What is wrong, in a sentence; empty where nothing is."""
        if self.error or not self.covered:
            return self.error or self.worst
        if self.passed or self.headroom is None:
            return ""
        return f"headroom {percent(self.headroom)} is below {percent(self.min_headroom)}"


def check_row(
    plan: Plan, file: str, *, headroom: float | None = None, min_headroom: float = 0.0
) -> CheckRow:
    """The row of a scenario that has a plan."""
    horizon = plan.scenario.horizon
    held = [sum(use.held[t] for use in plan.supply) for t in range(horizon.intervals)]
    peak = held.index(max(held))
    worst = max(plan.shortages, key=lambda shortage: shortage.unserved_rps, default=None)
    moments = horizon.boundaries()
    return CheckRow(
        name=plan.scenario.name,
        file=file,
        covered=plan.covered,
        unserved_fraction=1.0 - plan.totals.served_fraction,
        worst="" if plan.covered else verdict(plan).removeprefix("Not covered: "),
        worst_interval=""
        if worst is None
        else f"{moments[worst.interval]:%H:%M} to {moments[worst.interval + 1]:%H:%M}",
        headroom=headroom,
        min_headroom=min_headroom,
        gap=plan.report.gap,
        seconds=plan.report.seconds,
        peak_gpus=held[peak],
        supply_gpus=sum(use.supply[peak] for use in plan.supply),
    )


def check_json(rows: Sequence[CheckRow]) -> str:
    """A list of rows with their verdicts."""
    documents = [{**asdict(row), "passed": row.passed, "verdict": row.verdict} for row in rows]
    return json.dumps(documents, indent=2) + "\n"


def check_github(rows: Sequence[CheckRow]) -> str:
    """A workflow command a scenario: `::error` where it fails, `::notice` where it passes.

    Source: GitHub documentation, workflow commands; its toolkit escapes as done here.
    """
    lines = []
    for row in rows:
        level = "notice" if row.passed else "error"
        title = _property(f"{row.name}: {row.verdict}")
        message = _data(row.note or "the fleet covers the forecast")
        lines.append(f"::{level} file={_property(row.file)},title={title}::{message}\n")
    return "".join(lines)


def check_junit(rows: Sequence[CheckRow]) -> str:
    """JUnit XML: one test case a scenario."""
    failures = sum(not row.passed and not row.error for row in rows)
    errors = sum(bool(row.error) for row in rows)
    suite = ElementTree.Element(
        "testsuite",
        name="heteroplan check",
        tests=str(len(rows)),
        failures=str(failures),
        errors=str(errors),
        skipped="0",
        time=f"{sum(row.seconds for row in rows):.3f}",
    )
    for row in rows:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname="heteroplan.check",
            name=_xml(row.name),
            file=_xml(row.file),
            time=f"{row.seconds:.3f}",
        )
        if not row.passed:
            kind = "error" if row.error else "failure"
            problem = ElementTree.SubElement(
                case, kind, type=row.verdict, message=_xml(row.note.splitlines()[0])
            )
            problem.text = _xml(row.note)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + ElementTree.tostring(suites, encoding="unicode")
        + "\n"
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold, not even escaped."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
