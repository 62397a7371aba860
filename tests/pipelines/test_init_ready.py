"""Every ready profile on every GPU type that it has engines for gives a scenario that loads."""

from pathlib import Path

import pytest

from heteroplan.inputs.ready import read_ready
from heteroplan.pipelines.init import InitOptions, drafted, written
from heteroplan.pipelines.new_scenario.fleet import FleetOptions
from heteroplan.pipelines.new_scenario.workloads import WorkloadOptions

PAIRS = [
    (each.model, gpu)
    for each in read_ready()
    for gpu in dict.fromkeys(engine.gpu for engine in each.engines)
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "gpu"), PAIRS)
def test_examples_of_lengths_and_targets_suit_the_profile(
    model: str, gpu: str, tmp_path: Path
) -> None:
    nodes = FleetOptions(
        nodes={gpu: (8, 8)}, usd_per_gpu_hour={"": 2.0}, nic_gbit_per_s={"": 3200.0}
    )
    workloads = WorkloadOptions(models=[model], demand={"": "shape:flat"}, interval="6h")
    made = written(drafted(tmp_path / "day", InitOptions(fleet=nodes, workloads=workloads)))
    assert 0 < made.needed_gpus <= 0.4 * 64
