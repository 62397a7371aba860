import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from heteroplan.entities.plan import Coverage
from heteroplan.entities.scenario import Objective
from heteroplan.errors import ExitCode, InputError, InputProblem, UsageError
from heteroplan.outputs.plan.check_report import (
    CheckRow,
    Headroom,
    check_github,
    check_json,
    check_junit,
    check_markdown,
    check_row,
    error_row,
)
from heteroplan.outputs.plan.console import render_check
from heteroplan.outputs.plan.cost_limits import (
    BaselinePlan,
    CostLimit,
    against_baseline,
    max_cost,
)
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import EgressPart
from tests.plans import day_scenario, horizon, plan, pool, shortage

JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    ),
    "testcase": (
        {"skipped", "error", "failure", "system-out", "system-err"},
        {"name"},
        {"time", "classname", "file", "line", "group"},
    ),
    "failure": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
}
"""Of each element: what may be in it, attributes that it must have, and others that it may have.
As in junit-10.xsd, which the xUnit plugin of Jenkins checks reports against (all of its versions,
but for `file` and `line` of test cases, which one of them has, and GitLab reads)."""
ROWS = (
    CheckRow("good", "a.yaml", Coverage.COVERED, headroom=0.2, min_headroom=0.1, seconds=1.5),
    CheckRow(
        "tight",
        "b.yaml",
        Coverage.COVERED,
        headroom=0.05,
        min_headroom=0.1,
        headroom_disproved=True,
    ),
    CheckRow("short", "c,d:e.yaml", Coverage.SHORT, worst="100 % short\nfrom 18:00"),
    CheckRow("wrong", "f.yaml", Coverage.UNDECIDED, error="f.yaml:3: x: <bad> \x00"),
    CheckRow("late", "g.yaml", Coverage.UNDECIDED, worst="at most 1 % short"),
    CheckRow("open", "h.yaml", Coverage.COVERED, headroom=0.05, min_headroom=0.1),
)


def test_row_of_a_plan_names_the_worst_interval_and_the_peak() -> None:
    """320 + 160 GPUs in the fleet, at most 3 replicas of 4 held; hour 1 is worst, not hour 0."""
    made = plan(
        day_scenario(horizon(3)),
        [pool([1, 3, 1])],
        shortages=[shortage("chat-1", 0, 1.0), shortage("chat-1", 1, 2.0)],
    )
    row = check_row(
        document_of(made), "s.yaml", headroom=Headroom(0.3, disproved=False), min_headroom=0.1
    )
    assert (row.covered, row.passed, row.verdict) == (False, False, "not covered")
    assert row.worst_interval == "01:00 to 02:00"
    assert row.worst.startswith(
        "10.0 % of requests unserved. chat-1: up to 2 requests/s (20.0 %) unserved 00:00 to 02:00"
    )
    assert (row.peak_gpus, row.supply_gpus) == (12, 480)


def test_notes_of_a_table_are_short_and_headroom_is_a_lower_limit() -> None:
    """The note of a machine's report stands alone; a table has a column for the headroom."""
    assert ROWS[1].note == "no plan serves 10.0 % more demand; at least 5.0 % is known to fit"
    assert ROWS[5].note == ("not decided for 10.0 % more demand; at least 5.0 % is known to fit")
    assert [row.short_note for row in ROWS] == [
        "",
        "10.0 % is asked for",
        "100 % short\nfrom 18:00",
        "1 problem, see below",
        "at most 1 % short",
        "covered, 10.0 % is asked for",
    ]
    texts = [row.headroom_text for row in (*ROWS, CheckRow("x", "x", Coverage.COVERED))]
    assert texts == [
        *("at least 20.0 %", "at least 5.0 %", "-", "-", "-", "at least 5.0 %", "not asked")
    ]


def test_headroom_decides_too() -> None:
    assert [row.passed for row in ROWS] == [True, False, False, False, False, False]
    assert CheckRow("x", "x", Coverage.COVERED).passed


def test_what_the_time_did_not_decide_is_neither_covered_nor_short() -> None:
    """Exit codes 0, 1 and 3; an error has the code of its kind."""
    decided = [row for row in ROWS if not row.error]
    assert [row.exit_code for row in decided] == [
        ExitCode.OK,
        ExitCode.NOT_COVERED,
        ExitCode.NOT_COVERED,
        ExitCode.UNDECIDED,
        ExitCode.UNDECIDED,
    ]


def test_json() -> None:
    rows = json.loads(check_json(ROWS))
    assert [row["verdict"] for row in rows] == [
        *("covered", "headroom", "not covered", "error", "undecided", "undecided")
    ]
    assert rows[0]["headroom"] == 0.2


def test_github_annotations_are_escaped() -> None:
    """Line breaks and % in the message, also : and , in properties."""
    lines = check_github(ROWS).splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("::notice file=a.yaml,title=good%3A covered::")
    assert lines[2] == (
        "::error file=c%2Cd%3Ae.yaml,title=short%3A not covered::100 %25 short%0Afrom 18:00"
    )


def test_github_annotates_every_problem_where_it_stands() -> None:
    """An option has no file: the scenario's is named."""
    problems = [
        InputProblem("fleet.yaml", 7, "name", "X", "bad"),
        InputProblem("--set", 0, "", "a=b", "unknown"),
    ]
    row = error_row("s", "s/scenario.yaml", InputError(problems))
    assert check_github([row]).splitlines() == [
        "::error file=fleet.yaml,line=7,title=s%3A error::fleet.yaml:7: name: X: bad",
        "::error file=s/scenario.yaml,title=s%3A error::--set: a=b: unknown",
    ]
    (document,) = json.loads(check_json([row]))
    assert document["problems"][0]["line"] == 7


def test_two_scenarios_of_one_name_are_two_test_cases() -> None:
    rows = [
        CheckRow("day", "a/scenario.yaml", Coverage.COVERED),
        CheckRow("day", "b/scenario.yaml", Coverage.COVERED),
    ]
    (suite,) = ElementTree.fromstring(check_junit(rows))
    assert [case.get("name") for case in suite] == [
        "day (a/scenario.yaml)",
        "day (b/scenario.yaml)",
    ]


def test_junit_counts_failures_and_errors() -> None:
    root = ElementTree.fromstring(check_junit(ROWS))
    (suite,) = root
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "6",
        "failures": "2",
        "errors": "3",
    }
    assert [child.tag for case in suite for child in case] == [
        *("failure", "failure", "error", "error", "error")
    ]
    assert suite[3][0].text == "f.yaml:3: x: <bad> \ufffd"


def test_github_gets_one_command_a_row_whatever_the_names_hold() -> None:
    nasty = "a\x1b[2J\u202e\n::stop-commands::x\udcff"
    problem = InputProblem(nasty, 3, nasty, nasty, "wrong")
    row = error_row(nasty, nasty, InputError([problem]))
    (line,) = check_github([row]).splitlines()
    assert line.count("::") == 2
    assert line.startswith(r"::error file=a\x1b[2J\u202e\n\x3a%3Astop-commands")
    assert not {"\x1b", "\u202e", "\udcff"} & set(line)
    (line,) = check_github([CheckRow("a", "a", Coverage.SHORT, worst="\x1b[2J")]).splitlines()
    assert line.endswith(r"::\x1b[2J")


def test_supply_is_what_is_there_at_the_peak() -> None:
    """8 GPUs are held of 320 in the first hour, 12 of 160 in the second; 160 L40S stay."""
    made = plan(day_scenario(horizon(2)), [pool([2, 3])])
    h100, l40s = made.supply
    made = replace(made, supply=(replace(h100, supply=(320, 160)), l40s))
    row = check_row(document_of(made), "s.yaml")
    assert (row.peak_gpus, row.supply_gpus) == (12, 320)


def test_headroom_may_miss_by_rounding() -> None:
    row = CheckRow("x", "x", Coverage.COVERED, headroom=0.3, min_headroom=0.1 + 0.2)
    assert row.headroom is not None
    assert row.min_headroom is not None
    assert row.headroom < row.min_headroom
    assert (row.passed, row.exit_code) == (True, ExitCode.OK)
    row = replace(row, headroom=0.2999)
    assert (row.passed, row.exit_code) == (False, ExitCode.UNDECIDED)


FULL = CheckRow(
    "day",
    "a.yaml",
    Coverage.SHORT,
    unserved_fraction=0.1,
    worst="who",
    worst_interval="18:00 to 18:15",
    headroom=0.2,
    headroom_disproved=True,
    min_headroom=0.3,
    gap=0.4,
    seconds=5.5,
    peak_gpus=6,
    supply_gpus=7,
    error="no plan",
    problems=(InputProblem("b.yaml", 8, "path", "value", "remedy"),),
)


def test_json_has_every_figure_under_its_name() -> None:
    text = check_json([FULL, ROWS[0]])
    assert text.startswith('[\n  {\n    "name": "day",\n')
    assert text.endswith("\n  }\n]\n")
    full, good = json.loads(text)
    assert full == {
        "name": "day",
        "file": "a.yaml",
        "coverage": "short",
        "unserved_fraction": 0.1,
        "worst": "who",
        "worst_interval": "18:00 to 18:15",
        "headroom": 0.2,
        "headroom_disproved": True,
        "min_headroom": 0.3,
        "gap": 0.4,
        "seconds": 5.5,
        "peak_gpus": 6,
        "supply_gpus": 7,
        "error": "no plan",
        "problems": [
            {"file": "b.yaml", "line": 8, "path": "path", "value": "value", "remedy": "remedy"}
        ],
        "cost_usd_per_day": None,
        "gpu_hours_per_day": None,
        "egress_gb_per_day": None,
        "egress_usd_per_day": None,
        "limits": [],
        "covered": False,
        "headroom_is_lower_limit": True,
        "passed": False,
        "verdict": "error",
    }
    assert (good["covered"], good["passed"], good["verdict"]) == (True, True, "covered")
    (unasked,) = json.loads(check_json([CheckRow("x", "x", Coverage.COVERED)]))
    assert (unasked["headroom"], unasked["headroom_is_lower_limit"]) == (None, False)
    assert json.loads(check_json([])) == []


@pytest.mark.parametrize(
    ("covered", "disproved"), [(True, True), (True, False), (False, True), (False, False)]
)
def test_a_row_has_the_figures_of_its_plan(covered: bool, disproved: bool) -> None:
    """10 requests/s in each of three hours, of which 3 are short in the second: a tenth.

    7 hours of 4 GPUs at 2 USD in three hours are 8 times as much a day.
    """
    shortages = [] if covered else [shortage("chat-1", 1, 3.0)]
    made = plan(day_scenario(horizon(3)), [pool([1, 3, 3])], shortages=shortages)
    row = check_row(
        document_of(made), "s.yaml", headroom=Headroom(0.3, disproved), min_headroom=0.5
    )
    assert asdict(row) == {
        "name": "day",
        "file": "s.yaml",
        "coverage": made.coverage,
        "unserved_fraction": 0.0 if covered else pytest.approx(0.1),
        "worst": row.worst,
        "worst_interval": "" if covered else "01:00 to 02:00",
        "headroom": 0.3,
        "headroom_disproved": disproved,
        "min_headroom": 0.5,
        "gap": 0.008,
        "seconds": 0.0,
        "peak_gpus": 12,
        "supply_gpus": 480,
        "error": "",
        "problems": (),
        "cost_usd_per_day": pytest.approx(448.0),
        "gpu_hours_per_day": pytest.approx(224.0),
        "egress_gb_per_day": None,
        "egress_usd_per_day": None,
        "limits": (),
    }
    assert made.coverage is (Coverage.COVERED if covered else Coverage.SHORT)
    assert row.unserved_fraction == pytest.approx(0.0 if covered else 0.1)
    assert bool(row.worst) != covered


def test_a_row_without_growth_asks_for_none() -> None:
    row = check_row(document_of(plan(day_scenario(horizon(2)), [pool([1, 2])])), "s.yaml")
    assert (row.headroom, row.headroom_disproved, row.min_headroom) == (None, False, 0.0)
    assert (row.passed, row.exit_code, row.note, row.short_note) == (True, ExitCode.OK, "", "")


def on_terminal(rows: Sequence[CheckRow]) -> str:
    out = io.StringIO()
    render_check(rows, Console(file=out, width=100))
    return out.getvalue()


def test_egress_stands_beside_the_cost() -> None:
    """An hour of traffic of 1 GB at 0.5 USD."""
    egress = EgressPart(gb=1.0, usd=0.5, gb_a_day=24.0, usd_a_day=12.0, pairs=())
    made = document_of(plan(day_scenario(horizon(1)), [pool([1])]))
    row = check_row(made.model_copy(update={"egress": egress}), "s")
    plain = check_row(made, "s")
    assert (row.egress_gb_per_day, row.egress_usd_per_day) == (24.0, 12.0)
    assert (plain.egress_gb_per_day, plain.egress_text) == (None, "")
    assert "egress between regions, in no cost: " in on_terminal([row, plain])
    assert "12.00 USD a day" in on_terminal([row, plain])
    assert "egress" not in on_terminal([plain])
    assert "| 12.00 USD a day |" in check_markdown([row, plain])
    assert "egress" not in check_markdown([plain])
    unpriced = replace(row, egress_usd_per_day=None)
    assert unpriced.egress_text == "24 GB a day"


def test_of_equal_peaks_the_first_counts() -> None:
    """12 GPUs are held in both hours; there are 320 in the first and 160 in the second."""
    made = plan(day_scenario(horizon(2)), [pool([3, 3])])
    h100, l40s = made.supply
    made = replace(made, supply=(replace(h100, supply=(320, 160)), replace(l40s, supply=(7, 9))))
    assert check_row(document_of(made), "s.yaml").supply_gpus == 327


def test_errors_other_than_of_input_have_no_problems() -> None:
    row = error_row("s", "s.yaml", UsageError("no such solver"))
    assert (row.name, row.file, row.error, row.problems) == ("s", "s.yaml", "no such solver", ())
    assert (row.verdict, row.covered, row.undecided, row.note) == (
        *("error", False, False),
        "no such solver",
    )


def test_a_table_counts_problems_and_says_how_short_at_most() -> None:
    """What is undecided may have a plan, and then says what it leaves out; else why."""
    late = CheckRow(
        "x", "x", Coverage.UNDECIDED, unserved_fraction=0.023, worst="chat: 3 rps unserved"
    )
    assert late.short_note == "at most 2.3 % unserved"
    assert late.note == "chat: 3 rps unserved"
    short = replace(late, coverage=Coverage.SHORT)
    assert short.short_note == "chat: 3 rps unserved"
    two = CheckRow("x", "x", Coverage.UNDECIDED, error="a\nb", unserved_fraction=0.5)
    assert two.short_note == "2 problems, see below"


def test_an_error_outdoes_a_plan() -> None:
    """A row with both has no verdict of its plan."""
    row = CheckRow("x", "x", Coverage.COVERED, error="lost", worst="who")
    assert (row.covered, row.passed, row.undecided, row.verdict) == (False, False, False, "error")
    assert row.note == "lost"
    assert row.headroom_text == "-"


def test_github_is_told_of_what_passes_and_of_what_does_not() -> None:
    rows = [
        CheckRow("day", "a/b.yaml", Coverage.COVERED),
        ROWS[1],
        CheckRow("x", "x", Coverage.UNDECIDED, error="100 %\r\nlost"),
    ]
    assert check_github(rows) == (
        "::notice file=a/b.yaml,title=day%3A covered::the fleet covers the forecast\n"
        "::error file=b.yaml,title=tight%3A headroom::no plan serves 10.0 %25 more demand; at "
        "least 5.0 %25 is known to fit\n"
        "::error file=x,title=x%3A error::100 %25\\r%0Alost\n"
    )


def test_junit_says_what_where_how_long_and_why() -> None:
    rows = [
        CheckRow("good", "a.yaml", Coverage.COVERED, seconds=1.5),
        CheckRow("short", "b.yaml", Coverage.SHORT, seconds=0.25, worst="first\nsecond"),
        CheckRow("wrong", "c.yaml", Coverage.UNDECIDED, seconds=0.0006, error="one\ntwo"),
        CheckRow("late", "d.yaml", Coverage.UNDECIDED, worst="at most"),
    ]
    text = check_junit(rows)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n  <testsuite ')
    assert text.endswith("  </testsuite>\n</testsuites>\n")
    (suite,) = ElementTree.fromstring(text)
    assert suite.attrib == {
        "name": "heteroplan check",
        "tests": "4",
        "failures": "1",
        "errors": "2",
        "skipped": "0",
        "time": "1.751",
    }
    assert [case.attrib for case in suite] == [
        {"classname": "heteroplan.check", "name": name, "file": file, "time": time}
        for name, file, time in [
            ("good (a.yaml)", "a.yaml", "1.500"),
            ("short (b.yaml)", "b.yaml", "0.250"),
            ("wrong", "c.yaml", "0.001"),
            ("late (d.yaml)", "d.yaml", "0.000"),
        ]
    ]
    found = [(each.tag, each.attrib, each.text) for case in suite for each in case]
    assert found == [
        ("failure", {"type": "not covered", "message": "first"}, "first\nsecond"),
        ("error", {"type": "error", "message": "one"}, "one\ntwo"),
        ("error", {"type": "undecided", "message": "at most"}, "at most"),
    ]


KEPT = CostLimit("--max-cost", "USD", 100.0, found_per_day=99.0, least_per_day=95.0)
OPEN = replace(KEPT, most_per_day=97.0)
BROKEN = replace(KEPT, most_per_day=90.0)


@pytest.mark.parametrize(
    ("limits", "verdict", "code"),
    [
        ([KEPT], "covered", ExitCode.OK),
        ([KEPT, OPEN], "undecided", ExitCode.UNDECIDED),
        ([OPEN, BROKEN], "cost", ExitCode.NOT_COVERED),
    ],
)
def test_a_limit_on_cost_decides_too(limits: list[CostLimit], verdict: str, code: ExitCode) -> None:
    """A plan of 99 USD a day keeps 100; 97 is between the bound and the plan, 90 below both."""
    row = CheckRow("x", "x.yaml", Coverage.COVERED, limits=tuple(limits))
    assert (row.verdict, row.exit_code) == (verdict, code)
    (written,) = json.loads(check_json([row]))
    assert [each["kept"] for each in written["limits"]] == [each is KEPT for each in limits]
    (suite,) = ElementTree.fromstring(check_junit([row]))
    assert [each.tag for each in suite[0]] == {
        "covered": [],
        "undecided": ["error"],
        "cost": ["failure"],
    }[verdict]


def test_notes_of_limits_say_what_was_found_asked_and_proven() -> None:
    assert KEPT.note == KEPT.short_note == ""
    assert BROKEN.note == ("99.00 USD a day, --max-cost is 90.00; no plan takes less than 95.00")
    assert OPEN.note == (
        "99.00 USD a day, --max-cost is 97.00; not decided, no plan takes less than 95.00"
    )
    row = CheckRow("x", "x", Coverage.COVERED, headroom=0.1, min_headroom=0.2, limits=(BROKEN,))
    assert row.note == (
        "not decided for 20.0 % more demand; at least 10.0 % is known to fit; " + BROKEN.note
    )
    assert row.short_note == ("20.0 % is asked for; at most 90.00 (--max-cost)")


@pytest.mark.parametrize("objective", list(Objective))
def test_a_baseline_is_compared_in_what_is_minimised_and_a_limit_in_usd(
    objective: Objective,
) -> None:
    """12 hours of 3 replicas of 4 GPUs at 2 USD: 144 GPU-hours and 288 USD in half a day.

    The bound is 0.8 % below; a GPU-hour costs 0.80 USD at least.
    """
    made = document_of(plan(day_scenario(horizon(12), objective=objective), [pool([3] * 12)]))
    before = BaselinePlan("old/plan.json", "day", cost_usd_per_day=500.0, gpu_hours_per_day=300.0)
    limit = against_baseline(made, before, 0.1)
    cost = objective is Objective.COST
    assert limit.unit == ("USD" if cost else "GPU-hours")
    assert limit.most_per_day == pytest.approx(550 if cost else 330)
    assert limit.found_per_day == pytest.approx(576 if cost else 288)
    assert limit.change == pytest.approx(576 / 500 - 1 if cost else 288 / 300 - 1)
    assert (limit.kept, limit.disproved) == (not cost, cost)
    most = max_cost(made, 570.0)
    assert most.found_per_day == pytest.approx(576)
    assert most.least_per_day == pytest.approx(576 * 0.992 if cost else 288 * 0.992 * 0.8)
    assert (most.kept, most.disproved) == (False, cost)
    own = BaselinePlan.of(made, "old/plan.json")
    assert (own.cost_usd_per_day, own.gpu_hours_per_day) == pytest.approx((576, 288))
    assert against_baseline(made, own, 0.0).kept


def test_markdown_has_a_row_a_scenario_and_what_is_wrong_in_full() -> None:
    limit = replace(
        BROKEN, option="--baseline", baseline="old/plan.json", baseline_per_day=90.0, tolerance=0.0
    )
    rows = [
        CheckRow("a|b", "a.yaml", Coverage.COVERED, cost_usd_per_day=99.0, limits=(limit,)),
        CheckRow("short", "b.yaml", Coverage.SHORT, worst="one\n```\ntwo"),
        CheckRow("good", "c.yaml", Coverage.COVERED, peak_gpus=1200, supply_gpus=1300),
    ]
    text = check_markdown(rows)
    assert text.startswith("**heteroplan check: 1 of 3 scenarios pass**\n\n| scenario |")
    assert r"| a\|b | **cost** | not asked |  | 99.00 | +10.0 % | a.yaml |" in text
    assert "| good | **covered** | not asked | 1,200 of 1,300 |  |  | c.yaml |" in text
    assert "short: not covered\n\n````\none\n```\ntwo\n````\n" in text
    assert "99.00 USD a day, 10.0 % more than 90.00 of old/plan.json, 0.0 % is allowed" in text


def test_a_summary_is_no_longer_than_github_takes() -> None:
    rows = [CheckRow(f"s{i}", "s.yaml", Coverage.SHORT, worst="x" * 50_000) for i in range(30)]
    text = check_markdown(rows)
    assert 900_000 < len(text.encode()) < 2**20
    assert text.endswith("More is in the log.\n")
    assert "| s29 |" in text


def test_junit_is_valid_against_the_schema_of_jenkins() -> None:
    limited = CheckRow("limited", "l.yaml", Coverage.COVERED, limits=(BROKEN,))
    seen = set()
    for element in ElementTree.fromstring(check_junit([*ROWS, limited])).iter():
        inside, needed, allowed = JUNIT[element.tag]
        assert {each.tag for each in element} <= inside
        assert needed <= set(element.keys()) <= needed | allowed
        assert re.fullmatch(r"\d+\.\d+", element.get("time", "0.0"))
        seen.add(element.tag)
    assert seen == JUNIT.keys()
