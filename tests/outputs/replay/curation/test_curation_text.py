"""A curation and a calibration on terminals, as JSON, as CSV and as a page."""

import csv
import io
from collections.abc import Callable

import pytest
from rich.console import Console

from heteroplan.outputs.plan.document.parts import document_text
from heteroplan.outputs.replay.calibration.document import document_of as factors_of
from heteroplan.outputs.replay.calibration.text import render_calibration
from heteroplan.outputs.replay.curation.document import CurationDocument, document_of
from heteroplan.outputs.replay.curation.page import curation_html
from heteroplan.outputs.replay.curation.rows import policies_frame, trials_csv
from heteroplan.outputs.replay.curation.text import render_curation
from heteroplan.simulation.curation.calibrate import Judging
from tests import builders
from tests.curations import CALIBRATION, FOUND, HPA, candidate, curated, curation, fixed
from tests.pages import addresses

FACTORS = factors_of(builders.scenario(), CALIBRATION, Judging(seed=0))
TEXT = f"{HPA},target_share=1.1,tolerance=0.05"


def shown(render: Callable[[Console], None], width: int) -> list[str]:
    out = io.StringIO()
    render(Console(file=out, width=width))
    return out.getvalue().splitlines()


def curation_lines(width: int = 80) -> list[str]:
    return shown(lambda console: render_curation(curation(), console), width)


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_no_line_but_an_option_text_is_wider_than_the_terminal(width: int) -> None:
    lines = [line for line in curation_lines(width) if line != TEXT]
    lines += shown(lambda console: render_calibration(FACTORS, console), width)
    assert max(map(len, lines)) <= width


def test_a_searched_policy_has_two_rows_and_its_gain() -> None:
    """75 GPU-hours against 100, and against 200 of the static peak."""
    lines = curation_lines(120)
    given, found = (
        next(each for each in lines if f" {name} " in each) for name in ("given", "curated")
    )
    assert given.split()[:2] == [HPA, "given"]
    assert found.split()[:7] == ["*", HPA, "curated", "kept", "75.0", "150.00", "62.5"]
    assert "25.0" in found.split()
    assert TEXT in lines


def test_the_verdict_names_the_least_policy_that_keeps_the_slo_or_the_nearest() -> None:
    assert f"{HPA} keeps the SLO on the unseen part" in " ".join(curation_lines())
    late = curated("hpa", candidate(50.0, 930), candidate(40.0, 940))
    lines = shown(lambda console: render_curation(curation(late), console), 80)
    assert "nearest is hpa with 94.0 % of the requests in time." in " ".join(lines)


def test_the_document_is_read_back_as_it_was() -> None:
    made = document_of(curation())
    assert CurationDocument.model_validate_json(document_text(made)) == made
    assert made.policies[2].text == TEXT
    assert made.policies[2].gain_fraction == 0.25
    late = curated(HPA, candidate(9.0, 940), candidate(8.0, 960))
    (part,) = document_of(curation(late)).policies
    assert (part.given.unseen.slo_kept, part.curated.unseen.slo_kept) == (False, True)


def test_rows_are_trials_and_candidates() -> None:
    rows = list(csv.DictReader(io.StringIO(trials_csv(curation()))))
    assert [(row["trial"], row["gpu_hours"], row["target_share"]) for row in rows] == [
        ("1", "1", "0.8"),
        ("2", "0.5", "1.1"),
    ]
    frame = policies_frame(curation(fixed("plan", 80.0), curated("hpa", candidate(9.0), FOUND)))
    assert frame["gpu_hours"].tolist() == [80.0, 9.0, 75.0]


def test_the_page_loads_nothing_and_has_the_options() -> None:
    page = curation_html(curation())
    assert addresses(page) == []
    assert TEXT in page


def test_factors_are_judged_by_their_errors() -> None:
    lines = shown(lambda console: render_calibration(FACTORS, console), 120)
    judged = {row.split()[1]: row.split()[-1] for row in lines if row.startswith("chat ")}
    assert judged["short-prefill"] == "short"
    assert judged["spare-decode"] == "spare"
    assert judged["fair-decode"] not in ("short", "spare")
    [spare] = [row.split() for row in lines if row.split()[:2] == ["chat", "spare-decode"]]
    assert spare[4:7] == ["1", "98.75", "%"]
    assert "1 of 3 fall short of what plans count on" in " ".join(lines)
    assert any(line.startswith("Not judged: chat, half") for line in lines)
