"""A stress test on the terminal, as page, JSON, CSV and frame."""

import csv
import io
import json
import re

import pytest
from rich.console import Console

from heteroplan.outputs.plan.document.parts import document_text
from heteroplan.outputs.replay.figures import Kept
from heteroplan.outputs.replay.stress.document import StressDocument, document_of
from heteroplan.outputs.replay.stress.figures import limit_sentences, verdict
from heteroplan.outputs.replay.stress.files import runs_csv, runs_frame
from heteroplan.outputs.replay.stress.page import stress_html
from heteroplan.outputs.replay.stress.text import render_stress
from heteroplan.pipelines.schema import schema
from heteroplan.simulation.stress.results import Stress
from tests.pages import NASTY, addresses, tags
from tests.signal_studies import stress

MADE = stress()


def shown(of: Stress, width: int) -> list[str]:
    out = io.StringIO()
    render_stress(of, Console(file=out, width=width))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, shown(MADE, width))) <= width


def test_the_verdict_says_up_to_where_the_slo_holds() -> None:
    assert verdict(MADE) == (
        Kept.ALWAYS,
        "Over the whole replay plan keeps the SLO up to 1.19 times the demand, and at 4 times the "
        "prefill and step times too.",
    )


def test_the_break_has_its_workload_and_first_interval() -> None:
    whole, interval, engines, _ = limit_sentences(MADE)
    assert whole == (
        "Over the whole replay the SLO breaks at 1.2 times the demand (1.19 holds): chat 94.0 % "
        "(95 % wanted); the first interval that misses it is 01:00 chat."
    )
    assert interval == (
        "In a single interval the SLO breaks at 1.2 times the demand (1.1 holds): 01:00 chat "
        "90.0 % (95 % wanted) of 1,000 requests; 1 of 4 intervals miss it."
    )
    assert engines.endswith("the SLO holds at all prefill and step times tried, up to 4 times.")


def test_each_case_has_a_row() -> None:
    lines = shown(MADE, 80)
    for what in ("as planned +1", "demand +1.1", "engine times +1.5", "start-up times +2"):
        assert sum(bool(re.match(rf"{what} +kept +chat 98.5 ", line)) for line in lines) == 1


def test_the_page_loads_nothing_and_takes_names_for_text() -> None:
    page = stress_html(stress(NASTY, "code"))
    assert addresses(page) == []
    assert tags(page).count("img") == 0
    for head in ("Requests in time", "One thing at a time", "In search of where the SLO breaks"):
        assert f"<h2>{head}" in page


def test_json_holds_runs_and_limits() -> None:
    found = json.loads(document_text(document_of(MADE)))
    assert [each["factor"] for each in found["runs"]] == [1.0, 1.1, 1.5, 2.0]
    assert found["searched"][0]["short"] == ["chat"]
    assert found["searched"][0]["first_missed"]["interval"] == 1
    assert found["limits"][0] == {
        "stressor": "demand",
        "criterion": "whole",
        "holds_factor": 1.19,
        "breaks_factor": 1.2,
    }
    assert found["limits"][2]["breaks_factor"] is None
    assert StressDocument.model_validate_json(document_text(document_of(MADE)))
    assert json.loads(schema("stress"))["title"] == "StressDocument"


def test_a_row_a_replay_and_workload() -> None:
    rows = list(csv.DictReader(io.StringIO(runs_csv(MADE))))
    assert len(rows) == 5 * 2
    assert (rows[-2]["workload"], rows[-2]["in_time_share"], rows[-2]["kept"]) == (
        "chat",
        "0.94",
        "0",
    )
    frame = runs_frame(MADE)
    assert list(frame.columns) == list(rows[0])
    assert len(frame) == len(rows)
