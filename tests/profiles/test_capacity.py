from dataclasses import replace
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.capacity import Limit
from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Engine, Profile, Role, Workload
from heteroplan.profiles.capacity import RULES, candidates
from tests.builders import SHAPE, engine, fleet, node_type, workload
from tests.profiles.settings import setting

ROLES = st.sampled_from(list(Role))


def measured(role: Role, gpus: int = 4) -> Engine:
    return replace(setting(role).engine, gpus=gpus)


def with_kv(load: Workload, kv_bytes_per_token: float) -> Workload:
    return replace(load, profile=Profile("m", kv_bytes_per_token, load.profile.engines))


def test_each_engine_on_each_node_type_with_its_gpu() -> None:
    nodes = [node_type("big"), node_type("small", gpus=4), node_type("other", gpu="A100")]
    load = workload(engines=[engine("b"), engine("a", gpu="A100"), engine("none", gpu="L4")])
    found = candidates(load, fleet(node_types=nodes))
    assert [(each.engine.name, each.node_type) for each in found] == [
        ("b", "big"),
        ("b", "small"),
        ("a", "other"),
    ]


def test_given_capacity_holds_for_every_class() -> None:
    load = workload(
        engines=[engine(capacity_rps=12.3)],
        classes=[replace(SHAPE, name="x", share=0.5), replace(SHAPE, name="y", share=0.5, osl=9)],
    )
    [only] = candidates(load, fleet())
    assert [(p.capacity_rps, p.limited_by) for p in only.points[0]] == [(12.3, Limit.GIVEN)] * 2


@pytest.mark.parametrize(
    ("affinity", "rate"),
    [(Affinity.LEAF, 2.0), (Affinity.SPINE, 1.6), (Affinity.CLUSTER, 1.0)],
)
def test_kv_moves_over_the_replicas_share_of_the_nic(affinity: Affinity, rate: float) -> None:
    """4 of 8 GPUs of 3,200 Gbit/s: 200 GB/s, of which 1, 0.8 or 0.5 count; 100 MB * 1,000 tokens
    = 100 GB a request. A given capacity of 10 requests/s is more than that.
    """
    load = replace(with_kv(workload(engines=[engine()]), 100e6), affinity=affinity)
    [only] = candidates(load, fleet())
    point = only.points[0][0]
    assert point.capacity_rps == pytest.approx(rate)
    assert point.limited_by is Limit.KV_TRANSFER


@pytest.mark.parametrize(
    ("gpus", "fits"), [(1, True), (8, True), (16, True), (3, False), (12, False)]
)
def test_replica_divides_a_node_or_fills_whole_nodes(gpus: int, fits: bool) -> None:
    [only] = candidates(workload(engines=[engine(gpus=gpus)]), fleet())
    point = only.points[0][0]
    assert only.usable is fits
    assert (point.limited_by is Limit.MEMORY) is not fits
    assert fits or point.reason == (
        f"a replica of {gpus} GPUs neither divides a node of 8 GPUs nor fills whole nodes"
    )


def test_equal_shapes_share_one_point() -> None:
    [only] = candidates(workload(rps=[1.0, 2.0], engines=[measured(Role.DECODE)]), fleet())
    assert only.points[0][0] is only.points[1][0]


def test_an_engine_without_any_figures_is_refused() -> None:
    bare = replace(engine("bare"), capacity_rps=None)
    with pytest.raises(ValueError, match="engine bare has neither decode coefficients"):
        candidates(workload(engines=[bare]), fleet())


def test_ten_workloads_of_a_day_are_quick() -> None:
    """10 workloads x 8 engines x 288 intervals x 8 classes; 0.1 s wanted, the limit is slack."""
    engines = [replace(measured(role), name=f"{role}-{i}") for role in (*Role, *Role) for i in "ab"]
    shapes = [replace(SHAPE, name=f"c{i}", share=1 / 8, isl=500.0 + 100 * i) for i in range(8)]
    load = with_kv(workload(rps=[1.0] * 288, engines=engines[:8], classes=shapes), 1e5)
    began = perf_counter()
    for _ in range(10):
        candidates(load, fleet())
    assert perf_counter() - began < 0.5


@given(ROLES, st.floats(1.0, 3.0), st.floats(1.0, 3.0), st.floats(0.5, 0.99))
def test_a_looser_slo_never_serves_less(
    role: Role, ttft: float, itl: float, percentile: float
) -> None:
    """A longer first decode step is paid out of TTFT, so TTFT is loosened by as much."""
    tight = setting(role, ttft_ms=300.0, itl_ms=25.0, percentile=percentile)
    loose = setting(
        role, ttft_ms=300.0 * ttft + 25.0 * (itl - 1.0), itl_ms=25.0 * itl, percentile=percentile
    )
    assert RULES[role](loose).capacity_rps >= RULES[role](tight).capacity_rps * (1 - 1e-9)


@given(ROLES, st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_a_stricter_percentile_never_serves_more(role: Role, one: float, other: float) -> None:
    easy, strict = sorted((one, other))
    rule = RULES[role]
    assert rule(setting(role, percentile=strict)).capacity_rps <= rule(
        setting(role, percentile=easy)
    ).capacity_rps * (1 + 1e-9)


@given(
    ROLES,
    st.floats(1.0, 4000.0),
    st.floats(1.0, 4000.0),
    st.floats(0.0, 4000.0),
    st.floats(0.0, 4000.0),
)
def test_longer_requests_are_never_served_faster(
    role: Role, isl: float, osl: float, more_isl: float, more_osl: float
) -> None:
    rest = {"kv_tokens": 50_000, "kv_bytes_per_token": 1e5, "bytes_per_s": 1e9}
    short = setting(role, isl=isl, osl=osl, percentile=0.95, **rest)  # type: ignore[arg-type]
    long = setting(
        role,
        isl=isl + more_isl,
        osl=osl + more_osl,
        percentile=0.95,
        **rest,  # type: ignore[arg-type]
    )
    assert RULES[role](long).capacity_rps <= RULES[role](short).capacity_rps * (1 + 1e-9)


@given(ROLES, st.floats(0.01, 0.99))
def test_a_better_hit_rate_never_serves_less(role: Role, rate: float) -> None:
    rule = RULES[role]
    cold, warm = setting(role), setting(role, prefix_hit_rate=rate)
    assert rule(warm).capacity_rps >= rule(cold).capacity_rps * (1 - 1e-9)
