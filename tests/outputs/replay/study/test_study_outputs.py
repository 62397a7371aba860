"""A signal study on the terminal, as page, JSON, CSV and frame."""

import csv
import io
import json

import pytest
from rich.console import Console

from heteroplan.outputs.plan.document.parts import document_text
from heteroplan.outputs.replay.study.document import StudyDocument, document_of
from heteroplan.outputs.replay.study.files import signals_csv, signals_frame
from heteroplan.outputs.replay.study.page import study_html
from heteroplan.outputs.replay.study.text import render_study
from heteroplan.pipelines.schema import schema
from heteroplan.simulation.study.results import SignalStudy
from tests.pages import NASTY, addresses, tags
from tests.signal_studies import study

MADE = study()


def shown(of: SignalStudy, width: int) -> list[str]:
    out = io.StringIO()
    render_study(of, Console(file=out, width=width))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, shown(MADE, width))) <= width


def test_every_signal_has_a_row_and_every_finding_a_verdict() -> None:
    lines = shown(MADE, 80)
    rows = [line.split()[-1] for line in lines if line.endswith((" yes", " no"))]
    assert rows == ["yes", "yes", "yes", "no", "yes", "yes", "no", "yes"]
    assert sum(line.startswith("prefill SM activity *") for line in lines) == 1
    told = [line for line in lines if line.split(":")[0] in ("reproduced", "not reproduced")]
    assert len(told) == 6
    assert any(line.startswith("assumed: Decode SM activity") for line in lines)


def test_a_narrow_terminal_says_what_it_lacks() -> None:
    text = " ".join(shown(MADE, 80))
    assert "In a wider terminal or with --json: unit, other loads, rank r, at." in text
    assert "5 of 6 findings of the paper come out of the simulation; not: TBT is flat" in text


def test_the_page_loads_nothing_and_takes_names_for_text() -> None:
    page = study_html(study(NASTY))
    assert addresses(page) == []
    assert tags(page).count("img") == 0
    for head in ("Findings of HeteroScale, one by one", "Signals by load", "Loads and hit rates"):
        assert f"<h2>{head}" in page


def test_json_holds_curves_and_findings() -> None:
    found = json.loads(document_text(document_of(MADE)))
    assert found["schema_version"] == 1
    assert len(found["signals"]) == 8
    assert len(found["loads"]) == len(found["signals"][0]["means"]) == 20
    by_name = {each["name"]: each for each in found["signals"]}
    assert by_name["decode GPU utilization"]["correlation"] is None
    assert by_name["decode TPS"]["scales_in_at"] == 0.7
    assert [each["verdict"] for each in found["findings"]].count("reproduced") == 5
    assert StudyDocument.model_validate_json(document_text(document_of(MADE)))
    assert json.loads(schema("study"))["title"] == "StudyDocument"


def test_a_row_a_signal_and_load() -> None:
    rows = list(csv.DictReader(io.StringIO(signals_csv(MADE))))
    assert len(rows) == 8 * 20
    assert (rows[0]["signal"], rows[0]["load"], rows[0]["came_rps"]) == (
        "prefill TPS",
        "0.1",
        "2.7",
    )
    assert {row["assumed"] for row in rows} == {"0", "1"}
    frame = signals_frame(MADE)
    assert len(frame) == len(rows)
    assert list(frame.columns) == list(rows[0])
