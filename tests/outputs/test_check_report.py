import json
from xml.etree import ElementTree

from heteroplan.entities.plan import Shortage
from heteroplan.errors import InputError, InputProblem
from heteroplan.outputs.check_report import (
    CheckRow,
    check_github,
    check_json,
    check_junit,
    check_row,
    error_row,
)
from tests.plans import day_scenario, horizon, plan, pool

ROWS = (
    CheckRow("good", "a.yaml", True, headroom=0.2, min_headroom=0.1, seconds=1.5),
    CheckRow("tight", "b.yaml", True, headroom=0.05, min_headroom=0.1),
    CheckRow("short", "c,d:e.yaml", False, worst="100 % short\nfrom 18:00"),
    CheckRow("wrong", "f.yaml", False, error="f.yaml:3: x: <bad> \x00"),
)


def test_row_of_a_plan_names_the_worst_interval_and_the_peak():
    """320 + 160 GPUs in the fleet, at most 3 replicas of 4 held; hour 1 is worst, not hour 0."""
    made = plan(
        day_scenario(horizon(3)),
        [pool([1, 3, 1])],
        shortages=[Shortage("chat-1", 0, 1.0, "x"), Shortage("chat-1", 1, 2.0, "x")],
    )
    row = check_row(made, "s.yaml", headroom=0.3, min_headroom=0.1)
    assert (row.covered, row.passed, row.verdict) == (False, False, "not covered")
    assert row.worst_interval == "01:00 to 02:00"
    assert row.worst.startswith("10.0 % of requests unserved. chat-1 goes short 00:00 to 02:00")
    assert (row.peak_gpus, row.supply_gpus) == (12, 480)


def test_notes_of_a_table_are_short_and_headroom_is_a_lower_limit():
    """The note of a machine's report stands alone; a table has a column for the headroom."""
    assert ROWS[1].note == (
        "no plan was found for 10.0 % more demand; at least 5.0 % is known to fit"
    )
    assert [row.short_note for row in ROWS] == [
        "",
        "10.0 % is asked for",
        "100 % short\nfrom 18:00",
        "1 problem, see below",
    ]
    texts = [row.headroom_text for row in (*ROWS, CheckRow("x", "x", True))]
    assert texts == ["at least 20.0 %", "at least 5.0 %", "-", "-", "not asked"]


def test_headroom_decides_too():
    assert [row.passed for row in ROWS] == [True, False, False, False]
    assert CheckRow("x", "x", True).passed


def test_json():
    rows = json.loads(check_json(ROWS))
    assert [row["verdict"] for row in rows] == ["covered", "headroom", "not covered", "error"]
    assert rows[0]["headroom"] == 0.2


def test_github_annotations_are_escaped():
    """Line breaks and % in the message, also : and , in properties."""
    lines = check_github(ROWS).splitlines()
    assert len(lines) == 4
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
    rows = [CheckRow("day", "a/scenario.yaml", True), CheckRow("day", "b/scenario.yaml", True)]
    (suite,) = ElementTree.fromstring(check_junit(rows))
    assert [case.get("name") for case in suite] == [
        "day (a/scenario.yaml)",
        "day (b/scenario.yaml)",
    ]


def test_junit_counts_failures_and_errors():
    root = ElementTree.fromstring(check_junit(ROWS))
    (suite,) = root
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "2",
        "errors": "1",
    }
    assert [child.tag for case in suite for child in case] == ["failure", "failure", "error"]
    assert suite[3][0].text == "f.yaml:3: x: <bad> \ufffd"
