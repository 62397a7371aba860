"""Classes of requests against loops over the requests themselves."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from math import sqrt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.forecasting.request_classes import classes as classes_module
from heteroplan.forecasting.request_classes.class_error import Family
from heteroplan.forecasting.request_classes.classes import (
    ClassShape,
    Grid,
    choose,
    few_error,
    has_few,
    names,
    shapes,
)
from heteroplan.forecasting.steps import counting
from heteroplan.forecasting.steps.steps import TraceOptions, read_steps
from tests.realdata import DATA, needs_data

type Request = tuple[int, int, int]
"""Input, output and cached tokens."""

REQUESTS = st.lists(
    st.tuples(st.integers(1, 65_535), st.integers(1, 60), st.integers(0, 65_535)),
    min_size=1,
    max_size=25,
)
CUTS = st.lists(st.integers(1, 63), max_size=3, unique=True).map(lambda cuts: tuple(sorted(cuts)))


def grid_of(requests: Sequence[Request]) -> Grid:
    isl, osl, cached = np.array(requests, np.int64).T.copy()
    cells = np.zeros((1, counting.INPUT_CELLS, counting.OUTPUT_CELLS, counting.SUMS))
    one, table = np.zeros(1, np.int64), counting.cell_table()
    moments = np.zeros(len(isl), np.int64)
    counting.count(
        counting.Columns(moments, isl, osl, cached), 0, 60, one, table, np.zeros((1, 5)), cells
    )
    return Grid.of(cells[0])


def plain(isl: int, times: int = 1, osl: int = 10) -> list[Request]:
    return [(isl, osl, 0)] * times


def computed(request: Request) -> int:
    isl, _, cached = request
    return isl - min(cached, isl - 1)


def cell(tokens: int) -> int:
    """The greatest c with 2^c <= tokens^4."""
    return int(tokens**4).bit_length() - 1


def told(found: ClassShape | None) -> ClassShape:
    assert found is not None
    return found


def test_requests_of_one_length_are_one_class_without_error() -> None:
    cuts, error = choose(grid_of(plain(1000, 20)))
    assert (cuts, error) == ((), pytest.approx(0.0, abs=1e-6))
    assert names(cuts, "isl") == ["default"]


def test_two_lengths_far_apart_are_two_classes() -> None:
    """Half of the requests have 100 tokens, half 10,000; each class has one length only."""
    grid = grid_of(plain(100, 50) + plain(10_000, 50))
    cuts, error = choose(grid)
    assert len(cuts) == 1
    assert error is not None
    assert error < 1e-3
    low, high = (told(each) for each in shapes(grid, cuts))
    assert [(each.share, each.isl, each.cv) for each in (low, high)] == [
        (0.5, 100, pytest.approx(0.0, abs=1e-6)),
        (0.5, 10_000, pytest.approx(0.0, abs=1e-6)),
    ]


def answers(*of: tuple[int, int]) -> Grid:
    """Requests of 1,000 tokens: (output tokens, how many)."""
    return grid_of([each for osl, times in of for each in plain(1000, times, osl)])


def test_more_answers_of_a_few_tokens_than_the_spread_tells_are_a_class() -> None:
    """Answers of 200 and 400 tokens, 4 % of 3: half of a percent more is enough, 16 tokens many."""
    others = (200, 480), (400, 480)
    assert has_few(answers((3, 40), *others))
    assert has_few(answers((15, 40), *others))
    assert not has_few(answers((16, 40), *others))
    assert not has_few(answers((3, 4), *others))
    assert not has_few(answers(*others))


def test_few_tokens_that_the_spread_tells_are_no_class() -> None:
    """All of 5 tokens; all of a few; exponential of mean 30, 41 % of which are below 16."""
    assert not has_few(answers((5, 100)))
    assert not has_few(answers((1, 50), (15, 50)))
    random = np.random.default_rng(0)
    drawn = np.maximum(1, random.exponential(30.0, 5000).astype(int)).tolist()
    assert not has_few(answers(*((each, 1) for each in drawn)))


@given(REQUESTS, CUTS)
def test_answers_of_a_few_tokens_are_in_no_other_class(
    requests: Sequence[Request], cuts: tuple[int, ...]
) -> None:
    *others, last = shapes(grid_of(requests), cuts, apart=True)
    few = [osl for _, osl, _ in requests if osl < 16]
    assert (0.0 if last is None else last.share) == pytest.approx(len(few) / len(requests))
    assert last is None or last.osl == pytest.approx(np.mean(few))
    assert all(each is None or each.osl >= 16 for each in others)
    assert len(names(cuts, "isl", apart=True)) == len(others) + 1


def test_prompts_of_short_answers_add_their_share_of_the_error() -> None:
    """Prompts of 100 and of 10,000 tokens in one class, for all requests and for a quarter."""
    both = plain(100, 10, 3) + plain(10_000, 10, 3)
    few = grid_of(both)
    error = Family(few.steps, few.sums).bound(())
    assert error > 0.05
    assert few_error(grid_of(both + plain(500, 60, 100))) == pytest.approx(error / 4)


def test_any_error_allowed_is_one_class() -> None:
    assert choose(grid_of(plain(100, 50) + plain(10_000, 50)), 1.0)[0] == ()


def test_more_classes_never_err_more() -> None:
    """Four lengths, each twice the one before and half as frequent."""
    grid = grid_of([each for i in range(4) for each in plain(100 * 2**i, 8 >> i)])
    one, three = (choose(grid, 1e-9, most)[1] for most in (1, 3))
    assert one is not None
    assert three is not None
    assert one > 0.1 > three


def test_as_few_classes_as_keep_within_the_tolerance() -> None:
    """One class fewer, wherever it is cut, errs more than the tolerance."""
    grid = grid_of([each for i in range(4) for each in plain(100 * 4**i, 27 // 3**i)])
    tolerance = 0.1
    cuts, error = choose(grid, tolerance)
    family = Family(grid.steps, grid.sums)
    assert error == pytest.approx(family.bound(cuts))
    assert error is not None
    assert error <= tolerance
    fewer = combinations(family.steps[1:].tolist(), len(cuts) - 1)
    assert min(map(family.bound, fewer)) > tolerance


@given(REQUESTS, CUTS)
def test_classes_keep_all_totals(requests: list[Request], cuts: tuple[int, ...]) -> None:
    """Shares sum to 1; share * isl, osl, computed tokens and their squares, and the context of
    decode steps (osl * (isl + osl / 2) a request), sum to those of the requests."""
    found = [each for each in shapes(grid_of(requests), cuts) if each is not None]
    n = len(requests)

    def total(of: str) -> float:
        return float(n * sum(each.share * getattr(each, of) for each in found))

    assert sum(each.share for each in found) == pytest.approx(1.0)
    assert total("isl") == pytest.approx(sum(isl for isl, _, _ in requests))
    assert total("osl") == pytest.approx(sum(osl for _, osl, _ in requests))
    new = [each.share * each.isl * (1 - each.hit_rate) for each in found]
    assert n * sum(new) == pytest.approx(sum(map(computed, requests)))
    squares = [
        each.share * (each.isl * (1 - each.hit_rate)) ** 2 * (1 + each.cv**2) for each in found
    ]
    assert n * sum(squares) == pytest.approx(sum(computed(each) ** 2 for each in requests))
    contexts = sum(each.share * each.osl * each.context for each in found)
    assert n * contexts == pytest.approx(sum(osl * (isl + osl / 2) for isl, osl, _ in requests))


@given(REQUESTS, CUTS)
def test_each_class_is_that_of_its_requests(requests: list[Request], cuts: tuple[int, ...]) -> None:
    """A request lies in the class whose range its computed tokens are in."""
    for i, found in enumerate(shapes(grid_of(requests), cuts)):
        low = cuts[i - 1] if i else 0
        high = cuts[i] if i < len(cuts) else 99
        mine = [each for each in requests if low <= cell(computed(each)) < high]
        if not mine:
            assert found is None
            continue
        shape = told(found)
        assert shape.share == pytest.approx(len(mine) / len(requests))
        assert shape.isl == pytest.approx(sum(isl for isl, _, _ in mine) / len(mine))
        assert shape.osl == pytest.approx(sum(osl for _, osl, _ in mine) / len(mine))
        mean = sum(map(computed, mine)) / len(mine)
        variance = sum((computed(each) - mean) ** 2 for each in mine) / len(mine)
        assert shape.cv == pytest.approx(sqrt(variance) / mean, rel=1e-6, abs=1e-6)


def test_the_spread_of_context_is_that_of_decode_steps() -> None:
    """100 + 60 tokens: steps find 100 to 160, evenly: mean 130, deviation 60 / sqrt(12)."""
    (found,) = shapes(grid_of(plain(100, 3, osl=60)), ())
    assert told(found).context == pytest.approx(130)
    assert told(found).context_cv == pytest.approx(60 / sqrt(12) / 130)


def test_cached_tokens_move_requests_between_classes() -> None:
    """Of two prompts of 4096 tokens one has 4000 in the cache: it is a short one, of 96 new."""
    grid = grid_of([(4096, 10, 0), (4096, 10, 4000)])
    low, high = (told(each) for each in shapes(grid, (40,)))
    assert (low.share, low.isl, low.hit_rate) == (0.5, 4096, pytest.approx(4000 / 4096))
    assert (high.share, high.isl, high.hit_rate) == (0.5, 4096, pytest.approx(0.0))


def test_names_tell_where_classes_begin() -> None:
    """Steps 40 and 44 are 2^10 and 2^11 tokens."""
    assert names((), "isl") == ["default"]
    assert names((40,), "isl") == ["isl to 1023", "isl from 1024"]
    assert names((40, 44), "new tokens") == [
        "new tokens to 1023",
        "new tokens 1024 to 2047",
        "new tokens from 2048",
    ]


@settings(max_examples=200)
@given(st.integers(2, 65_535), st.data())
def test_a_request_lies_in_the_class_that_its_length_names(
    tokens: int, data: st.DataObject
) -> None:
    """Cuts are steps that hold requests: their cells hold whole numbers."""
    others = data.draw(st.lists(st.integers(2, 65_535), min_size=1, max_size=3))
    cuts = tuple(sorted({cell(each) for each in others}))
    (mine,) = (
        name for name in names(cuts, "isl") for low, high in [ends(name)] if low <= tokens <= high
    )
    place = sum(cut <= cell(tokens) for cut in cuts)
    assert mine == names(cuts, "isl")[place]


def ends(name: str) -> tuple[float, float]:
    low, high = re.fullmatch(r"isl (?:from )?(\d+)?(?: ?to (\d+))?", name).groups()  # type: ignore[union-attr]
    return float(low or 0), float(high or "inf")


@needs_data
@pytest.mark.parametrize(
    ("file", "most"),
    [
        ("azure_llm_2023_code.csv", 4),
        pytest.param("mooncake_fast25_conversation.jsonl.gz", 5, marks=pytest.mark.slow),
    ],
)
def test_real_traces_are_told_within_three_percent_by_few_classes(file: str, most: int) -> None:
    zone = ZoneInfo("UTC")
    start = datetime(2026, 11, 23, tzinfo=UTC)
    steps = read_steps(
        [str(DATA / "traces" / file)],
        TraceOptions(step_s=900, zone=zone, stamp_zone=zone, start=start),
    )
    assert steps.shapes is not None
    cuts, error = choose(Grid.of(steps.shapes.sum(axis=0)))
    assert error is not None
    assert error <= 0.03
    assert 1 <= len(cuts) < most


def test_classes_that_are_exact_have_no_error() -> None:
    """Four lengths, a class each: told and true are the same."""
    grid = grid_of([each for i in range(4) for each in plain(100 * 4**i, 27 // 3**i)])
    family = Family(grid.steps, grid.sums)
    assert family.bound(tuple(family.steps[1:].tolist())) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("tokens", [900, 5_793, 65_536, 77_935, 78_080, 110_218, 300_000])
def test_a_length_lies_in_the_class_that_names_it(tokens: int) -> None:
    """Its class begins at or below it, the next one above it."""
    (step,) = grid_of(plain(tokens)).steps.tolist()
    assert counting.cell_begin(step) <= tokens < counting.cell_begin(step + 1)


class Bounds:
    """Stands for a family whose best cuts into n classes are n - 1 times 7, at a bound each."""

    bounds = (0.5, 0.2, 0.1, 0.09, 0.08, 0.07, 0.031, 0.06, 0.0)

    def __init__(self, lengths: int) -> None:
        self.steps = range(lengths)
        self.asked: list[tuple[int, tuple[int, ...]]] = []

    def best(self, count: int, before: tuple[int, ...]) -> tuple[int, ...]:
        self.asked.append((count, before))
        return (7,) * (count - 1)

    def bound(self, cuts: tuple[int, ...]) -> float:
        return self.bounds[len(cuts)]


@pytest.mark.parametrize(
    ("lengths", "asked", "classes", "tried"),
    [
        (20, {}, 7, 8),
        (20, {"tolerance": 0.1}, 3, 3),
        (20, {"tolerance": 0.5}, 1, 1),
        (20, {"tolerance": 0.01, "most": 4}, 4, 4),
        (3, {"tolerance": 0.01}, 3, 3),
    ],
)
def test_classes_are_added_until_the_bound_is_kept(
    monkeypatch: pytest.MonkeyPatch, lengths: int, asked: dict[str, Any], classes: int, tried: int
) -> None:
    """From the cuts of one class fewer; of eight at most, and of as many as there are lengths, the
    ones with the least bound."""
    family = Bounds(lengths)
    monkeypatch.setattr(classes_module, "Family", lambda steps, sums: family)
    cuts, error = choose(grid_of(plain(100) + plain(10_000)), **asked)
    assert (len(cuts) + 1, error) == (classes, Bounds.bounds[classes - 1])
    assert family.asked == [(count, (7,) * max(0, count - 2)) for count in range(1, tried + 1)]


@pytest.mark.parametrize("count", [2, 3])
def test_cuts_are_where_the_loss_is_least(count: int) -> None:
    """Of all cuts of six lengths."""
    requests = [(50, 10), (200, 14), (900, 10), (3000, 8), (9000, 9), (30_000, 5)]
    grid = grid_of([each for isl, times in requests for each in plain(isl, times)])
    family = Family(grid.steps, grid.sums)
    before = () if count == 2 else family.best(2, ())
    inner = family.steps[1:].tolist()
    wanted = min(family.loss(cuts) for cuts in combinations(inner, count - 1))
    assert family.loss(family.best(count, before)) == pytest.approx(wanted)
    assert family.best(1, ()) == ()
