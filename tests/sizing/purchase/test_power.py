"""What a plan draws, by hand."""

from dataclasses import replace

import pytest

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.workload import Role
from heteroplan.sizing.purchase.power import IDLE_SHARE, decode_share, spine_power
from tests.builders import fleet, node_type, scenario, workload
from tests.plans import plan, pool, stay


def powered(tdp: float | None) -> Fleet:
    shape = node_type()
    shape = replace(shape, gpu=replace(shape.gpu, power_w=tdp))
    return fleet({"l1": {"h100x8": 2}, "l2": {"h100x8": 1}}, node_types=[shape])


def test_decode_draws_less_the_more_gpus_a_replica_has() -> None:
    assert [decode_share(gpus) for gpus in (1, 2, 3, 4, 8, 16)] == [
        0.74, 0.74, 0.60, 0.60, 0.43, 0.43,
    ]  # fmt: skip


def test_prefill_draws_its_tdp_and_decode_a_part_when_they_run() -> None:
    """Nodes of 10 kW with 8 GPUs of 700 W. Below l1's spine two nodes: 2 x 4.4 kW beside GPUs,
    16 GPUs idle at 105 W; in hour 0 prefill on 8 GPUs at 700 W, in both decode on 8 at 301 W."""
    made = scenario([workload(rps=(1.0, 1.0))], in_fleet=powered(700.0))
    pools = [
        pool(role=Role.PREFILL, gpus=8, replicas=(1, 0)),
        pool(role=Role.DECODE, gpus=8, replicas=(1, 1)),
    ]
    placed = [
        stay("p", pool=0, leaf="l1", first=0, intervals=1),
        stay("d", pool=1, leaf="l1", first=0, intervals=2),
    ]
    first, second = spine_power(
        plan(made, pools, placed=placed), {"h100x8": 10_000.0}, {"l2-spine": 9_000.0}
    )
    assert first.spine == "l1-spine"
    assert first.full_load_w == pytest.approx(20_000)
    assert first.peak_w == pytest.approx(2 * 4_400 + 8 * 700 + 8 * 0.43 * 700)
    assert first.limit_w is None
    assert second.peak_w == pytest.approx(4_400 + 8 * 700 * IDLE_SHARE)
    assert second.limit_w == 9_000


def test_not_known_where_nobody_states_a_tdp() -> None:
    made = scenario([workload(rps=(1.0,))], in_fleet=powered(None))
    (first, _) = spine_power(plan(made, []), {"h100x8": 10_000.0}, {})
    assert first.peak_w is None
