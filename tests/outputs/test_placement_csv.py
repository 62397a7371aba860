import csv
import io

from heteroplan.entities.workload import Role
from heteroplan.outputs.placement_csv import placement_csv
from tests.plans import day_scenario, horizon, plan, pool, stay


def rows(made):
    return list(csv.DictReader(io.StringIO("".join(placement_csv(made)))))


def test_one_row_a_replica_node_and_interval_that_it_serves():
    """16 GPUs a replica are 8 on each of two nodes; the start before is not shown."""
    of = day_scenario(horizon(3, interval_s=900, timezone="Asia/Singapore"))
    placed = [stay("r1", nodes=("n1", "n2"), first=1, intervals=1, lead=1)]
    made = plan(of, [pool([0, 1, 0], gpus=16)], placed=placed)
    assert "".join(placement_csv(made)) == (
        "interval_start,workload,role,engine,replica_id,leaf,node,gpus\n"
        "2026-11-23T00:15:00+08:00,chat-1,decode,h100-tp4-decode,r1,a-s1-l1,n1,8\n"
        "2026-11-23T00:15:00+08:00,chat-1,decode,h100-tp4-decode,r1,a-s1-l1,n2,8\n"
    )


def test_a_stay_goes_on_at_the_start_of_a_cyclic_day():
    made = plan(day_scenario(horizon(3)), [pool([1, 0, 1])], placed=[stay(first=2, intervals=2)])
    assert [row["interval_start"][11:13] for row in rows(made)] == ["00", "02"]


def test_rows_are_by_interval_then_pool_then_replica():
    pools = [pool([1, 2], role=Role.PREFILL), pool([1, 1])]
    placed = [
        stay("d1", pool=1, intervals=2),
        stay("p10", first=1),
        stay("p2", intervals=2),
    ]
    made = plan(day_scenario(horizon(2)), pools, placed=placed)
    assert [row["replica_id"] for row in rows(made)] == ["p2", "d1", "p2", "p10", "d1"]


def test_names_are_quoted():
    name = 'a,"b"'
    made = plan(day_scenario(horizon(1)), [pool([1], engine_name=name)], placed=[stay()])
    assert rows(made)[0]["engine"] == name


def test_nothing_placed_is_a_header():
    made = plan(day_scenario(horizon(1)), [pool([1])])
    assert "".join(placement_csv(made)).count("\n") == 1
