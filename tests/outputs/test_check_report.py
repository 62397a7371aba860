import json
from dataclasses import replace
from xml.etree import ElementTree

from heteroplan.entities.plan import Coverage, Shortage
from heteroplan.errors import ExitCode, InputError, InputProblem
from heteroplan.outputs.check_report import (
    CheckRow,
    Headroom,
    check_github,
    check_json,
    check_junit,
    check_row,
    error_row,
)
from tests.plans import day_scenario, horizon, plan, pool

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


def test_row_of_a_plan_names_the_worst_interval_and_the_peak():
    """320 + 160 GPUs in the fleet, at most 3 replicas of 4 held; hour 1 is worst, not hour 0."""
    made = plan(
        day_scenario(horizon(3)),
        [pool([1, 3, 1])],
        shortages=[Shortage("chat-1", 0, 1.0, "x"), Shortage("chat-1", 1, 2.0, "x")],
    )
    row = check_row(made, "s.yaml", headroom=Headroom(0.3, disproved=False), min_headroom=0.1)
    assert (row.covered, row.passed, row.verdict) == (False, False, "not covered")
    assert row.worst_interval == "01:00 to 02:00"
    assert row.worst.startswith("10.0 % of requests unserved. chat-1 goes short 00:00 to 02:00")
    assert (row.peak_gpus, row.supply_gpus) == (12, 480)


def test_notes_of_a_table_are_short_and_headroom_is_a_lower_limit():
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


def test_headroom_decides_too():
    assert [row.passed for row in ROWS] == [True, False, False, False, False, False]
    assert CheckRow("x", "x", Coverage.COVERED).passed


def test_what_the_time_did_not_decide_is_neither_covered_nor_short():
    """Exit codes 0, 1 and 3; an error has the code of its kind."""
    decided = [row for row in ROWS if not row.error]
    assert [row.exit_code for row in decided] == [
        ExitCode.OK,
        ExitCode.NOT_COVERED,
        ExitCode.NOT_COVERED,
        ExitCode.UNDECIDED,
        ExitCode.UNDECIDED,
    ]


def test_json():
    rows = json.loads(check_json(ROWS))
    assert [row["verdict"] for row in rows] == [
        *("covered", "headroom", "not covered", "error", "undecided", "undecided")
    ]
    assert rows[0]["headroom"] == 0.2


def test_github_annotations_are_escaped():
    """Line breaks and % in the message, also : and , in properties."""
    lines = check_github(ROWS).splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("::notice file=a.yaml,title=good%3A covered::")
    assert lines[2] == (
        "::error file=c%2Cd%3Ae.yaml,title=short%3A not covered::100 %25 short%0Afrom 18:00"
    )


def test_github_annotates_every_problem_where_it_stands():
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


def test_two_scenarios_of_one_name_are_two_test_cases():
    rows = [
        CheckRow("day", "a/scenario.yaml", Coverage.COVERED),
        CheckRow("day", "b/scenario.yaml", Coverage.COVERED),
    ]
    (suite,) = ElementTree.fromstring(check_junit(rows))
    assert [case.get("name") for case in suite] == [
        "day (a/scenario.yaml)",
        "day (b/scenario.yaml)",
    ]


def test_junit_counts_failures_and_errors():
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


def test_github_gets_one_command_a_row_whatever_the_names_hold():
    nasty = "a\x1b[2J\u202e\n::stop-commands::x\udcff"
    problem = InputProblem(nasty, 3, nasty, nasty, "wrong")
    row = error_row(nasty, nasty, InputError([problem]))
    (line,) = check_github([row]).splitlines()
    assert line.count("::") == 2
    assert line.startswith(r"::error file=a\x1b[2J\u202e\n\x3a%3Astop-commands")
    assert not {"\x1b", "\u202e", "\udcff"} & set(line)
    (line,) = check_github([CheckRow("a", "a", False, worst="\x1b[2J")]).splitlines()
    assert line.endswith(r"::\x1b[2J")


def test_supply_is_what_is_there_at_the_peak():
    """8 GPUs are held of 320 in the first hour, 12 of 160 in the second; 160 L40S stay."""
    made = plan(day_scenario(horizon(2)), [pool([2, 3])])
    h100, l40s = made.supply
    made = replace(made, supply=(replace(h100, supply=(320, 160)), l40s))
    row = check_row(made, "s.yaml")
    assert (row.peak_gpus, row.supply_gpus) == (12, 320)


def test_headroom_may_miss_by_rounding():
    row = CheckRow("x", "x", Coverage.COVERED, headroom=0.3, min_headroom=0.1 + 0.2)
    assert row.headroom < row.min_headroom
    assert (row.passed, row.exit_code) == (True, ExitCode.OK)
