import csv
import io
from dataclasses import replace
from datetime import datetime

from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.schedule_csv import schedule_csv
from tests.plans import day_scenario, horizon, plan, pool


def test_one_row_a_pool_and_interval() -> None:
    """Two pools over two intervals: four rows; 3 replicas of 4 GPUs are 12 GPUs."""
    during = horizon(2, interval_s=900, timezone="Asia/Singapore")
    made = plan(day_scenario(during), [pool([1, 3]), pool([0, 2], domain="b")])
    text = schedule_csv(document_of(made))
    assert text.splitlines()[0] == (
        "interval_start,workload,role,engine,node_type,domain,replicas,gpus,plan,share"
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 4
    assert rows[1] == {
        "interval_start": "2026-11-23T00:15:00+08:00",
        "workload": "chat-1",
        "role": "decode",
        "engine": "h100-tp4-decode",
        "node_type": "h100x8",
        "domain": "a-s1",
        "replicas": "3",
        "gpus": "12",
        "plan": document_of(made).plan_id,
        "share": "0.0",
    }


def test_a_share_is_of_what_the_workload_serves() -> None:
    """Of 4 requests/s one pool serves 3 and another 1: three quarters and a quarter."""
    made = plan(day_scenario(horizon(1)), [pool([3]), pool([1], domain="b")])
    [load] = made.workloads
    flows = [
        replace(each, flow_rps=((rps,),)) for each, rps in zip(made.pools, (3, 1), strict=True)
    ]
    made = replace(made, pools=tuple(flows), workloads=(replace(load, served_rps=(4.0,)),))
    rows = csv.DictReader(io.StringIO(schedule_csv(document_of(made))))
    assert [row["share"] for row in rows] == ["0.75", "0.25"]


def test_clock_change_shows_in_the_offset() -> None:
    """Berlin, 2026-10-25: 02:00+02:00 is followed by 02:00+01:00."""
    during = horizon(4, start=datetime(2026, 10, 25), timezone="Europe/Berlin")
    made = plan(day_scenario(during), [pool([1, 1, 1, 1])])
    starts = [line.split(",")[0] for line in schedule_csv(document_of(made)).splitlines()[3:]]
    assert starts == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]
