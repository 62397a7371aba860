"""Capacity of a mix of classes as a whole: what must hold of any, and event simulations of some."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    RequestClass,
    Role,
    Source,
    SourceKind,
)
from tests.profiles.replica_simulation import (
    Floats,
    Ints,
    classes_of,
    decode_limits,
    points_of,
    prefill_rps,
    promised_rps,
)

PREFILL = PrefillCoefficients(10.0, 0.04, 2e-6)
DECODE = DecodeCoefficients(20.0, 0.1, 5e-5)
ROLES = st.sampled_from(list(Role))
SLOS = st.builds(
    Slo, st.floats(300.0, 20_000.0), st.floats(25.0, 100.0), st.sampled_from([0.5, 0.9, 0.95, 0.99])
)
CLASSES = st.builds(
    RequestClass,
    st.just("c"),
    st.floats(0.05, 1.0),
    st.floats(50.0, 8000.0),
    st.floats(20.0, 1000.0),
    isl_cv=st.sampled_from([None, 0.0, 0.5]),
)
MIXES = st.lists(CLASSES, min_size=1, max_size=3).map(tuple)
LATTICE = 0.01
"""Accuracy of waits between lattices."""


def engine(role: Role, kv_tokens: int | None = 200_000) -> Engine:
    return Engine(
        "e", role, "H100", 4, Source(SourceKind.FITTED), prefill=PREFILL, decode=DECODE,
        kv_tokens=kv_tokens,
    )  # fmt: skip


def rate(role: Role, mix: tuple[RequestClass, ...], slo: Slo) -> float:
    return promised_rps(mix, points_of(engine(role), mix, slo))


@settings(max_examples=60, deadline=None)
@given(ROLES, MIXES, SLOS, st.floats(1.0, 3.0), st.floats(1.0, 3.0))
def test_more_headroom_never_serves_less(
    role: Role, mix: tuple[RequestClass, ...], slo: Slo, ttft: float, itl: float
) -> None:
    """A longer first decode step is paid out of TTFT, so TTFT is loosened by as much."""
    first_ms = slo.itl_ms * (itl - 1.0)
    loose = Slo(slo.ttft_ms * ttft + first_ms, slo.itl_ms * itl, slo.percentile)
    assert rate(role, mix, loose) >= rate(role, mix, slo) * (1.0 - LATTICE)


@settings(max_examples=60, deadline=None)
@given(ROLES, MIXES, SLOS)
def test_equal_halves_are_the_whole(role: Role, mix: tuple[RequestClass, ...], slo: Slo) -> None:
    first, *others = mix
    half = replace(first, share=first.share / 2.0)
    whole = points_of(engine(role), mix, slo)
    split = points_of(engine(role), (half, half, *others), slo)
    assert [point.capacity_rps for point in split] == pytest.approx(
        [point.capacity_rps for point in (whole[0], *whole)], rel=1e-6, abs=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(ROLES, CLASSES, SLOS, st.floats(0.01, 1.0), st.floats(1.0, 20.0), st.floats(1.0, 4.0))
def test_longer_requests_among_the_others_never_serve_more(
    role: Role, shape: RequestClass, slo: Slo, share: float, longer: float, more: float
) -> None:
    """Of an aggregated replica longer prompts: over longer outputs, prefill of others evens out."""
    osl = shape.osl * (1.0 if role is Role.AGGREGATED else more)
    long = replace(shape, share=share * shape.share, isl=shape.isl * longer, osl=osl)
    assert rate(role, (shape, long), slo) <= rate(role, (shape,), slo) * (1.0 + LATTICE)


@settings(max_examples=60, deadline=None)
@given(ROLES, MIXES, SLOS)
def test_all_that_are_served_share_one_rate(
    role: Role, mix: tuple[RequestClass, ...], slo: Slo
) -> None:
    """What is refused leaves the rest as if it did not come."""
    points = points_of(engine(role), mix, slo)
    served = tuple(
        shape for shape, point in zip(mix, points, strict=True) if point.capacity_rps > 0
    )
    assert all(point.reason for point in points if point.capacity_rps == 0)
    if served:
        again = points_of(engine(role), served, slo)
        kept = [point for point in points if point.capacity_rps > 0]
        assert [point.capacity_rps for point in again] == pytest.approx(
            [point.capacity_rps for point in kept], rel=1e-6
        )
        assert len({point.batch for point in kept}) == 1


def test_percentiles_from_the_median_to_one_in_ten_thousand() -> None:
    mix = (
        RequestClass("a", 0.8, 600.0, 300.0, isl_cv=0.5),
        RequestClass("b", 0.2, 3000.0, 100.0, isl_cv=0.3),
    )
    for role in Role:
        rates = [rate(role, mix, Slo(5000.0, 50.0, p)) for p in (0.5, 0.9, 0.99, 0.999, 0.9999)]
        assert all(loose * (1.0 + 1e-9) >= strict > 0.0 for loose, strict in pairwise(rates))


def each_alone(ttft_ms: float, itl_ms: float, percentile: float) -> Slo:
    """TTFT and ITL of tokens, each at the percentile."""
    return Slo(ttft_ms, itl_ms, percentile, percentile, percentile, ItlOf.TOKEN)


def drawn(least_osl: float = 1.0) -> tuple[Floats, Floats, Ints]:
    """Four short prompts with long answers for each long one; outputs from a least on."""
    random, count = np.random.default_rng(5), 100_000
    which = (random.random(count) < 0.2).astype(np.int64)
    isl = np.where(which, random.gamma(9, 6000 / 9, count), random.gamma(4, 600 / 4, count))
    osl = np.where(which, random.exponential(100, count), random.exponential(300, count))
    return np.maximum(1.0, isl), np.ceil(osl + least_osl - 1.0), which


@pytest.mark.slow
@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("ttft_ms", [1000.0, 3000.0])
def test_prefill_of_a_mix_is_in_time(percentile: float, ttft_ms: float) -> None:
    """Within 1 % of a simulation either way, where the replica is busy for a third of the time."""
    isl, osl, which = drawn()
    mix, slo = classes_of(isl, osl, which), each_alone(ttft_ms, 50.0, percentile)
    promised = promised_rps(mix, points_of(engine(Role.PREFILL), mix, slo))
    assert promised == pytest.approx(prefill_rps(engine(Role.PREFILL), isl, slo), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize(
    ("values", "kv_tokens", "itl_ms"),
    [
        (DECODE, None, 24.0),
        (DECODE, None, 50.0),
        (DECODE, 60_000, 50.0),
        (DECODE, 40_000, 50.0),
        (DecodeCoefficients(5.0, 0.3, 5e-5), None, 24.0),
        (DecodeCoefficients(20.0, 0.0, 2e-5, ms_per_root_sequence=1.5), None, 26.0),
    ],
)
def test_decode_of_a_mix_keeps_to_its_limits(
    values: DecodeCoefficients, kv_tokens: int | None, itl_ms: float, percentile: float
) -> None:
    """No more than 3 % above what a simulation holds at the percentile of the time, of batches from
    12 on, of batches from 4 on 4 %; on the safe side no more than 15 % below.
    """
    isl, osl, which = drawn()
    mix, slo = classes_of(isl, osl, which), each_alone(1e6, itl_ms, percentile)
    of = replace(engine(Role.DECODE, kv_tokens), decode=values)
    points = points_of(of, mix, slo)
    batch, promised = points[0].batch or 0.0, promised_rps(mix, points)
    if batch < 4.0:
        pytest.skip("smaller batches are not promised to any accuracy")
    hold = decode_limits(of, isl, osl, slo, prefills=False)
    assert hold(promised / (1.03 if batch >= 12.0 else 1.04))
    assert not hold(promised / 0.85)


@pytest.mark.slow
@pytest.mark.parametrize("ttft_ms", [1000.0, 4000.0])
@pytest.mark.parametrize("itl_ms", [30.0, 50.0])
def test_an_aggregated_replica_of_a_mix_is_about_in_time(ttft_ms: float, itl_ms: float) -> None:
    """At P90 no more than 10 % above a simulation, of answers of 50 tokens and more: one prompt
    that falls into a shorter answer is not evened out, which the formula does not know.
    """
    isl, osl, which = drawn(least_osl=50.0)
    mix, slo = classes_of(isl, osl, which), Slo(ttft_ms, itl_ms, 0.9)
    of = engine(Role.AGGREGATED)
    promised = promised_rps(mix, points_of(of, mix, slo))
    hold = decode_limits(of, isl, osl, slo, prefills=True)
    assert hold(promised / 1.1)
    assert not hold(promised / 0.75)
