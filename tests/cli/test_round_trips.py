"""What heteroplan writes, heteroplan reads: files -> plan -> files, for random small scenarios."""

import csv
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from heteroplan.entities.plan import Plan
from heteroplan.errors import InputError, UsageError
from heteroplan.outputs.plan import report
from heteroplan.pipelines.explain import explain
from heteroplan.pipelines.export import export
from heteroplan.pipelines.fit import fit
from heteroplan.pipelines.plan import plan
from heteroplan.pipelines.shared.solving import load
from tests.scenario_files import ScenarioFiles, engine

EXACT = 1e-6
FEW = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RATES = (0.0, 2.0, 5.0, 8.0, 15.0)
FORMATS = ("crontab", "csv", "json", "keda")


@st.composite
def scenarios(draw: st.DrawFn, rates: st.SearchStrategy[list[float]]) -> ScenarioFiles:
    """One workload on two leaves; replicas of part of a node, a node or two nodes."""
    made = ScenarioFiles(Path())
    rps = draw(rates)
    lags = {"startup_s": draw(st.sampled_from([0, 600, 4000])), "drain_s": 60}
    made.profile["engines"] = [
        engine(
            role[0],
            role,
            gpus=draw(st.sampled_from([2, 8, 16])),
            capacity_rps=draw(st.sampled_from([4, 10])),
            **lags,
        )
        for role in ("prefill", "decode")
    ]
    made.leaf["nodes"]["h100x8"] = 8
    made.add_leaf("l2", {"h100x8": draw(st.sampled_from([2, 8]))})
    made.workload["affinity"] = draw(st.sampled_from(["leaf", "spine"]))
    made.scenario["horizon"] |= {"intervals": len(rps), "cyclic": draw(st.booleans())}
    rows = (f"2026-11-23T{hour:02}:00,{each}\n" for hour, each in enumerate(rps))
    made.demand = "interval_start,rps\n" + "".join(rows)
    return made


changing = st.lists(st.sampled_from(RATES), min_size=2, max_size=5)
steady = st.builds(lambda rate, count: [rate] * count, st.sampled_from(RATES), st.integers(2, 4))


@pytest.fixture(autouse=True, scope="module")
def no_page() -> Iterator[None]:
    """The page takes longer than all else, and nothing reads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "report_html", lambda plan: "")
        yield


@contextmanager
def written(files: ScenarioFiles) -> Iterator[Path]:
    """The folder of the scenario's files."""
    with tempfile.TemporaryDirectory() as folder:
        files.folder = Path(folder)
        yield files.write()


def planned(folder: Path, current: Path | None = None) -> Plan:
    """The best plan, which covers all demand, written beside the scenario."""
    made = plan(folder, current=current, gap=EXACT, time_limit_s=20.0)
    made.write(folder, placement=True)
    return made.plan


@FEW
@given(scenarios(changing))
def test_ones_own_placement_says_what_runs_now(files: ScenarioFiles) -> None:
    """With what the plan has in its first interval running, the plan itself costs no more."""
    with written(files) as folder:
        first = planned(folder)
        assume(first.covered)
        again = planned(folder, folder / "placement.csv")
        assert again.covered
        assert again.totals.cost_usd <= first.totals.cost_usd * (1 + 2 * EXACT) + EXACT


@FEW
@given(scenarios(steady))
def test_a_placement_that_may_stay_starts_nothing(files: ScenarioFiles) -> None:
    with written(files) as folder:
        first = planned(folder)
        assume(first.covered)
        again = planned(folder, folder / "placement.csv")
        assert again.totals.starts == 0


@FEW
@given(scenarios(changing))
def test_ones_own_plan_is_explained_and_exported(files: ScenarioFiles) -> None:
    """The CSV is that beside the plan; the others hold every pool of it, if there is any."""
    with written(files) as folder:
        planned(folder)
        source = str(folder / "plan.json")
        pools = json.loads(Path(source).read_text(encoding="utf-8"))["pools"]
        explain(source)
        assert export(source, format="csv") == (folder / "schedule.csv").read_text(encoding="utf-8")
        assert len(json.loads(export(source, format="json"))["pools"]) == len(pools)
        assert export(source, format="crontab").count("kubectl") >= len(pools)
        if pools:
            objects = list(yaml.safe_load_all(export(source, format="keda")))
            assert len(objects) == len(pools)
        else:
            with pytest.raises(UsageError, match="no pools"):
                export(source, format="keda")


@FEW
@given(st.text(min_size=1, max_size=20))
def test_a_name_that_the_scenario_may_have_the_plan_may_have(name: str) -> None:
    files = ScenarioFiles(Path())
    files.scenario["name"] = name
    with written(files) as folder:
        try:
            load(str(folder))
        except (InputError, UsageError):
            assume(False)
        planned(folder)
        source = str(folder / "plan.json")
        assert explain(source)
        for form in FORMATS:
            assert export(source, format=form)


@FEW
@given(
    st.integers(1, 20),
    st.floats(0.01, 0.2),
    st.floats(1.0, 50.0),
    st.text("abcdefghijklmnopqrstuvwxyz-_. ", min_size=1, max_size=60).map(str.strip),
)
def test_a_profile_of_ones_own_is_valid(
    count: int, per_token_ms: float, base_ms: float, name: str
) -> None:
    """However many files it is fitted from, and whatever they are called."""
    files = ScenarioFiles(Path())
    with written(files) as folder:
        paths = []
        for number in range(count):
            path = folder / f"{number}{name}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file)
                rows.writerow(
                    ("gpu", "gpus", "phase", "batch", "tokens", "context", "latency_ms", "source")
                )
                for tokens in (256, 512, 1024, 2048 + number):
                    took = base_ms + per_token_ms * tokens
                    rows.writerow(("H100-SXM-80GB", 4, "prefill", 1, tokens, "", took, ""))
                for batch in (1, 8, 32, 64 + number):
                    for context in (500, 2000):
                        took = base_ms + 0.05 * batch + 1e-5 * batch * context
                        rows.writerow(("H100-SXM-80GB", 4, "decode", batch, "", context, took, ""))
            paths.append(str(path))
        text = fit(paths, model="llama", kv_bytes_per_token=100_000).profile()
        (folder / "profile.yaml").write_text(text, encoding="utf-8")
        files.workload["slo"] = {"ttft_ms": 5000, "itl_ms": 1000}
        files.workload["allow_extrapolation"] = True
        text = yaml.safe_dump(files.scenario, sort_keys=False)
        (folder / "scenario.yaml").write_text(text, encoding="utf-8")
        assert len(load(str(folder)).candidates) >= 2
