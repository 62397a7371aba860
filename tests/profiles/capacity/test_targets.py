"""Targets of a class of its own, and targets relative to the request alone."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as st

from heteroplan.entities.capacity import Limit
from heteroplan.entities.fleet import GpuType, NodeType
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import RequestClass, Role
from heteroplan.profiles.capacity.candidates import RULES, operating_points
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.targets import itl_target_ms, rate_rps
from heteroplan.queueing.waiting import Budget, ReplicaPool, Service
from tests.profiles.settings import DECODE, setting

SHORT = RequestClass("short", 0.8, 500.0, 200.0, isl_cv=0.0)
LONG = RequestClass("long", 0.2, 4000.0, 200.0, isl_cv=0.0)
ROLES = (Role.PREFILL, Role.DECODE, Role.AGGREGATED)


def of(role: Role, slo: Slo, *mix: RequestClass) -> Setting:
    return replace(setting(role, mix=mix), slo=slo, decoders=(DECODE,) * (role is Role.PREFILL))


def capacity(found: Setting) -> float:
    return rate_rps(found, RULES[found.engine.role](found))


def test_a_relative_ttft_leaves_a_part_of_the_prompt_for_waiting() -> None:
    """55 and 370 ms of prefill; the first step alone is 20 + 0.1 + 0.05 or 0.4 ms, and may take
    41. So three times it alone are 225.45 and 1171.5 ms, of which 129.45 and 760.5 remain."""
    slo = Slo(inf, 41.0, 0.95, ttft_slowdown=3.0)
    queue = ReplicaPool([Service(0.8, 55.0, 0.0), Service(0.2, 370.0, 0.0)])
    budgets = [
        Budget(0.8, 3.0 * (55.0 + 20.15) - 55.0 - 41.0),
        Budget(0.2, 3.0 * (370.0 + 20.5) - 370.0 - 41.0),
    ]
    busy = queue.greatest_utilization(budgets, slo.ttft_share)
    prefill = of(Role.PREFILL, slo, SHORT, LONG)
    assert capacity(prefill) == pytest.approx(busy / 0.118, rel=1e-6)
    assert capacity(prefill) < 0.5 * capacity(
        replace(prefill, slo=replace(slo, ttft_ms=1000.0, ttft_slowdown=inf))
    )


def test_kv_transfer_is_a_part_of_the_request_alone() -> None:
    """55 ms and 50 ms of transfer: twice 105 + 20.15 less 105 + 41 are 104.3 ms of waiting."""
    slo = Slo(inf, 41.0, 0.95, ttft_slowdown=2.0)
    moved = replace(of(Role.PREFILL, slo, SHORT), kv_bytes_per_token=1e5, bytes_per_s=1e9)
    queue = ReplicaPool([Service(1.0, 55.0, 0.0)])
    busy = queue.greatest_utilization([Budget(1.0, 104.3)], slo.ttft_share)
    assert capacity(moved) == pytest.approx(busy / 0.055, rel=1e-6)


def test_a_class_has_a_ttft_of_its_own() -> None:
    """Long prompts may wait as long as short ones where they have 315 ms more."""
    slo = Slo(660.0, 41.0, 0.95)
    own = replace(LONG, slo=replace(slo, ttft_ms=660.0 + 315.0))
    queue = ReplicaPool([Service(0.8, 55.0, 0.0), Service(0.2, 370.0, 0.0)])
    busy = queue.greatest_utilization([Budget(1.0, 660.0 - 41.0 - 55.0)], slo.ttft_share)
    prefill = of(Role.PREFILL, slo, SHORT, own)
    assert capacity(prefill) == pytest.approx(busy / 0.118, rel=1e-6)


def test_a_percentile_of_its_own_holds_in_the_class() -> None:
    """1 % of the short ones may wait longer, whatever share of the requests they are."""
    slo, stricter = Slo(660.0, 41.0, 0.9), Slo(660.0, 41.0, 0.99)
    strict = replace(SHORT, share=0.1, slo=stricter)
    queue = ReplicaPool([Service(0.1, 55.0, 0.0), Service(0.2, 370.0, 0.0)])
    busy = min(
        queue.greatest_utilization([Budget(1.0, 660.0 - 41.0 - 55.0)], stricter.ttft_share),
        queue.greatest_utilization([Budget(1.0, 660.0 - 41.0 - 370.0)], slo.ttft_share),
    )
    prefill = of(Role.PREFILL, slo, strict, LONG)
    assert capacity(prefill) == pytest.approx(busy / 0.265, rel=1e-6)


def test_a_percentile_that_no_replica_keeps_does_not_stop_the_others() -> None:
    """Prompts of cv 1 are up to some times longer than 4,000 tokens: 99 % are not in 800 ms."""
    spread = replace(LONG, isl_cv=1.0, slo=Slo(800.0, 41.0, 0.99))
    prefill = of(Role.PREFILL, Slo(1000.0, 41.0, 0.9), SHORT, spread)
    first, second = RULES[Role.PREFILL](prefill)
    assert first.capacity_rps == capacity(of(Role.PREFILL, prefill.slo, SHORT))
    assert second.capacity_rps == 0.0
    assert "too long for the TTFT SLO of 800 ms, at isl_cv 1" in second.reason


def test_the_slowest_decoder_leaves_least() -> None:
    slow = replace(DECODE, base_ms=40.0)
    slo = Slo(inf, inf, 0.95, ttft_slowdown=2.0, itl_slowdown=5.0)
    one, two = (
        replace(of(Role.PREFILL, slo, LONG), decoders=decoders)
        for decoders in ((slow,), (DECODE, slow))
    )
    assert capacity(one) == capacity(two) < capacity(of(Role.PREFILL, slo, LONG))


def test_a_first_step_that_may_take_longer_than_is_left_is_told() -> None:
    """1.1 times 55 + 20.15 ms are 82.67; the step may take five times 20.15."""
    slo = Slo(inf, inf, 0.95, ttft_slowdown=1.1, itl_slowdown=5.0)
    [point] = RULES[Role.PREFILL](of(Role.PREFILL, slo, SHORT))
    assert (point.capacity_rps, point.limited_by) == (0.0, Limit.TTFT)
    assert point.reason.endswith("first decode step up to 100.8 ms, TTFT SLO 82.67 ms")


def test_sequences_of_a_step_keep_the_tightest_itl() -> None:
    """Twice a step alone, of 20 + 0.1 + 0.0001 x 600 ms: 40.32."""
    relative = replace(SHORT, slo=Slo(1000.0, inf, 0.5, itl_slowdown=2.0))
    decode = of(Role.DECODE, Slo(1000.0, 60.0, 0.5), relative, LONG)
    assert itl_target_ms(decode, relative) == pytest.approx(40.32)
    assert capacity(decode) == capacity(of(Role.DECODE, Slo(1000.0, 40.32, 0.5), SHORT, LONG))


def test_the_tightest_itl_may_be_missed_where_the_others_make_up_for_it() -> None:
    """A fifth may be late if 0.5 / 0.8 of the others are not: 62.5 % within 60 ms, not 50 within
    30; of 90 % it may not."""
    tight = Slo(1000.0, 30.0, ttft_percentile=0.5, itl_percentile=0.5)
    loose = Slo(1000.0, 60.0, ttft_percentile=0.5, itl_percentile=0.5)
    mixed = of(Role.DECODE, loose, SHORT, replace(LONG, slo=tight))
    strict = replace(loose, itl_percentile=0.625)
    assert capacity(mixed) == capacity(of(Role.DECODE, strict, SHORT, LONG))
    at_90 = [replace(each, itl_percentile=0.9) for each in (loose, tight)]
    mixed = of(Role.DECODE, at_90[0], SHORT, replace(LONG, slo=at_90[1]))
    assert capacity(mixed) == capacity(of(Role.DECODE, at_90[1], SHORT, LONG))


def test_an_itl_percentile_of_its_own_holds_as_well() -> None:
    """Either the loose target at P99 or the tight one at P50 bounds the replica."""
    slos = Slo(1000.0, 41.0, 0.5), Slo(1000.0, 45.0, 0.99)
    mixed = of(Role.DECODE, slos[0], SHORT, replace(LONG, slo=slos[1]))
    alone = [capacity(of(Role.DECODE, slo, SHORT, LONG)) for slo in slos]
    assert capacity(mixed) == min(alone)


@pytest.mark.parametrize("role", ROLES)
def test_a_class_with_the_targets_of_the_workload_is_one_without(role: Role) -> None:
    slo = Slo(1500.0, 41.0, 0.9)
    with_own = [replace(each, slo=slo) for each in (SHORT, LONG)]
    assert capacity(of(role, slo, *with_own)) == capacity(of(role, slo, SHORT, LONG))


@pytest.mark.parametrize("role", ROLES)
def test_a_slowdown_of_a_thousand_is_none(role: Role) -> None:
    slo = Slo(1500.0, 41.0, 0.9)
    slow = replace(slo, ttft_slowdown=1000.0, itl_slowdown=1000.0)
    assert capacity(of(role, slow, SHORT, LONG)) == capacity(of(role, slo, SHORT, LONG))


targets = st.builds(
    Slo,
    st.floats(450.0, 3000.0),
    st.floats(25.0, 80.0),
    st.floats(0.5, 0.99),
    ttft_slowdown=st.floats(1.5, 20.0) | st.just(inf),
    itl_slowdown=st.floats(1.2, 5.0) | st.just(inf),
)


TTFT = ["ttft_ms", "ttft_slowdown"]
LOOSENED = [
    *((role, name) for role in ROLES for name in TTFT),
    *((role, name) for role in ROLES[1:] for name in ("itl_ms", "itl_slowdown")),
]
"""A longer first decode step is taken from what prefill leaves of the TTFT."""


@checked(max_examples=40, deadline=None)
@given(st.sampled_from(LOOSENED), targets, targets)
def test_a_looser_target_of_a_class_never_lowers_the_capacity(
    loosened: tuple[Role, str], slo: Slo, own: Slo
) -> None:
    role, name = loosened
    own = replace(own, percentile=slo.percentile)
    looser = replace(own, **{name: 1.2 * getattr(own, name)})
    before, after = (
        capacity(of(role, slo, SHORT, replace(LONG, slo=each))) for each in (own, looser)
    )
    assert after >= before * (1.0 - 1e-6)


LIMITS = st.tuples(
    st.floats(300.0, 5000.0), st.floats(25.0, 80.0), st.sampled_from((0.5, 0.9, 0.99))
)
NODE = NodeType("h100", GpuType("H100", 80.0), 8, 400.0, 1.0)


def rate(found: Setting) -> float:
    return rate_rps(found, operating_points(found, NODE))


@checked(max_examples=30, deadline=None)
@given(st.sampled_from(ROLES), st.lists(LIMITS, min_size=2, max_size=3))
def test_several_slos_leave_the_least_rate(
    role: Role, limits: list[tuple[float, float, float]]
) -> None:
    slos = [Slo(*each) for each in limits]
    together = of(role, replace(slos[0], also=tuple(slos[1:])), SHORT, LONG)
    assert rate(together) == min(rate(of(role, each, SHORT, LONG)) for each in slos)


@pytest.mark.parametrize("role", ROLES)
def test_a_class_may_have_several_slos(role: Role) -> None:
    strict, loose = Slo(400.0, 30.0, 0.5), Slo(4000.0, 60.0, 0.99)
    own = replace(SHORT, slo=replace(strict, also=(loose,)))
    both = [of(role, loose, replace(SHORT, slo=each), LONG) for each in (strict, loose)]
    assert rate(of(role, loose, own, LONG)) == min(map(rate, both))


def test_a_class_that_one_of_several_slos_leaves_out_does_not_come() -> None:
    """Long prompts take 370 ms alone, more than the 300 ms of the second SLO."""
    slo = Slo(2000.0, 41.0, 0.9, also=(Slo(300.0, 41.0, 0.9),))
    short, long = operating_points(of(Role.PREFILL, slo, SHORT, LONG), NODE)
    assert long.limited_by is Limit.TTFT
    assert long.capacity_rps == 0.0
    [alone] = operating_points(of(Role.PREFILL, slo, SHORT), NODE)
    assert short == alone


@pytest.mark.parametrize("role", ROLES)
def test_a_limit_of_the_last_token_is_one_of_the_first_and_of_the_gaps(role: Role) -> None:
    last = of(role, Slo(inf, inf, 0.9, e2e_slowdown=3.0), SHORT, LONG)
    each = of(role, Slo(inf, inf, 0.9, ttft_slowdown=3.0, itl_slowdown=3.0), SHORT, LONG)
    assert rate(last) == rate(each) > 0.0
