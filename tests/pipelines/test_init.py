"""`init`: what options give, what is asked, and what is an example."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from heteroplan.errors import InputError, UsageError
from heteroplan.inputs import load
from heteroplan.pipelines.init import InitOptions, InitResult, drafted, written
from heteroplan.pipelines.new_scenario.demand import TraceOptions
from heteroplan.pipelines.new_scenario.files import EXAMPLE_USE, gpus_at_peak
from heteroplan.pipelines.new_scenario.fleet import FleetOptions
from heteroplan.pipelines.new_scenario.models import label
from heteroplan.pipelines.new_scenario.workloads import WorkloadOptions
from tests.scenario_files import engine, node_type

NOON = datetime(2026, 11, 23, 12)
PRICED = FleetOptions(
    nodes={"H100-SXM-80GB": (8, 4)}, usd_per_gpu_hour={"": 2.0}, nic_gbit_per_s={"": 3200.0}
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with `profile.yaml`: 10 requests/s on 4 H100, prefill or decode."""
    monkeypatch.chdir(tmp_path)
    profile = {"model": "llama", "engines": [engine("p", "prefill"), engine("d", "decode")]}
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    return tmp_path


def init(
    folder: str, *, fleet: FleetOptions = PRICED, asks: Any = None, **workloads: Any
) -> InitResult:
    """A scenario of `chat`, whose engines are those of `profile.yaml`."""
    given = {"models": ["chat=profile.yaml"], "demand": {"": "shape:flat:8"}} | workloads
    timezone = given.pop("timezone", "UTC")
    made = InitOptions(fleet=fleet, workloads=WorkloadOptions(**given), timezone=timezone)
    return written(drafted(folder, made, asks))


def scenario(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(folder, "scenario.yaml").read_text("utf-8"))
    return found


def marked(file: Path) -> list[str]:
    """Fields whose line is marked as an example."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [
        line.strip().lstrip("- ").partition(":")[0] for line in lines if "  # example: " in line
    ]


def rows(first: str, count: int, *, step: timedelta, header: str = "interval_start,rps") -> str:
    """A demand CSV at 8 requests/s."""
    begin = datetime.fromisoformat(first)
    more = ",8" + ",1000,200" * ("isl" in header)
    stamps = ((begin + i * step).isoformat(timespec="minutes") for i in range(count))
    return "\n".join([header, *(stamp + more for stamp in stamps)]) + "\n"


def test_what_is_given_is_written_and_nothing_else_is_an_example(here: Path) -> None:
    made = init(
        "day",
        isl={"": 1500.0},
        osl={"chat": 40.0},
        ttft_ms={"": 900.0},
        itl_ms={"": 45.5},
        start=date(2026, 11, 23),
    )
    found = scenario("day")
    assert found["name"] == "day"
    assert found["horizon"]["start"] == date(2026, 11, 23)
    (workload,) = found["workloads"]
    assert (workload["model"], workload["profile"]) == ("llama", "../profile.yaml")
    assert workload["requests"] == {"isl": 1500, "osl": 40}
    assert workload["slo"] == {"ttft_ms": 900, "itl_ms": 45.5, "percentile": 0.95}
    assert marked(here / "day" / "scenario.yaml") == ["slo", "headroom"]
    assert marked(here / "day" / "fleet.yaml") == []
    assert [words for _, words in made.examples] == ["percentile, headroom of chat"]
    names = ["scenario.yaml", "fleet.yaml", "demand/chat.csv"]
    assert made.files == tuple(Path("day", each) for each in names)


def test_it_loads_and_says_what_the_peak_needs(here: Path) -> None:
    """8 requests/s and 10 % more are 0.88 of a replica of 4 GPUs, for prefill and for decode."""
    made = init("day", isl={"": 1000.0}, osl={"": 200.0})
    loaded = load("day")
    assert [max(each.rps for each in one.demand) for one in loaded.scenario.workloads] == [
        pytest.approx(8.8)
    ]
    assert made.needed_gpus == pytest.approx(2 * 4 * 0.88)
    assert made.gpus == 32


def test_without_anything_it_is_an_example_that_says_so(here: Path) -> None:
    """40 % of the GPUs at the peak at most, and more than 30 % although it is rounded down."""
    made = written(drafted("day", InitOptions()))
    loaded = load("day", interval="1h")
    (need,) = gpus_at_peak(loaded).values()
    assert 0.3 * need.supply < need.needed <= EXAMPLE_USE * need.supply
    assert need.supply == made.gpus
    assert set(marked(here / "day" / "scenario.yaml")) == {
        *("model", "demand", "requests", "slo", "headroom")
    }
    assert set(marked(here / "day" / "fleet.yaml")) == {
        *("gpu", "nic_gbit_per_s", "usd_per_gpu_hour", "nodes")
    }


def test_a_fleet_elsewhere_is_named_and_not_copied(here: Path) -> None:
    fleet = {"name": "f", "node_types": [node_type("h", "H100-SXM-80GB")], "nodes": {"h": 3}}
    (here / "fleets").mkdir()
    (here / "fleets" / "big.yaml").write_text(yaml.safe_dump(fleet), encoding="utf-8")
    made = init("plans/day", fleet=FleetOptions(["fleets/big.yaml"]))
    assert scenario("plans/day")["fleet"] == "../../fleets/big.yaml"
    assert made.gpus == 24
    assert not (here / "plans" / "day" / "fleet.yaml").exists()


def test_a_fleet_in_the_folder_is_taken_and_stays_as_it_is(here: Path) -> None:
    fleet = {"name": "f", "node_types": [node_type("h", "H100-SXM-80GB")], "nodes": {"h": 2}}
    (here / "day").mkdir()
    file = here / "day" / "fleet.yaml"
    file.write_text(yaml.safe_dump(fleet), encoding="utf-8")
    before = file.read_bytes()
    made = init("day", fleet=FleetOptions())
    assert (scenario("day")["fleet"], made.gpus) == ("fleet.yaml", 16)
    assert file.read_bytes() == before
    with pytest.raises(UsageError, match=r"--price, .* describe a new fleet"):
        init("day2", fleet=FleetOptions([str(file)], usd_per_gpu_hour={"": 1.0}))


def test_nothing_is_overwritten(here: Path) -> None:
    init("day")
    before = {path: path.read_bytes() for path in (here / "day").rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=r"day/scenario.yaml is there already; name another fol"):
        init("day")
    (here / "other" / "demand").mkdir(parents=True)
    (here / "other" / "demand" / "chat.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"other/demand/chat.csv is there already"):
        init("other")
    assert not (here / "other" / "scenario.yaml").exists()
    assert before == {path: path.read_bytes() for path in before}
    with pytest.raises(UsageError, match=r"profile.yaml is a file; name a folder"):
        init("profile.yaml")


def test_a_scenario_with_problems_is_not_written(here: Path) -> None:
    """10 requests/s are given for 1 ms as well, but no engine is for L40S."""
    nodes = FleetOptions(
        nodes={"L40S-48GB": (8, 4)}, usd_per_gpu_hour={"": 1.0}, nic_gbit_per_s={"": 1.0}
    )
    with pytest.raises(InputError) as caught:
        init("day", fleet=nodes)
    first, last = caught.value.problems
    assert (first.file, first.path) == ("day/scenario.yaml", "workloads[0].profile")
    assert "no prefill and no decode engine runs on the fleet" in first.remedy
    assert last.remedy.startswith("was not written")
    assert not (here / "day").exists()


def test_a_demand_csv_is_planned_as_it_is_on_its_first_whole_day(here: Path) -> None:
    """From Monday 12:00 for 48 hours: Tuesday is the first day that it covers."""
    text = rows("2026-11-23T12:00", 48, step=timedelta(hours=1))
    (here / "curve.csv").write_text(text, encoding="utf-8")
    init("day", demand={"": "curve.csv"})
    found = scenario("day")
    assert found["horizon"]["start"] == date(2026, 11, 24)
    assert found["workloads"][0]["demand"] == "../curve.csv"
    assert len(load("day").scenario.workloads[0].demand) == 96


def test_a_demand_csv_of_less_than_a_day_is_planned_from_its_first_row_to_its_last(
    here: Path,
) -> None:
    text = rows(
        "2026-11-23T06:00", 12, step=timedelta(hours=1), header="interval_start,rps,isl,osl"
    )
    (here / "curve.csv").write_text(text, encoding="utf-8")
    init("day", demand={"": "curve.csv"}, timezone="Asia/Singapore")
    horizon = load("day").scenario.horizon
    assert horizon.start.isoformat() == "2026-11-23T06:00:00+08:00"
    assert (horizon.intervals, horizon.cyclic) == (48, False)
    assert scenario("day")["workloads"][0]["requests"] == {"isl": 1000, "osl": 200}
    assert "requests" not in marked(here / "day" / "scenario.yaml")
    with pytest.raises(UsageError, match=r"the demand of chat tells the lengths"):
        init("day2", demand={"": "curve.csv"}, isl={"": 1000.0})


def trace(folder: Path, *, days: int, begin: float) -> None:
    """A request every ten minutes, of 1000 input and 200 output tokens."""
    lines = [f"{begin + 600 * i:.0f},1000,200" for i in range(144 * days)]
    text = "\n".join(["ts,prompt,answer", *lines]) + "\n"
    (folder / "log.csv").write_text(text, encoding="utf-8")


MAP = {"timestamp": "ts", "isl": "prompt", "osl": "answer"}


def test_a_trace_is_forecast_for_tomorrow_each_time(here: Path) -> None:
    trace(here, days=3, begin=NOON.timestamp())
    init("day", demand={"": "log.csv"}, traces=TraceOptions(MAP), growth={"chat": 100.0})
    found = scenario("day")
    assert found["horizon"]["start"] == "tomorrow"
    (workload,) = found["workloads"]
    assert workload["demand"] == {"trace": "../log.csv", "map": MAP, "growth": 100}
    assert "requests" not in workload


def test_a_trace_without_dates_ends_before_the_plan_begins(here: Path) -> None:
    """Three days before Monday the 23rd begin on Friday the 20th."""
    trace(here, days=3, begin=0.0)
    since = {"timestamp_s": "ts", "isl": "prompt", "osl": "answer"}
    init("day", demand={"": "log.csv"}, traces=TraceOptions(since), start=date(2026, 11, 23))
    assert scenario("day")["workloads"][0]["demand"]["start"] == date(2026, 11, 20)
    assert "start" in marked(here / "day" / "scenario.yaml")
    told = TraceOptions(since, start=datetime(2026, 11, 1))
    init("told", demand={"": "log.csv"}, traces=told)
    assert scenario("told")["workloads"][0]["demand"]["start"] == "2026-11-01T00:00"
    assert "start" not in marked(here / "told" / "scenario.yaml")


def test_two_workloads_share_what_is_given_for_all(here: Path) -> None:
    init(
        "day",
        models=["chat=profile.yaml", "code=profile.yaml"],
        demand={"": "shape:flat:2", "code": "shape:office-hours:3"},
        isl={"": 1000.0, "code": 2000.0},
    )
    chat, code = scenario("day")["workloads"]
    assert (chat["demand"], code["demand"]) == ("demand/chat.csv", "demand/code.csv")
    assert (chat["requests"]["isl"], code["requests"]["isl"]) == (1000, 2000)
    peaks = [max(each.rps for each in one.demand) for one in load("day").scenario.workloads]
    assert peaks == [pytest.approx(2.2), pytest.approx(3.3)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"isl": {"chut": 1.0}}, "--isl chut=...: there is no such workload; there are chat"),
        ({"growth": {"": 2.0}}, "--growth: the demand of chat is no trace"),
        ({"demand": {"": "shape:noon:4"}}, "--demand shape:noon:4: there is no shape 'noon'"),
        ({"demand": {"": "-"}}, "--demand -: name a file"),
        ({"models": ["a=profile.yaml", "a=profile.yaml"]}, "two workloads are called a"),
        ({"models": ["A b=profile.yaml"]}, "no name of a workload; write small letters"),
        ({"models": ["lama-3.1-8b"]}, "did you mean llama-3.1-8b"),
        ({"fleet": FleetOptions(nodes={"H100": (8, 1)})}, "--nodes H100: unknown GPU type"),
        (
            {"fleet": FleetOptions(nodes={"T4-16GB": (4, 1)}, usd_per_gpu_hour={"": 0.3})},
            "T4-16GB: give the price and the network bandwidth, such as",
        ),
        ({"timezone": "Mars"}, "unknown time zone 'Mars'"),
    ],
)
def test_a_wrong_option_says_what_to_write(here: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        init("day", **given)
    assert message in str(caught.value)
    assert not (here / "day").exists()


@dataclass
class Answering:
    """Answers by a word of the question, once each; Enter where none fits."""

    answers: Mapping[str, Sequence[str]]
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def ask[T](self, question: str, read: Callable[[str], T], default: str) -> T:
        before = len([each for each in self.asked if each == question])
        self.asked.append(question)
        given = next((texts for word, texts in self.answers.items() if word in question), ())
        for text in [*given[before:], default]:
            try:
                return read(text or default)
            except ValueError as error:
                self.refused.append(str(error))
        raise AssertionError(question)

    def tell(self, line: str) -> None:
        pass


def test_answers_are_no_examples(here: Path) -> None:
    asks = Answering(
        {
            "Another GPU": ["H100-SXM-80GB"],
            "GPU type": ["H100", "H100-SXM-80GB"],
            "Number": ["3"],
            "Price": ["1.9"],
            "bandwidth": ["800"],
            "Demand": ["shape:flat:4"],
            "input": ["700"],
            "Time to first": ["1500"],
        }
    )
    init("day", fleet=FleetOptions(), demand={}, asks=asks)
    fleet = yaml.safe_load((here / "day" / "fleet.yaml").read_text(encoding="utf-8"))
    assert fleet["nodes"] == {"h100-sxm-80gb-x8": 3}
    assert fleet["node_types"][0]["usd_per_gpu_hour"] == 1.9
    assert fleet["node_types"][0]["nic_gbit_per_s"] == 800
    (workload,) = scenario("day")["workloads"]
    assert workload["requests"] == {"isl": 700, "osl": 200}
    assert workload["slo"]["ttft_ms"] == 1500
    assert marked(here / "day" / "scenario.yaml") == ["slo", "headroom"], "percentile of slo"
    assert marked(here / "day" / "fleet.yaml") == []
    assert asks.refused == [
        "unknown GPU type; did you mean H100-PCIE-80GB or H100-SXM-80GB?",
        "H100-SXM-80GB is there already; edit fleet.yaml for a second kind of node",
    ]
    assert not any("Model" in question for question in asks.asked), "an option gives it"


def test_an_import_asks_for_the_prices_that_nobody_gives(here: Path) -> None:
    """The table says the bandwidth of h1, an option the price of H100: two figures of L40S lack."""
    table = "node,gpu,gpus,nic_gbit_per_s\nh1,H100-SXM-80GB,8,1600\nl1,L40S-48GB,8,\n"
    (here / "nodes.csv").write_text(table, encoding="utf-8")
    fleet = FleetOptions(["nodes.csv"], usd_per_gpu_hour={"H100-SXM-80GB": 2.0})
    asks = Answering({"Price": ["0.7"], "bandwidth": ["100"]})
    init("day", fleet=fleet, asks=asks)
    found = load("day").scenario.fleet
    assert {
        (each.gpu.name, each.usd_per_gpu_hour, each.nic_gbit_per_s) for each in found.node_types
    } == {("H100-SXM-80GB", 2.0, 1600.0), ("L40S-48GB", 0.7, 100.0)}
    assert [each for each in asks.asked if "Price" in each or "bandwidth" in each] == [
        "Price of one L40S-48GB [USD/h]",
        "Network bandwidth of a node of L40S-48GB [Gbit/s]",
    ]


def test_an_answer_that_does_not_fit_is_asked_again_with_the_reason(here: Path) -> None:
    asks = Answering({"Demand": ["none.csv", "shape:moon", "shape:flat:4"], "Fleet": ["no.yaml"]})
    init("day", fleet=FleetOptions(), demand={}, asks=asks)
    assert asks.refused == [
        "there is no file no.yaml",
        "none.csv: cannot be read: No such file or directory",
        "there is no shape 'moon'; there are shape:day-night, shape:office-hours, shape:flat",
    ]


def test_somebody_picks_models_by_number_or_name(here: Path) -> None:
    asks = Answering({"Model": ["9", "llama-2-70b"], "Another model": ["3"], "Demand": [], "e": []})
    made = drafted("day", InitOptions(fleet=PRICED, timezone="UTC"), asks)
    models = [each.draft.model for each in made.workloads]
    assert models == ["llama-2-70b", "llama-3.1-70b"], "the third that runs on H100"
    assert asks.refused[0] == "write a number from 1 to 6, or a name of the list"


def test_names_of_workloads() -> None:
    assert label("Qwen3.5-397B-A17B") == "qwen3-5-397b-a17b"
    assert label("org/model_v2!") == "org-model-v2"
    assert label("...") == "model"
    assert len(label("m" * 100)) == 63


@pytest.mark.slow
@pytest.mark.parametrize("affinity", ["leaf", "spine"])
def test_the_example_is_covered_by_its_plan(here: Path, affinity: str) -> None:
    import heteroplan
    from heteroplan.entities.plan import Coverage

    written(drafted("day", InitOptions()))
    made = heteroplan.plan(
        "day", overrides=[f"workloads.llama-3-1-8b.affinity={affinity}"], gap=0.05
    )
    assert made.coverage is Coverage.COVERED
