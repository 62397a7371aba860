"""Classes by hour of the week, and of an interval with token rates of its own."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from heteroplan.forecasting.curve.history import history
from heteroplan.forecasting.curve.mix import LEAST_SHARE, Mix, mix_of, shaped, tilted
from heteroplan.forecasting.request_classes import classes
from heteroplan.forecasting.steps import counting
from heteroplan.forecasting.steps.shape import StepShape, together
from heteroplan.forecasting.steps.steps import Steps

CUT = 40
"""2^10 tokens: short prompts have fewer."""


def mix(*hours: tuple[int, int, int], cached: int | None = None, cut: int = CUT) -> Mix:
    """A mix of two classes: (hour of the week, prompts of 100 tokens, prompts of 4000)."""
    shapes = np.zeros((counting.HOURS, 60, 20, counting.SUMS))
    for hour, short, long in hours:
        isl = np.repeat([100, 4000], [short, long])
        hits = np.empty(0, np.int64) if cached is None else np.full(len(isl), cached, np.int64)
        counting.count(
            counting.Columns(
                np.zeros(len(isl), np.int64), isl, np.full(len(isl), 10, np.int64), hits
            ),
            0,
            1,
            np.array([hour], np.int64),
            counting.cell_table(),
            np.zeros((1, 5)),
            shapes,
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classes, "choose", lambda grid, error: ((cut,), 0.01))
        return Mix(shapes, 0.03, cached is not None)


def shares(found: tuple[StepShape, ...]) -> list[float]:
    return [each.share for each in found]


def total(found: tuple[StepShape, ...], of: str) -> float:
    return float(sum(each.share * getattr(each, of) for each in found))


def test_an_hour_with_many_requests_has_its_own_classes() -> None:
    """Hour 3 has 3000 short and 1000 long prompts, hour 4 the reverse."""
    found = mix((3, 3000, 1000), (4, 1000, 3000))
    assert shares(found.shapes([3])) == pytest.approx([0.75, 0.25])
    assert shares(found.shapes([4])) == pytest.approx([0.25, 0.75])
    assert shares(found.shapes([3, 4])) == pytest.approx([0.5, 0.5])
    assert [each.name for each in found.shapes([3])] == ["isl to 1023", "isl from 1024"]
    assert [each.isl for each in found.shapes([3])] == [100, 4000]


def test_hours_with_few_requests_take_those_of_the_whole_trace() -> None:
    """Hour 5 has 1999 of 3999 requests, one short of enough; hour 9 has none."""
    found = mix((3, 2000, 0), (5, 0, 1999))
    whole = [2000 / 3999, 1999 / 3999]
    for hours in ([5], [9]):
        assert shares(found.shapes(hours)) == pytest.approx(whole)
    assert found.shapes([3])[0].share > 0.999


def test_a_class_that_an_hour_does_not_have_keeps_a_little_share_and_its_usual_shape() -> None:
    """Hour 3 has short prompts only: the long class has 1e-4 beside 1, made to sum to 1."""
    short, long = mix((3, 3000, 0), (4, 0, 3000)).shapes([3])
    assert (long.share, long.isl, long.osl) == pytest.approx((LEAST_SHARE / 1.0001, 4000, 10))
    assert short.share == pytest.approx(1 / 1.0001)


def test_the_spread_of_outputs_is_that_of_all_requests() -> None:
    assert mix((3, 3000, 1000)).shapes([3])[0].osl_cv == pytest.approx(0.0, abs=1e-6)


def test_cached_tokens_give_classes_of_new_tokens() -> None:
    """50 tokens of each prompt are cached: half of 100, an 80th of 4000."""
    found = mix((3, 3000, 1000), cached=50).shapes([3])
    assert [each.name for each in found] == ["new tokens to 1023", "new tokens from 1024"]
    assert [each.prefix_hit_rate for each in found] == pytest.approx([0.5, 1 / 80])
    assert [each.prefix_hit_rate for each in mix((3, 2, 2)).shapes([3])] == [None, None]


@settings(max_examples=50, deadline=None)
@given(st.floats(10, 20_000), st.floats(10, 1000), st.floats(1, 5000), st.integers(1, 4999))
def test_an_interval_keeps_its_planned_tokens(
    isl: float, osl: float, rounding: float, long: int
) -> None:
    """rps * isl is the planned rate of input tokens, so classes keep it, and that of outputs."""
    usual = mix((3, 5000 - long, long))
    found = shaped(usual, [3], isl, osl, isl)
    assume(all(each.isl > 1 and each.osl > 1 for each in found))
    assert sum(shares(found)) == pytest.approx(1.0)
    assert total(found, "isl") == pytest.approx(isl)
    assert total(found, "osl") == pytest.approx(osl)
    assert [each.name for each in found] == ["isl to 1023", "isl from 1024"]


@settings(max_examples=50, deadline=None)
@given(st.floats(200, 20_000), st.floats(0.01, 0.9))
def test_an_interval_keeps_its_planned_cache_misses(isl: float, missed: float) -> None:
    """Also where a class would have to miss more than all its tokens: the others miss more then."""
    usual = mix((3, 3000, 1000), cached=50)
    found = shaped(usual, [3], isl, 10, missed * isl)
    hits = [each.prefix_hit_rate or 0.0 for each in found]
    computed = sum(s.share * s.isl * (1 - h) for s, h in zip(found, hits, strict=True))
    assert computed == pytest.approx(missed * isl)
    whole = together(found).prefix_hit_rate
    assert whole == pytest.approx(1 - missed)


def test_an_interval_as_usual_has_the_usual_classes() -> None:
    """Mean isl (3 * 100 + 4000) / 4 = 1075."""
    usual = mix((3, 3000, 1000))
    found = shaped(usual, [3], 1075, 10, 1075)
    for one, other in zip(found, usual.shapes([3]), strict=True):
        assert one.share == pytest.approx(other.share)
        for name in ("isl", "osl", "isl_cv", "context", "context_cv"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)


@pytest.mark.parametrize(("isl", "long"), [(2050, 0.5), (880, 0.2), (3025, 0.75)])
def test_longer_prompts_on_average_are_more_of_the_long_ones(isl: float, long: float) -> None:
    """A quarter of 4000 tokens beside 100: a mean of 1075. 2050 is half of each, and so on;
    the lengths themselves stay, and so does what they have in the KV cache.
    """
    found = shaped(mix((3, 3000, 1000)), [3], isl, 10, isl)
    assert shares(found) == pytest.approx([1 - long, long])
    assert [each.isl for each in found] == pytest.approx([100, 4000])
    assert [each.context for each in found] == pytest.approx([105, 4005])


@pytest.mark.parametrize(("isl", "scarce", "factor"), [(8000, 0, 2), (50, 1, 0.5)])
def test_prompts_beyond_all_classes_stretch_the_nearest(
    isl: float, scarce: int, factor: float
) -> None:
    """Longer than the longest class, or shorter than the shortest: nearly all are in that one."""
    found = shaped(mix((3, 3000, 1000)), [3], isl, 10, isl)
    assert found[scarce].share == pytest.approx(LEAST_SHARE, rel=1e-3)
    assert total(found, "isl") == pytest.approx(isl)
    near = found[1 - scarce]
    assert near.isl == pytest.approx(factor * (4000 if scarce == 0 else 100), rel=0.01)


def test_longer_outputs_make_the_context_longer_by_half_of_them() -> None:
    """Of 4000 + 10 tokens context is 4005; with outputs of 1010 it is 4000 + 505."""
    usual = mix((3, 3000, 1000))
    found = shaped(usual, [3], 1075, 1010, 1075)
    assert [each.osl for each in found] == pytest.approx([1010, 1010])
    assert found[1].context == pytest.approx(4000 + 505)


def test_without_classes_there_is_one_of_the_mean_lengths() -> None:
    """300 of 400 input tokens are missed: a hit rate of 0.25."""
    assert shaped(None, [0], 400, 20, 300) == (StepShape("default", 1.0, 400, 20, None, 0.25),)
    assert shaped(None, [0], 400, 20, 400)[0].prefix_hit_rate == 0.0
    assert shaped(None, [0], 400, 20, None)[0].prefix_hit_rate is None


def steps_with(shapes: NDArray[np.float64] | None, with_lengths: int) -> Steps:
    counts = np.zeros((24, counting.COUNTS))
    counts[:, counting.REQUESTS] = 1
    counts[:, counting.WITH_LENGTHS] = with_lengths
    start_us = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp()) * 1_000_000
    return Steps(start_us, 3600, counts, np.ones(24, np.bool_), shapes, False, 0, ())


def test_traces_that_tell_no_requests_or_no_lengths_have_no_mix() -> None:
    zone = ZoneInfo("UTC")
    assert mix_of(history(steps_with(None, 1), zone), 0.03) is None
    nothing = np.zeros((counting.HOURS, 4, 4, counting.SUMS))
    assert mix_of(history(steps_with(nothing, 0), zone), 0.03) is None
    one = replace(steps_with(nothing.copy(), 1))
    assert one.shapes is not None
    one.shapes[0, 2, 2] = [5, 10, 10, 20, 20, 20, 10]
    found = mix_of(history(one, zone), 1.0)
    assert found is not None
    assert [each.name for each in found.shapes([0])] == ["default"]
    assert found.shapes([0])[0].prefix_hit_rate is None
    cached = mix_of(history(replace(one, has_cached=True), zone), 1.0)
    assert cached is not None
    assert cached.shapes([0])[0].prefix_hit_rate == pytest.approx(0.0)


def test_outputs_spread_as_in_their_own_hours() -> None:
    """2,000 answers of 100 tokens in hour 3, as many of 300 in hour 4.

    Each hour has no spread; both have a mean of 200 and a standard deviation of 100.
    """
    shapes = np.zeros((counting.HOURS, 60, 20, counting.SUMS))
    for hour, osl in ((3, 100), (4, 300)):
        counting.count(
            counting.Columns(
                np.zeros(2000, np.int64),
                np.full(2000, 100, np.int64),
                np.full(2000, osl, np.int64),
                np.empty(0, np.int64),
            ),
            0,
            1,
            np.array([hour], np.int64),
            counting.cell_table(),
            np.zeros((1, 5)),
            shapes,
        )
    found = Mix(shapes, 0.03, has_cached=False)
    spreads = [together(found.shapes(hours)).osl_cv for hours in ([3], [4], [3, 4])]
    assert spreads == pytest.approx([0.0, 0.0, 0.5], abs=1e-6)


def counted(*requests: tuple[int, int, int, int], hour: int = 0) -> NDArray[np.float64]:
    """Sums by cell of (how many, input, output, cached tokens) in an hour of the week."""
    shapes = np.zeros((counting.HOURS, 80, 60, counting.SUMS))
    columns = np.array(requests, np.int64).T
    isl, osl, hits = (np.repeat(each, columns[0]) for each in columns[1:])
    counting.count(
        counting.Columns(np.zeros(len(isl), np.int64), isl, osl, hits),
        0,
        1,
        np.array([hour], np.int64),
        counting.cell_table(),
        np.zeros((1, 5)),
        shapes,
    )
    return shapes


def test_a_class_tells_how_its_lengths_spread() -> None:
    """Prompts of 100 and 300 tokens, a mean of 200 and a deviation of 100; outputs of 20 tokens.

    Decode steps find 110 or 310 tokens on average, and up to 10 more or less: a mean of 210 and a
    variance of 100^2 + 20^2 / 12.
    """
    (one,) = Mix(counted((1000, 100, 20, 0), (1000, 300, 20, 0)), 1.0, False).shapes([0])
    assert (one.name, one.share, one.prefix_hit_rate) == ("default", 1.0, None)
    assert (one.isl, one.osl, one.isl_cv) == pytest.approx((200, 20, 0.5))
    wanted = (210, (100**2 + 20**2 / 12) ** 0.5 / 210)
    assert (one.context, one.context_cv) == pytest.approx(wanted)
    assert one.osl_cv == pytest.approx(0.0, abs=1e-6)


def test_requests_without_tokens_have_one() -> None:
    (one,) = Mix(counted((10, 0, 0, 0)), 1.0, False).shapes([0])
    assert (one.isl, one.osl, one.context, one.osl_cv) == (1.0, 1.0, 1.0, 0.0)


def test_a_prefix_cache_never_holds_all_tokens() -> None:
    """Of ten million tokens all but one are cached; a millionth at least is held to be missed."""
    (one,) = Mix(counted((10, 10**7, 1, 10**7)), 1.0, True).shapes([0])
    assert one.prefix_hit_rate == 1 - 1e-6
    assert shaped(None, [0], 400, 20, 0)[0].prefix_hit_rate == 1 - 1e-6
    assert shaped(None, [0], 400, 20, 500)[0].prefix_hit_rate == 0.0


def test_classes_are_those_of_the_error_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all hours together."""
    asked = []

    def choose(grid: classes.Grid, error: float) -> tuple[tuple[int, ...], float]:
        asked.append((float(grid.sums[:, counting.COUNT].sum()), error))
        return (CUT,), 0.07

    monkeypatch.setattr(classes, "choose", choose)
    cells = counted((30, 10, 20, 0)) + counted((20, 3000, 20, 0), hour=9)
    assert Mix(cells, 0.2, False).error == 0.07
    assert asked == [(50.0, 0.2)]


@pytest.mark.parametrize("isl", [1500.0, 2600.0])
def test_shares_are_tilted_by_a_power_of_the_length(isl: float) -> None:
    """exp(tilt * isl) times what they were: the logarithm of the change is a line over lengths."""
    usual = [
        StepShape("a", 0.5, 200.0, 10.0),
        StepShape("b", 0.2, 1800.0, 10.0),
        StepShape("c", 0.3, 5000.0, 10.0),
    ]
    found = tilted(usual, isl)
    assert sum(shares(found)) == pytest.approx(1.0)
    assert total(found, "isl") == pytest.approx(isl)
    changes = np.log([new.share / old.share for new, old in zip(found, usual, strict=True)])
    slopes = np.diff(changes) / np.diff([each.isl for each in usual])
    assert slopes[0] == pytest.approx(slopes[1])
    assert [each.isl for each in found] == [200.0, 1800.0, 5000.0]


def test_prompts_as_long_as_the_longest_class_leave_the_others_their_least_share() -> None:
    found = tilted([StepShape(name, 1 / 3, 100.0 * (i + 1), 1.0) for i, name in enumerate("abc")],
                   10_000.0)  # fmt: skip
    least = LEAST_SHARE / (1 + 2 * LEAST_SHARE)
    assert shares(found) == pytest.approx([least, least, 1 - 2 * least])


def test_stretched_prompts_stretch_what_is_in_the_cache() -> None:
    """One class of 100 + 20 tokens, so of 110; twice and half as long ones, with outputs of 60."""
    usual = Mix(counted((3000, 100, 20, 0)), 1.0, False)
    for isl in (200.0, 50.0):
        (one,) = shaped(usual, [0], isl, 60.0, None)
        assert (one.isl, one.osl, one.context) == pytest.approx((isl, 60.0, isl + 30.0))
        assert one.prefix_hit_rate is None


def test_no_class_is_shorter_than_a_token() -> None:
    """Outputs of 10 and 30 tokens in equal parts, of one on average: a half is held to be one."""
    cells = counted((1500, 100, 10, 0), (1500, 4000, 30, 0))
    found = shaped(two_classes(cells), [0], 2050.0, 1.0, None)
    assert [each.osl for each in found] == pytest.approx([1.0, 1.5])


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_all_classes_miss_more_by_one_factor(factor: float) -> None:
    """50 tokens of each prompt are cached: misses of 1/2 and 79/80, times the factor; of 3/4 * 100
    and 1/4 * 4000 tokens that is 1025 of 1075 as usual."""
    usual = mix((3, 3000, 1000), cached=50)
    found = shaped(usual, [3], 1075, 10, 1025 * factor)
    misses = [1 - (each.prefix_hit_rate or 0.0) for each in found]
    assert misses == pytest.approx([factor / 2, factor * 79 / 80])


def two_classes(shapes: NDArray[np.float64]) -> Mix:
    """Cut at 1024 tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classes, "choose", lambda grid, error: ((CUT,), 0.01))
        return Mix(shapes, 0.03, False)


def test_the_whole_trace_is_all_hours_of_the_week() -> None:
    """Ten requests on Monday and thirty on Sunday: each hour has too few of its own."""
    usual = two_classes(counted((10, 100, 20, 0)) + counted((30, 4000, 20, 0), hour=167))
    assert shares(usual.shapes([0])) == pytest.approx([0.25, 0.75])


def test_a_class_of_hardly_any_requests_of_an_hour_has_its_usual_shape() -> None:
    """In hour 3 one long prompt of 20,001 has 2000 tokens, elsewhere they have 4000; one of 5,001
    is enough to be told of."""
    elsewhere = counted((3000, 4000, 20, 0), hour=9)
    few, enough = (
        two_classes(elsewhere + counted((short, 100, 20, 0), (1, 2000, 20, 0), hour=3))
        for short in (20_000, 5000)
    )
    assert few.shapes([3])[1].isl == pytest.approx((3000 * 4000 + 2000) / 3001)
    assert few.shapes([3])[1].share == pytest.approx(LEAST_SHARE, rel=1e-3)
    assert enough.shapes([3])[1].isl == pytest.approx(2000)
    assert enough.shapes([3])[1].share == pytest.approx(1 / 5001)


def test_answers_of_a_few_tokens_are_the_last_class() -> None:
    """All prompts of 4,000 tokens, and no others, have answers of 3."""
    shapes = np.zeros((counting.HOURS, 60, 60, counting.SUMS))
    isl, osl = np.repeat([[100, 4000], [300, 3]], [950, 50], axis=1)
    counting.count(
        counting.Columns(np.zeros(1000, np.int64), isl, osl, np.empty(0, np.int64)),
        0,
        1,
        np.zeros(1, np.int64),
        counting.cell_table(),
        np.zeros((1, 5)),
        shapes,
    )
    found = Mix(shapes, 0.03, False).shapes([0])
    assert [each.name for each in found] == ["default", "osl to 15"]
    assert shares(found) == pytest.approx([0.95, 0.05])
    assert [(each.isl, each.osl) for each in found] == [(100, 300), (4000, 3)]
    assert len(Mix(shapes, 1.0, False).shapes([0])) == 1
