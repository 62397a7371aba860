"""`sweep(sensitivity=True)` of the scenario of `tests.scenario_files`.

One replica of each role (10 requests/s, 4 GPUs) serves 5 and 8 requests/s in two hours: 16
GPU-hours at 2.50 USD, 40 USD, on two nodes of 8 H100.
"""

from pathlib import Path

import pytest

import heteroplan
from heteroplan.errors import UsageError
from heteroplan.outputs.shared.terminal import make_console
from heteroplan.outputs.sweep.swings_text import print_swings
from heteroplan.outputs.sweep.text import render_sweep
from heteroplan.studies.case import Value
from heteroplan.studies.swings import swings
from tests.scenario_files import ScenarioFiles


@pytest.fixture
def files(tmp_path: Path) -> ScenarioFiles:
    made = ScenarioFiles(tmp_path)
    made.write()
    return made


def test_each_input_is_varied_alone(
    files: ScenarioFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tenth of the price is 4 USD. At a third of its speed decode needs three replicas for 8
    requests/s, and so a tenth less of 0.85 times its speed, 7.65, needs two: 4 GPUs more, 10 USD.
    """
    files.profile["engines"][1]["speed_factor"] = 0.85
    files.write()
    result = heteroplan.sweep(files.folder, sensitivity=True)
    found: dict[str, list[tuple[Value, float | None]]] = {}
    for case in result.cases[1:]:
        ((path, value),) = case.inputs.items()
        found.setdefault(path, []).append((value, case.cost_usd))
    (prefill, decode) = (each["name"] for each in files.profile["engines"])
    (leaf,) = files.fleet["network"][0]["spines"][0]["leaves"]
    assert (result.cases[0].inputs, result.cases[0].cost_usd) == ({}, 40.0)
    assert found == {
        "demand": [("*0.9", 40.0), ("*1.1", 50.0)],
        "fleet.node_types.h100x8.usd_per_gpu_hour": [(2.25, 36.0), (2.75, 44.0)],
        f"profile.{prefill}.speed_factor": [("*0.9", 40.0), ("*1.1", 40.0)],
        f"profile.{decode}.speed_factor": [("*0.9", 50.0), ("*1.1", 40.0)],
        f"fleet.{leaf['leaf']}.h100x8": [(1, 40.0), (3, 40.0)],
    }
    print_swings(swings(result.cases, result.document.objective), result.document.objective,
                 make_console())  # fmt: skip
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["price", "of", "h100x8", "2.25", "USD/h:", "-4", "2.75", "USD/h:", "+4"] in rows
    assert ["demand", "-10", "%:", "0", "+10", "%:", "+10"] in rows


def test_without_its_base_case_an_interrupted_study_is_a_table_of_cases(
    files: ScenarioFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """One case of each of three inputs is left: none of them is the base of another."""
    whole = heteroplan.sweep(files.folder, sensitivity=True).document
    left = whole.model_copy(update={"cases": whole.cases[1:6:2]})
    render_sweep(left, make_console())
    assert "3 covered of 3 cases." in capsys.readouterr().out
    assert swings(left.cases, left.objective) == ()


def test_nothing_else_is_varied_beside_it(files: ScenarioFiles) -> None:
    with pytest.raises(UsageError, match="--sensitivity: chooses what is varied; leave --vary"):
        heteroplan.sweep(files.folder, sensitivity=True, vary="demand=1,2")


def test_a_fleet_of_one_domain_and_measured_engines_can_be_varied(files: ScenarioFiles) -> None:
    """Nodes of a fleet without a network; decode fitted to 20 ms + 0.1 ms a sequence."""
    (leaf,) = files.fleet.pop("network")[0]["spines"][0]["leaves"]
    files.fleet["nodes"] = leaf["nodes"]
    rows = [
        f"H100-SXM-80GB,4,decode,{batch},0,{context},"
        f"{20 + 0.1 * batch + 1e-4 * batch * context},measured"
        for batch in (1, 8, 64)
        for context in (500, 4000)
    ]
    header = "gpu,gpus,phase,batch,tokens,context,latency_ms,source"
    (files.folder / "m.csv").write_text("\n".join([header, *rows]) + "\n")
    decode = files.profile["engines"][1]
    del decode["capacity_rps"]
    files.profile["engines"][1] = decode | {"measurements": "m.csv", "kv_tokens": 500_000}
    files.write()
    result = heteroplan.sweep(files.folder, sensitivity=True)
    assert [case.error for case in result.cases if case.error] == []
    assert {"fleet.nodes.h100x8", f"profile.{decode['name']}.speed_factor"} <= {
        path for case in result.cases for path in case.inputs
    }
