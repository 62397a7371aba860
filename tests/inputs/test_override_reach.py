"""Where `--set` reaches: every workload, all demand, profiles, and numbers that are multiplied."""

from pathlib import Path

import pytest

from tests.scenario_files import ScenarioFiles, engine


@pytest.fixture
def files(tmp_path: Path) -> ScenarioFiles:
    """Two workloads of one profile, at 5 and 8 requests/s each."""
    made = ScenarioFiles(tmp_path)
    made.scenario["workloads"] = [made.workload, {**made.workload, "name": "code"}]
    return made


def rates(files: ScenarioFiles, *overrides: str) -> list[list[float]]:
    """Of each workload and interval."""
    loaded = files.load(*overrides)
    return [[each.rps for each in load.demand] for load in loaded.scenario.workloads]


@pytest.mark.parametrize("path", ["growth", "demand"])
def test_growth_is_a_factor_on_all_demand(files: ScenarioFiles, path: str) -> None:
    assert rates(files) == [[5.0, 8.0], [5.0, 8.0]]
    assert rates(files, f"{path}=1.5") == [[7.5, 12.0], [7.5, 12.0]]
    assert files.load("growth=1.5").scenario.workloads[0].demand_notes[0] == (
        "rates multiplied by 1.5"
    )


def test_growth_of_a_workload_is_beside_that_of_the_scenario(files: ScenarioFiles) -> None:
    found = rates(files, "growth=1.5", "workloads.code.growth=2")
    assert found == [[7.5, 12.0], [15.0, 24.0]]


def test_growth_and_headroom_multiply(files: ScenarioFiles) -> None:
    """5 x 1.5 x 1.2 = 9 and 8 x 1.5 x 1.2 = 14.4."""
    assert rates(files, "growth=1.5", "workloads.chat.headroom=0.2")[0] == pytest.approx([9, 14.4])


def test_demand_grows_by_the_week(files: ScenarioFiles) -> None:
    """5 x 1.02 x 1.02 = 5.202 and 8 x 1.02 x 1.02 = 8.3232; half as much more with `growth`."""
    weekly = ("growth_per_week=2%", "weeks_ahead=2")
    assert rates(files, *weekly)[1] == pytest.approx([5.202, 8.3232])
    assert rates(files, *weekly, "demand=1.5")[0] == pytest.approx([7.803, 12.4848])
    assert rates(files, "growth_per_week=2%") == rates(files)
    assert rates(files, "growth_per_week=4%", "weeks_ahead=0.5")[0][0] == pytest.approx(
        5 * 1.04**0.5
    )


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ("weeks_ahead=4",),
            "--set: weeks_ahead: 4: needs growth_per_week; add it, such as growth_per_week: 3%",
        ),
        (
            ("weeks_ahead=0",),
            "--set: weeks_ahead: 0: needs growth_per_week; add it, such as growth_per_week: 3%",
        ),
        (
            ("growth_per_week=50%", "weeks_ahead=20"),
            "--set: weeks_ahead: 20: with 50.000% a week more than 1,000 times the demand",
        ),
    ],
)
def test_weeks_without_growth_or_with_too_much_are_one_problem(
    files: ScenarioFiles, overrides: tuple[str, ...], told: str
) -> None:
    (problem,) = files.problems(*overrides)
    assert told in problem


def test_demand_that_is_no_number_is_that_of_every_workload(files: ScenarioFiles) -> None:
    rows = "2026-11-23T00:00,1\n2026-11-23T01:00,2\n"
    (files.folder / "other.csv").write_text(f"interval_start,rps\n{rows}")
    assert rates(files, "demand=other.csv") == [[1.0, 2.0], [1.0, 2.0]]


@pytest.mark.parametrize("growth", ["0", "-1", "true", "twice", "20%", "[1]"])
def test_a_growth_that_is_no_factor_is_one_problem(files: ScenarioFiles, growth: str) -> None:
    (problem,) = files.problems(f"growth={growth}")
    assert problem.startswith("--set: growth: ")


def test_a_field_of_workloads_alone_is_set_in_all_of_them(files: ScenarioFiles) -> None:
    loads = files.load("slo.ttft_ms=500", "headroom=0.1").scenario.workloads
    assert [(each.slo.ttft_ms, each.slo.itl_ms, each.headroom) for each in loads] == [
        (500, 60, 0.1),
        (500, 60, 0.1),
    ]


def test_an_engine_of_every_profile_is_set(files: ScenarioFiles) -> None:
    other = {"model": "llama", "engines": [engine("p", "prefill"), engine("q", "decode")]}
    (files.folder / "other.yaml").write_text(str(other))
    files.scenario["workloads"][1]["profile"] = "other.yaml"
    loaded = files.load("profile.p.capacity_rps=20", "profile.q.startup_s=7")
    found = [
        [(each.name, each.capacity_rps, each.startup_s) for each in load.profile.engines]
        for load in loaded.scenario.workloads
    ]
    assert found[0] == [("p", 20.0, 0.0), ("d", 10.0, 0.0)]
    assert found[1] == [("p", 20.0, 0.0), ("q", 10.0, 7.0)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "profile.x.startup_s=1",
            "no profile has a field or an engine x; there are model, kv_bytes_per_token, engines, "
            "p, d; write for example profile.ENGINE.startup_s",
        ),
        ("profile.=1", "'profile.' is not a path; write for example workloads[0].headroom"),
        ("profile.p", "not PATH=VALUE; write for example workloads[0].headroom=0.2"),
        ("profile.p.gpus.x=1", "unknown path: profile.engines[0].gpus.x; nothing can be set there"),
    ],
)
def test_what_no_profile_has_is_a_problem_of_the_option(
    files: ScenarioFiles, text: str, problem: str
) -> None:
    assert files.problems(text) == [f"--set: {text}: {problem}"]


def test_a_wrong_value_in_a_profile_names_the_option(files: ScenarioFiles) -> None:
    (problem,) = files.problems("profile.p.startup_s=-1")
    assert problem.startswith("--set profile: engines[0].startup_s: -1: must be at least 0")


def test_a_value_with_a_star_multiplies_what_is_there(files: ScenarioFiles) -> None:
    loaded = files.load(
        "fleet.node_types.h100x8.usd_per_gpu_hour=*1.1",
        "fleet.l1.h100x8=*2",
        "slo.ttft_ms=*0.5",
        "profile.d.capacity_rps=*0.9",
        "growth=*1.2",
    )
    scenario = loaded.scenario
    (kind,) = scenario.fleet.node_types
    assert kind.usd_per_gpu_hour == pytest.approx(2.75)
    assert scenario.fleet.network.leaves[0].nodes == {"h100x8": 4}
    assert [each.slo.ttft_ms for each in scenario.workloads] == [500, 500]
    assert scenario.workloads[0].profile.engines[1].capacity_rps == pytest.approx(9.0)
    assert scenario.workloads[0].demand[0].rps == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name=*2", "no number stands at name that could be multiplied; set one"),
        (
            "workloads.chat.headroom=*2",
            "no number stands at workloads.chat.headroom that could be multiplied; set one",
        ),
        ("growth=*x", "x is not a factor; write for example *1.1"),
        ("workloads.cht.priority=*2", "unknown path: no entry workloads.cht; there are chat, code"),
    ],
)
def test_what_cannot_be_multiplied_is_a_problem(
    files: ScenarioFiles, text: str, problem: str
) -> None:
    assert files.problems(text) == [f"--set: {text}: {problem}"]


def test_half_a_node_is_refused(files: ScenarioFiles) -> None:
    (problem,) = files.problems("fleet.l1.h100x8=*1.25")
    assert "not a whole number" in problem
