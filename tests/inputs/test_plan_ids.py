"""The id of a plan in all its files: mixed ones are refused."""

import csv
import io
import json
import os
import re
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from heteroplan.errors import InputError
from heteroplan.inputs.plan_ids import content_id, placement_problems
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_json import plan_text, read_plan
from heteroplan.pipelines.export import export
from heteroplan.pipelines.plan import PlanResult
from tests.plans import shown_plan

TEXT = plan_text(document_of(shown_plan()))
ID = json.loads(TEXT)["plan_id"]
OTHER = "0123456789abcdef"


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All files of a plan."""
    monkeypatch.chdir(tmp_path)
    PlanResult(shown_plan()).write(tmp_path, placement=True)
    return tmp_path


def problem(source: str = "plan.json") -> str:
    with pytest.raises(InputError) as caught:
        read_plan(source)
    (found,) = caught.value.problems
    return str(found)


def test_id_is_of_the_content_but_for_the_seconds() -> None:
    """16 hex digits; another time, spacing, order of fields or way to write 1 is no other plan."""
    assert re.fullmatch("[0-9a-f]{16}", ID)
    document = json.loads(TEXT)
    document["solver"]["seconds"] += 1.0
    assert content_id(json.dumps(document, sort_keys=True, indent=8)) == ID
    assert content_id(TEXT.replace('"served_fraction": 1.0', '"served_fraction": 1')) == ID
    document["totals"]["starts"] += 1
    assert content_id(json.dumps(document)) != ID


def test_id_of_a_content_stays_what_it_was() -> None:
    """The SHA-256 of {"a": 1.0, "solver": {"bound": 2.5}}; else plans on disk would be others'."""
    text = '{"solver": {"seconds": 9, "bound": 2.5}, "plan_id": "x", "a": 1}'
    assert content_id(text) == content_id(text.encode()) == "0a28f40e07c510bc"


def test_every_file_names_its_plan(out: Path) -> None:
    for name in ("schedule.csv", "placement.csv"):
        rows = list(csv.DictReader((out / name).read_text().splitlines()))
        assert {row["plan"] for row in rows} == {ID}
    page = (out / "report.html").read_text()
    assert page.count(f'<meta name="heteroplan-plan" content="{ID}">') == 1
    assert read_plan("plan.json").plan_id == ID


def test_plan_that_was_changed_is_refused_until_it_has_no_id(tmp_path: Path) -> None:
    changed = json.loads(TEXT)
    changed["totals"]["cost_usd"] = 1.0
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(changed))
    assert problem(str(path)) == (
        f"{path}: plan_id: {ID}: the content is that of another plan "
        f"({content_id(json.dumps(changed))}): it was changed after it was written; plan again, or "
        "remove plan_id to read it as it is"
    )
    del changed["plan_id"]
    path.write_text(json.dumps(changed))
    assert read_plan(str(path)).plan_id is None


@pytest.mark.parametrize("name", ["schedule.csv", "report.html"])
def test_files_of_two_plans_are_refused(out: Path, name: str) -> None:
    """Where one names another plan, or two."""
    text = (out / name).read_text()
    (out / name).write_text(text.replace(ID, OTHER))
    assert problem() == (
        f"plan.json: plan_id: {ID}: {name} is of plan {OTHER}; a run was cut short, or the files "
        "are of two runs; plan again, or keep the files of each plan in a folder of its own"
    )
    both = f'<meta name="heteroplan-plan" content="{OTHER}">\n{text}'
    (out / name).write_text(both if name == "report.html" else text.replace(ID, OTHER, 1))
    assert f"{name} is of plan {OTHER};" in problem()


def test_plan_without_id_is_not_that_of_files_with_one(out: Path) -> None:
    document = json.loads(TEXT)
    del document["plan_id"]
    (out / "plan.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=f"plan_id: none: report.html is of plan {ID}; a run"):
        read_plan("plan.json")
    (out / "schedule.csv").unlink()
    (out / "report.html").unlink()
    assert read_plan("plan.json").plan_id is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("schedule.csv", "interval_start,replicas\n2026-11-23,1\n"),
        ("schedule.csv", "plan\ngold\n"),
        ("schedule.csv", f"plan\n{OTHER}0\n"),
        ("schedule.csv", ""),
        ("schedule.csv", "plan\n\x00\n"),
        ("schedule.csv", b"plan\n\xff\xfe\n"),
        ("report.html", "<html></html>"),
        ("report.html", None),
    ],
)
def test_what_names_no_plan_is_no_other_plan(
    out: Path, name: str, text: str | bytes | None
) -> None:
    """Files of an older heteroplan, another's, and none."""
    (out / name).unlink()
    if text is not None:
        (out / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert read_plan("plan.json").plan_id == ID


def test_old_plans_are_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(TEXT.replace(f'  "plan_id": "{ID}",\n', ""))
    document = read_plan(str(path))
    assert document.plan_id is None
    rows = csv.DictReader(export(str(path), format="csv").splitlines())
    assert {row["plan"] for row in rows} == {""}


def test_id_is_checked_on_standard_input_too(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But what lies in the working directory is not beside it."""
    (out / "schedule.csv").write_text(f"plan\n{OTHER}\n")
    content = (out / "plan.json").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert read_plan("-").plan_id == ID
    wrong = content.replace(ID.encode(), OTHER.encode())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(wrong)))
    assert problem("-").startswith(f"<stdin>: plan_id: {OTHER}: the content is that of another")


def test_all_plans_of_other_files_are_named_but_for_the_own(out: Path) -> None:
    """And each file has its problem, the schedule's before the page's."""
    (out / "schedule.csv").write_text(f"plan\n{'f' * 16}\n{ID}\n{OTHER}\n{OTHER}\n")
    (out / "report.html").write_text((out / "report.html").read_text().replace(ID, "a" * 16))
    with pytest.raises(InputError) as caught:
        read_plan("plan.json")
    assert [(each.line, each.path, each.value) for each in caught.value.problems] == [
        (0, "plan_id", ID)
    ] * 2
    assert [each.remedy.partition(";")[0] for each in caught.value.problems] == [
        f"schedule.csv is of plan {OTHER} and {'f' * 16}",
        f"report.html is of plan {'a' * 16}",
    ]


def test_the_files_beside_a_changed_plan_are_not_told(out: Path) -> None:
    """Its id is wrong, so nothing is said of whose they are."""
    (out / "plan.json").write_text(TEXT.replace(ID, OTHER))
    assert "plan.json: plan_id: 0123456789abcdef: the content is that of another" in problem()


TAG = f'<meta name="heteroplan-plan" content="{OTHER}">'


@pytest.mark.parametrize(("characters", "seen"), [(65_536, True), (65_537, False)])
def test_the_tag_of_a_page_stands_at_its_beginning(out: Path, characters: int, seen: bool) -> None:
    (out / "report.html").write_text(TAG.rjust(characters) + "</html>")
    if seen:
        assert f"report.html is of plan {OTHER};" in problem()
    else:
        assert read_plan("plan.json").plan_id == ID


@pytest.mark.parametrize(("more_bytes", "seen"), [(0, True), (1, False)])
def test_files_of_more_than_512_mib_are_none_of_ours(
    out: Path, more_bytes: int, seen: bool
) -> None:
    """One that takes no room on the disk."""
    (out / "report.html").write_text(TAG)
    os.truncate(out / "report.html", 512 * 2**20 + more_bytes)
    if seen:
        assert f"report.html is of plan {OTHER};" in problem()
    else:
        assert read_plan("plan.json").plan_id == ID


def test_what_is_no_plain_file_is_not_read(out: Path) -> None:
    """A pipe, at whose other end somebody waits with another plan."""
    pipe = out / "schedule.csv"
    pipe.unlink()
    os.mkfifo(pipe)
    waiting = Thread(target=pipe.write_text, args=(f"plan\n{OTHER}\n",))
    waiting.start()
    try:
        assert read_plan("plan.json").plan_id == ID
    finally:
        reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        waiting.join()
        os.close(reading)


def test_a_placement_is_of_the_plan_in_its_folder(out: Path) -> None:
    """None says nothing of standard input, nor a file that is no plan."""
    folder = out / "below"
    folder.mkdir()
    assert list(placement_problems({OTHER}, "p.csv", folder)) == []
    (folder / "plan.json").write_text(TEXT)
    assert list(placement_problems({OTHER}, "p.csv", None)) == []
    assert list(placement_problems(set(), "p.csv", folder)) == []
    assert list(placement_problems({ID}, "p.csv", folder)) == []
    (found,) = placement_problems({OTHER}, "p.csv", folder)
    assert (found.file, found.line, found.path, found.value) == ("p.csv", 0, "plan", OTHER)
    assert found.remedy.startswith(f"below/plan.json is of plan {ID}; a run was cut short")
    (found,) = placement_problems({OTHER, ID}, "p.csv", folder)
    assert found.remedy == (
        f"rows of plans {' and '.join(sorted([OTHER, ID]))}; give the placement of one plan"
    )
    (folder / "plan.json").write_text("[" * 100_000)
    assert list(placement_problems({OTHER}, "p.csv", folder)) == []
