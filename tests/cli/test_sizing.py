"""`heteroplan size` as a process would run it: what it prints, writes and ends with."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import heteroplan
from heteroplan.cli.app import app
from heteroplan.errors import InputError, UsageError
from tests.scenario_files import ScenarioFiles

OFFERS = """\
offers:
  - {name: own, node_type: h100x8, kind: purchase, usd_per_node: 280000, years: 4}
  - {name: hour, node_type: h100x8, kind: on_demand, usd_per_gpu_hour: 4}
"""


@pytest.fixture
def files(tmp_path: Path) -> ScenarioFiles:
    made = ScenarioFiles(tmp_path)
    made.write()
    (tmp_path / "offers.yaml").write_text(OFFERS)
    return made


def run(*args: str, text: str | None = None) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["size", *args], input=text)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout


def test_from_nothing_one_node_serves_both_roles(files: ScenarioFiles) -> None:
    """8 requests/s need one replica of 4 GPUs each of prefill and decode: one node, which is
    bought for 280,000 / 4 / 8,766 = 7.98 USD an hour."""
    code, out = run(
        str(files.folder), "--offers", str(files.folder / "offers.yaml"), "--from-nothing",
        "--json", "--no-compare",
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)
    assert found["covered"]
    (row,) = found["nodes"]
    assert (row["offer"], row["nodes"], row["leaf"]) == ("own", 1, "l1")
    assert row["cost_usd"] == pytest.approx(2 * 280_000 / 4 / 8766)
    assert row["usd_once"] == pytest.approx(280_000)
    assert found["alternatives"] == []


def test_the_fleet_file_plans_at_once(files: ScenarioFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text = run(
        str(files.folder), "--offers", str(files.folder / "offers.yaml"), "--out", str(out)
    )
    assert code == 0
    assert sorted(each.name for each in out.iterdir()) == ["fleet.yaml", "report.html", "size.json"]
    assert f"--set fleet={out}/fleet.yaml" in text
    plan = heteroplan.plan(files.folder, overrides=[f"fleet={out}/fleet.yaml"])
    assert plan.plan.covered
    assert json.loads((out / "size.json").read_text())["covered"]


def test_the_scenario_may_name_its_offers(files: ScenarioFiles) -> None:
    files.scenario["offers"] = "offers.yaml"
    files.write()
    result = heteroplan.size(files.folder, compare=False)
    assert {each.offer for each in result.document.nodes} == {"own"}
    assert len(result.nodes_frame()) == 1


def test_without_offers_nodes_cost_what_the_fleet_says(files: ScenarioFiles) -> None:
    code, out = run(str(files.folder), "--from-nothing")
    assert code == 0
    assert "No offers are given" in " ".join(out.split())
    assert "14,592" in out, "one node of 8 x 2.50 USD for 729.6 hours"


def test_a_budget_that_is_proven_too_small_ends_with_1(files: ScenarioFiles) -> None:
    """A node costs 5,826 USD a month; by the hour each of its two hours 32 USD."""
    given = [str(files.folder), "--offers", str(files.folder / "offers.yaml"), "--from-nothing"]
    code, out = run(*given, "--budget-usd", "1000", "--no-compare")
    assert code == 1
    assert "more than the budget of 1,000 USD a month" in " ".join(out.split())
    code, out = run(*given, "--budget-usd", "6000", "--no-compare")
    assert code == 0
    assert "are left" in " ".join(out.split())


def test_offers_from_standard_input(files: ScenarioFiles) -> None:
    code, out = run(str(files.folder), "--offers", "-", "--json", "--no-compare", text=OFFERS)
    assert code == 0
    assert json.loads(out)["nodes"]


def test_all_problems_of_the_offers_at_once(files: ScenarioFiles) -> None:
    file = files.folder / "offers.yaml"
    file.write_text(OFFERS.replace("h100x8", "h100").replace("hour,", "own,"))
    with pytest.raises(InputError) as caught:
        heteroplan.size(files.folder, offers=file)
    message = str(caught.value)
    assert message.count("unknown node type") == 2
    assert "another offer has this name" in message


def test_only_one_comes_from_standard_input() -> None:
    with pytest.raises(UsageError, match="only one"):
        heteroplan.size("-", offers="-")


def test_a_budget_below_nothing_is_refused(files: ScenarioFiles) -> None:
    with pytest.raises(UsageError, match="must be between"):
        heteroplan.size(files.folder, budget_usd_per_month=-1.0)


def test_nothing_is_written_where_the_folder_is_a_file(
    files: ScenarioFiles, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        heteroplan.size(files.folder, folder=tmp_path / "taken")


def validated(*args: str, text: str | None = None) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["validate", *args], input=text)
    if isinstance(found.exception, InputError):
        return 2, str(found.exception)
    return found.exit_code, found.stdout


def test_validate_reads_the_offers_that_the_scenario_names(files: ScenarioFiles) -> None:
    """280,000 USD over 4 years are 7.99 USD an hour; a wrong name is a problem."""
    files.scenario["offers"] = "offers.yaml"
    files.write()
    code, out = validated(str(files.folder))
    assert code == 0
    assert "7.99" in out
    (files.folder / "offers.yaml").write_text(OFFERS.replace("h100x8", "h100"))
    code, out = validated(str(files.folder))
    assert code == 2
    assert out.count("unknown node type") == 2


def test_validate_takes_offers_as_size_does(files: ScenarioFiles) -> None:
    code, out = validated(str(files.folder), "--offers", "-", text=OFFERS)
    assert code == 0
    assert "on demand" in out
    code, out = validated(str(files.folder))
    assert "on demand" not in out
