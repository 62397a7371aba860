"""`heteroplan check` for machines: JSON, GitHub annotations, JUnit XML and Markdown."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from xml.etree import ElementTree

from heteroplan.entities.plan import Coverage
from heteroplan.errors import ExitCode, HeteroplanError, InputError, InputProblem
from heteroplan.outputs.plan.cost_limits import CostLimit, days_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import verdict
from heteroplan.outputs.shared.markdown import block, plain, table
from heteroplan.outputs.shared.words import figure, signed_share
from heteroplan.text import percent, visible

MOST_MARKDOWN_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Headroom:
    """How much more demand fits, as a share of all of it."""

    known: float
    """The greatest growth that a plan covers, rounded down to 0.1 %."""
    disproved: bool
    """Whether it is proven that no plan covers the growth asked for."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The outcome of one scenario."""

    name: str
    file: str
    """The scenario file, relative to the working directory where it is inside it."""
    coverage: Coverage
    unserved_fraction: float | None = None
    """Of the requests; None without a plan."""
    worst: str = ""
    """Which workload has unserved demand, when and why; empty where covered."""
    worst_interval: str = ""
    """Such as `18:00 to 18:15`: when most is unserved; empty where covered."""
    headroom: float | None = None
    """Extra demand that is known to fit as well, 0.1 is 10 %; a lower limit. None: not asked."""
    headroom_disproved: bool = False
    """Whether it is proven that what was asked for does not fit."""
    min_headroom: float = 0.0
    """What was asked for."""
    gap: float | None = None
    """Of the plan behind the verdict."""
    seconds: float = 0.0
    """Wall time of loading, planning and growing."""
    peak_gpus: int | None = None
    supply_gpus: int | None = None
    """GPUs in the fleet at the peak."""
    error: str = ""
    """Why there is no verdict (wrong input, no plan); empty otherwise."""
    problems: tuple[InputProblem, ...] = ()
    """What is wrong with the input, one by one; empty where nothing is."""
    cost_usd_per_day: float | None = None
    """Of the plan behind the verdict, on average; None without a plan."""
    gpu_hours_per_day: float | None = None
    egress_gb_per_day: float | None = None
    """Traffic between regions; None without a plan, or where no workload has an origin."""
    egress_usd_per_day: float | None = None
    """What that costs, beside `cost_usd_per_day`; None where a price is not known."""
    limits: tuple[CostLimit, ...] = ()
    """On what the plan may cost, as asked for; empty where demand is not covered."""

    @property
    def covered(self) -> bool:
        """Whether all of the forecast is served."""
        return self.coverage is Coverage.COVERED and not self.error

    @property
    def passed(self) -> bool:
        """Covered with the headroom, and for no more than the cost, asked for."""
        return self.covered and self._enough and all(limit.kept for limit in self.limits)

    @property
    def _enough(self) -> bool:
        return self.headroom is None or self.headroom >= self.min_headroom - 1e-9

    @property
    def undecided(self) -> bool:
        """Whether the time ended before the answer was known."""
        if self.error:
            return False
        if self.covered:
            return not (self.passed or self._broken)
        return self.coverage is Coverage.UNDECIDED

    @property
    def _broken(self) -> bool:
        """Whether it is proven that no plan is as asked for."""
        return self.headroom_disproved or any(limit.disproved for limit in self.limits)

    @property
    def exit_code(self) -> ExitCode:
        """Of this scenario alone, where it has a plan."""
        if self.passed:
            return ExitCode.OK
        return ExitCode.UNDECIDED if self.undecided else ExitCode.NOT_COVERED

    @property
    def verdict(self) -> str:
        """One or two words."""
        if self.error:
            return "error"
        if self.undecided:
            return "undecided"
        if not self.covered:
            return "not covered"
        if self.passed:
            return "covered"
        return "headroom" if self.headroom_disproved else "cost"

    @property
    def note(self) -> str:
        """What is wrong, in a sentence; empty where nothing is."""
        if self.error or not self.covered:
            return self.error or self.worst
        return "; ".join(filter(None, [self._headroom_note, *(each.note for each in self.limits)]))

    @property
    def _headroom_note(self) -> str:
        if self._enough:
            return ""
        more = f"{percent(self.min_headroom)} more demand"
        proven = f"no plan serves {more}" if self.headroom_disproved else f"not decided for {more}"
        return f"{proven}; {self.headroom_text} is known to fit"

    @property
    def short_note(self) -> str:
        """`note` beside the other columns of a table: errors are counted, headroom stands there."""
        if self.error:
            count = len(self.error.splitlines())
            return f"{count} problem{'s' * (count > 1)}, see below"
        if self.covered and self.note:
            asked = "" if self._enough else f"{percent(self.min_headroom)} is asked for"
            limits = (each.short_note for each in self.limits)
            told = "; ".join(filter(None, [asked, *limits]))
            return f"covered, {told}" if self.undecided else told
        if self.undecided and self.unserved_fraction is not None:
            return f"at most {percent(self.unserved_fraction)} unserved"
        return self.note

    @property
    def egress_text(self) -> str:
        """`1.26 USD a day`, GB where no price is known; empty where nothing crosses."""
        if not self.egress_gb_per_day:
            return ""
        if self.egress_usd_per_day is None:
            return f"{figure(self.egress_gb_per_day)} GB a day"
        return f"{self.egress_usd_per_day:,.2f} USD a day"

    @property
    def headroom_text(self) -> str:
        """`at least 10.0 %`, or why there is none."""
        if self.headroom is None:
            return "not asked" if self.covered else "-"
        return f"at least {percent(self.headroom)}"


def check_row(
    plan: PlanDocument,
    file: str,
    *,
    headroom: Headroom | None = None,
    min_headroom: float = 0.0,
    limits: Sequence[CostLimit] = (),
) -> CheckRow:
    """The row of a scenario that has a plan."""
    horizon = plan.horizon
    held = [sum(use.held[t] for use in plan.supply) for t in range(horizon.intervals)]
    peak = held.index(max(held))
    worst = max(plan.shortages, key=lambda shortage: shortage.unserved_rps, default=None)
    moments = horizon.boundaries()
    return CheckRow(
        name=plan.scenario,
        file=file,
        coverage=plan.coverage or Coverage.UNDECIDED,
        unserved_fraction=1.0 - plan.totals.served_fraction,
        worst="" if plan.covered else verdict(plan).partition(": ")[2],
        worst_interval=""
        if worst is None
        else f"{moments[worst.interval]:%H:%M} to {moments[worst.interval + 1]:%H:%M}",
        headroom=None if headroom is None else headroom.known,
        headroom_disproved=headroom is not None and headroom.disproved,
        min_headroom=min_headroom,
        gap=plan.solver.gap,
        peak_gpus=held[peak],
        supply_gpus=sum(use.supply[peak] for use in plan.supply),
        cost_usd_per_day=plan.totals.cost_usd / days_of(plan),
        gpu_hours_per_day=plan.totals.gpu_hours / days_of(plan),
        egress_gb_per_day=None if plan.egress is None else plan.egress.gb_a_day,
        egress_usd_per_day=None if plan.egress is None else plan.egress.usd_a_day,
        limits=tuple(limits),
    )


def error_row(name: str, file: str, error: HeteroplanError) -> CheckRow:
    """The row of a scenario that cannot be loaded or planned."""
    problems = error.problems if isinstance(error, InputError) else ()
    return CheckRow(name, file, Coverage.UNDECIDED, error=str(error), problems=problems)


def check_json(rows: Sequence[CheckRow]) -> str:
    """A list of rows with their verdicts."""
    documents = [
        {
            **asdict(row),
            "limits": [{**asdict(each), "kept": each.kept} for each in row.limits],
            "covered": row.covered,
            "headroom_is_lower_limit": row.headroom is not None,
            "passed": row.passed,
            "verdict": row.verdict,
        }
        for row in rows
    ]
    return json.dumps(documents, indent=2) + "\n"


def check_github(rows: Sequence[CheckRow]) -> str:
    """A workflow command a scenario, or one an input problem, at its file and line.

    Source: GitHub documentation, workflow commands; its toolkit escapes as done here.
    """
    return "".join(
        _annotation(row, *found)
        for row in rows
        for found in (
            [(_file(row, each), each.line, str(each)) for each in row.problems]
            or [(row.file, 0, row.note or "the fleet covers the forecast")]
        )
    )


def _file(row: CheckRow, problem: InputProblem) -> str:
    """The problem's file; that of the scenario where an option is wrong."""
    return row.file if problem.file.startswith("--") else problem.file


def _annotation(row: CheckRow, file: str, line: int, message: str) -> str:
    level = "notice" if row.passed else "error"
    name = visible(PurePath(file).as_posix())
    place = f"file={_property(name)}" + (f",line={line}" if line else "")
    title = _property(visible(f"{row.name}: {row.verdict}"))
    text = "\n".join(map(visible, message.split("\n")))
    return f"::{level} {place},title={title}::{_data(text)}\n"


def check_junit(rows: Sequence[CheckRow]) -> str:
    """JUnit XML: one test case a scenario."""
    errors = sum(bool(row.error) or row.undecided for row in rows)
    failures = sum(not row.passed for row in rows) - errors
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
            name=_xml(row.name if row.error else f"{row.name} ({row.file})"),
            file=_xml(row.file),
            time=f"{row.seconds:.3f}",
        )
        if not row.passed:
            kind = "error" if row.error or row.undecided else "failure"
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


def check_markdown(rows: Sequence[CheckRow]) -> str:
    """A table, one row a scenario, and below it what is wrong in full.

    At most `MOST_MARKDOWN_BYTES`: GitHub takes no longer summary of a step.
    """
    passed = sum(row.passed for row in rows)
    title = f"**heteroplan check: {passed:,} of {len(rows):,} scenarios pass**\n\n"
    cells: list[tuple[str, ...]] = [_cells(row) for row in rows]
    heads: tuple[str, ...] = _MARKDOWN_HEADS
    if any(row.egress_text for row in rows):
        heads = (*heads, ">egress")
        cells = [(*each, plain(row.egress_text)) for each, row in zip(cells, rows, strict=True)]
    parts = [title + table(heads, cells)]
    left = MOST_MARKDOWN_BYTES - len(parts[0].encode())
    for row in rows:
        if row.note:
            part = f"\n{plain(row.name)}: {plain(row.verdict)}\n\n{block(row.note)}"
            left -= len(part.encode())
            if left < 0:
                parts.append("\nMore is in the log.\n")
                break
            parts.append(part)
    return "".join(parts)


_MARKDOWN_HEADS = (
    *("scenario", "verdict", ">headroom", ">peak GPUs", ">USD a day", ">change", "file"),
)


def _cells(row: CheckRow) -> tuple[str, ...]:
    changes = [limit.change for limit in row.limits if limit.change is not None]
    cells = (
        row.name,
        row.verdict,
        row.headroom_text,
        "" if row.peak_gpus is None else f"{row.peak_gpus:,} of {row.supply_gpus:,}",
        "" if row.cost_usd_per_day is None else f"{row.cost_usd_per_day:,.2f}",
        signed_share(changes[0]) if changes else "",
        row.file,
    )
    return (plain(cells[0]), f"**{cells[1]}**", *map(plain, cells[2:]))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold, not even escaped."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
