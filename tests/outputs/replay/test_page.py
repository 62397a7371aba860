import numpy as np
import pytest

from heteroplan.outputs.replay.charts import (
    MOST_WORKLOADS,
    capacity_chart,
    latency_chart,
    workloads_shown,
)
from heteroplan.outputs.replay.distributions import distribution_panels, distributions
from heteroplan.outputs.replay.page import replay_html
from tests.pages import NASTY, addresses, tags
from tests.replays import day, intervals, policy, replay, requests, stream

DAY, STREAM = day()
ALL = intervals([[1000, 1000]], [[1000, 1000]])


def test_the_page_has_it_all_and_loads_nothing() -> None:
    page = replay_html(DAY, STREAM)
    assert addresses(page) == []
    for head in (
        *("Policies on the same requests", "Capacity against demand", "TTFT over the day"),
        *("ITL over the day", "Requests in queues", "GPUs held", "Replicas that are ready"),
        *("Distribution of latencies", "Rejected requests", "Options of the policies", "Notes"),
    ):
        assert f"<h2>{head}" in page
    assert 'class="verdict partly"' in page
    assert "period_s 15, metric decode tokens/s" in page


def test_names_are_text() -> None:
    made = replay(
        [policy(NASTY, ALL, rejected={NASTY: 1}, options={NASTY: NASTY}, notes=(NASTY,))],
        workloads=[NASTY],
    )
    assert tags(replay_html(made, None)).count("img") == 0


def test_without_requests_there_is_no_distribution() -> None:
    assert "Distribution of latencies" not in replay_html(replay([policy("plan", ALL)]), None)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC"])
def test_clocks_that_change_are_told(zone: str) -> None:
    long = intervals([[100] * 25], [[100] * 25])
    made = replay([policy("plan", long)], start="2026-10-25", timezone=zone)
    assert ("Clocks change" in replay_html(made, None)) == (zone != "UTC")


def test_misses_are_crossed_at_the_middle_of_their_interval() -> None:
    late = intervals([[100, 100]], [[100, 10]], capacity_rps=[[7.0, 8.0]])
    crosses = [
        each for each in capacity_chart(replay([policy("plan", late)])).data
        if each.mode == "markers"
    ]  # fmt: skip
    assert [(list(each.x), list(each.y)) for each in crosses] == [(["2026-11-23 01:30:00"], [8.0])]


def test_the_plan_and_the_best_policy_are_drawn_at_first() -> None:
    keeps = intervals([[1000, 1000]], [[1000, 1000]])
    late = intervals([[1000, 1000]], [[10, 10]])
    names = ["a", "b", "c", "plan", "best"]
    made = replay([policy(each, keeps if each == "best" else late) for each in names])
    traces = latency_chart(made, "ttft").data
    drawn = {each.name for each in traces if each.visible is True}
    assert drawn == {"plan", "best", "a", "target"}
    assert {each.name for each in traces} == {*names, "target"}


def test_distributions_are_of_finished_requests_and_have_some_hundred_points() -> None:
    """TTFT of 10, 20, ..., 10,000 ms; one more request that has not finished."""
    first = np.arange(1, 1002) * 0.01
    last = np.where(np.arange(1001) < 1000, first + 3.0, np.nan)
    asked = stream([0.0] * 1001)
    made = replay(
        [policy("plan", ALL, requests=requests([0.0] * 1001, first.tolist(), last.tolist()))]
    )
    panels = distribution_panels(made, distributions(made, asked))
    assert [each.title for each in panels] == ["chat: TTFT", "chat: ITL"]
    ttft, itl = (each.chart.data[0] for each in panels)
    assert len(ttft.x) < 300
    assert (ttft.x[0], ttft.x[-1]) == pytest.approx((10.0, 10_000.0))
    middle = int(np.argmin(abs(ttft.y - 0.5)))
    assert ttft.x[middle] == pytest.approx(5005.0)
    np.testing.assert_allclose(itl.x, 30.0)


def test_charts_show_the_busiest_workloads_in_their_order() -> None:
    sizes = [[100 + (7 * w) % 13] for w in range(13)]
    made = replay([policy("plan", intervals(sizes, sizes))], workloads=[f"w{w}" for w in range(13)])
    shown = workloads_shown(made)
    assert len(shown) == MOST_WORKLOADS
    assert shown == sorted(shown)
    least = min(sizes[w][0] for w in shown)
    assert all(sizes[w][0] < least for w in set(range(13)) - set(shown))
    assert f"the {MOST_WORKLOADS} workloads with the most requests of 13" in replay_html(made, None)


@pytest.mark.parametrize(
    ("slowest_s", "step"),
    [(0.0, "D2"), (0.2, "D2"), (10.0, 1), (1e11, 2)],
)
def test_axes_of_latencies_have_as_many_labels_as_fit(slowest_s: float, step: int | str) -> None:
    """TTFT from 10 ms on: within 1.5 powers of ten 1, 2 and 5, then each power, or each second."""
    first = [0.0, 0.0] if slowest_s == 0 else [0.01, slowest_s]
    made = replay([policy("plan", ALL, requests=requests([0.0] * 2, first, first))])
    ttft, _ = distribution_panels(made, distributions(made, stream([0.0] * 2)))
    assert ttft.chart.layout.xaxis.dtick == step
