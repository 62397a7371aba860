from dataclasses import replace
from typing import Any

from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.pool_lines import MOST_POOL_LINES, short_engines, shortest_pool_lines
from tests.plans import day_scenario, horizon, plan, pool


def lines_of(pools: Any) -> Any:
    names = sorted({each.workload for each in pools})
    made = plan(day_scenario(horizon(len(pools[0].replicas))), pools)
    served = [replace(made.workloads[0], name=name) for name in names]
    made = replace(made, workloads=tuple(served))
    return shortest_pool_lines(document_of(made).pools)


def test_few_pools_have_a_line_each() -> None:
    lines, left_out = lines_of([pool([1, 3]), pool([2, 2], domain="b")])
    assert [(line.domain, line.sizes) for line in lines] == [("a-s1", "1-3"), ("b", "2")]
    assert left_out == 0


def test_many_pools_share_a_line_over_their_domains() -> None:
    """40 domains with (1, 2) replicas: one line of (40, 80)."""
    (line,), left_out = lines_of([pool([1, 2], domain=f"d{i}") for i in range(40)])
    assert (line.domain, line.replicas, left_out) == ("40 domains", (40, 80), 0)


def test_what_still_does_not_fit_is_the_smallest() -> None:
    """32 workloads, the first two with 1 replica and the others with 2: the first two go."""
    pools = [pool([2 - (i < 2)], of=f"w{i:02}") for i in range(MOST_POOL_LINES + 2)]
    lines, left_out = lines_of(pools)
    assert left_out == 2
    assert [line.workload for line in lines] == [f"w{i:02}" for i in range(2, MOST_POOL_LINES + 2)]


def test_short_engine_names_drop_the_role_beside_them() -> None:
    lines, _ = lines_of(
        [pool([1], engine_name=name) for name in ("h100-decode", "decode-l40s", "decode")]
    )
    assert short_engines(lines) == ["h100", "l40s", "decode"]


def test_engine_names_that_would_be_alike_stay_whole() -> None:
    lines, _ = lines_of([pool([1], engine_name=name) for name in ("h100-decode", "decode-h100")])
    assert short_engines(lines) == ["h100-decode", "decode-h100"]
