import csv
import io
from collections import Counter
from dataclasses import astuple, replace
from datetime import timedelta

import pytest

from heteroplan.entities.plan import Plan
from heteroplan.entities.workload import Role
from heteroplan.inputs.tables.current import read_current
from heteroplan.outputs.plan.placement_csv import placement_csv
from heteroplan.planning import make_plan
from tests.optimize.random_cases import random_case
from tests.plans import day_scenario, horizon, plan, pool, stay

S = timedelta(seconds=1)


def rows(made: Plan) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(placement_csv(made, "id")))))


def test_one_row_a_replica_node_and_interval_that_it_serves_and_one_where_nothing_runs() -> None:
    """16 GPUs a replica are 8 on each of two nodes; the start before is not shown."""
    of = day_scenario(horizon(3, interval_s=900, timezone="Asia/Singapore"))
    placed = [stay("r1", nodes=("n1", "n2"), first=1, intervals=1, lead=1)]
    made = plan(of, [pool([0, 1, 0], gpus=16)], placed=placed)
    assert "".join(placement_csv(made, "id")) == (
        "interval_start,workload,role,engine,replica_id,leaf,node,gpus,plan\n"
        "2026-11-23T00:00:00+08:00,,,,,,,,id\n"
        "2026-11-23T00:15:00+08:00,chat-1,decode,h100-tp4-decode,r1,a-s1-l1,n1,8,id\n"
        "2026-11-23T00:15:00+08:00,chat-1,decode,h100-tp4-decode,r1,a-s1-l1,n2,8,id\n"
        "2026-11-23T00:30:00+08:00,,,,,,,,id\n"
    )


def test_a_stay_goes_on_at_the_start_of_a_cyclic_day() -> None:
    made = plan(day_scenario(horizon(3)), [pool([1, 0, 1])], placed=[stay(first=2, intervals=2)])
    running = [row["interval_start"][11:13] for row in rows(made) if row["replica_id"]]
    assert running == ["00", "02"]


def test_rows_are_by_interval_then_pool_then_replica() -> None:
    pools = [pool([1, 2], role=Role.PREFILL), pool([1, 1])]
    placed = [
        stay("d1", pool=1, intervals=2),
        stay("p10", first=1),
        stay("p2", intervals=2),
    ]
    made = plan(day_scenario(horizon(2)), pools, placed=placed)
    assert [row["replica_id"] for row in rows(made)] == ["p2", "d1", "p2", "p10", "d1"]


def test_names_are_quoted() -> None:
    name = 'a,"b"'
    made = plan(day_scenario(horizon(1)), [pool([1], engine_name=name)], placed=[stay()])
    assert rows(made)[0]["engine"] == name


@pytest.mark.parametrize("seed", range(2, 10))
@pytest.mark.parametrize("feature", [None, "already_running", "maintenance"])
def test_what_is_read_back_is_what_ran_at_any_moment(seed: int, feature: str | None) -> None:
    """Random plans, read as `--current` of a day that begins at, or in, each of its intervals.

    And where the last one ends.
    """
    of, found = random_case(seed, feature)
    made = make_plan(of, found, gap=0.1, time_limit_s=5.0, compare=False)
    text = "".join(placement_csv(made, "id"))
    ends = of.horizon.boundaries()
    moments = [(t, ends[t] + step) for t in range(of.horizon.intervals) for step in (0 * S, 60 * S)]
    for t, start in (*moments, (of.horizon.intervals - 1, ends[-1])):
        then = replace(of, horizon=replace(of.horizon, start=start))
        ran = [
            (pool.workload, pool.engine, pool.node_type, stay.leaf, stay.nodes)
            for stay in made.stays
            for pool in (made.pools[stay.pool],)
            if (t - stay.first) % of.horizon.intervals < stay.intervals
        ]
        read = read_current(text, "placement.csv", then)
        assert Counter(map(astuple, read)) == Counter(ran)
