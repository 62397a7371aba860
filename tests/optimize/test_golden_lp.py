"""The LP text of one tiny scenario that needs every family of constraints.

When the model changes on purpose: `python -m tests.optimize.test_golden_lp` writes it anew.
"""

from pathlib import Path

import pytest

from heteroplan.entities.workload import Loss, RatioBand, Resilience, Role
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.rules.mip import Model
from tests.builders import candidates, engine, fleet, scenario, workload

GOLDEN = Path(__file__).with_name("golden.lp")
FAMILIES = {
    "capacity": "capacity_0_0: - n_0_0 + 2 x_0_0_0 <= 0",
    "whole": "whole_2_0_1: - n_2_1 + x_2_0_1 <= 0",
    "balance": "balance_0_0_0: x_0_0_0 - x_1_0_0 = 0",
    "demand": "demand_0_0_0: short_0_0_0 + x_1_0_0 + x_2_0_0 >= 1",
    "supply": "supply_0_0: 4 n_0_0 + 4 n_1_0 + 8 n_2_0 + 4 n_3_0 + 4 up_0_1 + 4 up_1_1 <= 32",
    "transition": "transition_0_0: - n_0_0 + n_0_1 + up_0_0 >= 0",
    "ratio": "ratio_low_0_0: n_0_0 - 0.5 n_1_0 >= 0",
    "minimum": "min_0_decode_0: n_1_0 >= 1",
    "maximum": "max_0_prefill_0: n_0_0 <= 3",
    "open group": "open_1_0_3_0: n_3_0 - 3 open_1_0 <= 0",
    "groups": "groups_1: open_1_0 + open_1_1 <= 1",
    "apart": "apart_0: open_0_0 + open_1_0 <= 1",
    "spare": "spare_most_1_3_0: - n_3_0 + spare_1_3_0 <= 0",
    "lost node": "+ lost_resilience_1_0_0_h100x8_0 - n_3_0 >= -3",
    "promise": "+ 0.5 short_1_0_0 + spare_1_4_0 >= 0.5",
}


OF_ONE_FLOW = {
    "capacity": "capacity_left_0_0: n_0_0 - 2 pass_0_0 >= 0",
    "whole": "capacity_right_0_1: n_1_1 - pass_0_1 >= 0",
    "demand": "demand_0_0_0: 0.5 n_2_0 + pass_0_0 + short_0_0_0 >= 1",
}


def tiny_model(*, by_pool: bool = True) -> Model:
    """20 and 0.001 requests/s over two hours; pairs of 10 that start in an hour, or aggregated.

    Apart from them a workload of one group at most that may lose a node.
    """
    of = scenario(
        [
            workload(
                rps=[20.0, 0.001],
                engines=(
                    engine("prefill", role=Role.PREFILL, startup_s=3600.0),
                    engine("decode", startup_s=3600.0),
                    engine("both", role=Role.AGGREGATED, gpus=8),
                ),
                pd_ratio=RatioBand(0.5, 2.0),
                min_replicas={Role.DECODE: 1},
                max_replicas={Role.PREFILL: 3},
                pin=["l1-spine"],
            ),
            workload(
                "guarded",
                rps=[10.0, 0.0],
                engines=(engine("both", role=Role.AGGREGATED),),
                max_groups=1,
                anti_affinity=["w"],
                resilience=Resilience(Loss.NODE, 0.5),
            ),
        ],
        in_fleet=fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 2}}),
    )
    return build_model(build_problem(of, candidates(of)), by_pool=by_pool)


def test_lp_text_is_the_golden_one(tmp_path: Path) -> None:
    tiny_model().lp.writeLP(str(tmp_path / "model.lp"))
    assert (tmp_path / "model.lp").read_text() == GOLDEN.read_text()


@pytest.mark.parametrize("family", FAMILIES)
def test_family_stands_in_the_golden_text(family: str) -> None:
    lines = [line.strip() for line in GOLDEN.read_text().splitlines()]
    assert FAMILIES[family] in lines


@pytest.mark.parametrize("family", OF_ONE_FLOW)
def test_one_flow_a_group_has_rows_of_its_own(family: str, tmp_path: Path) -> None:
    tiny_model(by_pool=False).lp.writeLP(str(tmp_path / "model.lp"))
    lines = [line.strip() for line in (tmp_path / "model.lp").read_text().splitlines()]
    assert OF_ONE_FLOW[family] in lines


if __name__ == "__main__":
    tiny_model().lp.writeLP(str(GOLDEN))
