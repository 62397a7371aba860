"""Steps of a trace against plain Python loops over its requests and windows."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.steps import counting
from heteroplan.forecasting.steps import steps as steps_module
from heteroplan.forecasting.steps.counting import CACHED, INPUT, OUTPUT, REQUESTS, WITH_LENGTHS
from heteroplan.forecasting.steps.stamps import EPOCH, US_PER_S
from heteroplan.forecasting.steps.steps import Steps, TraceOptions, read_steps
from heteroplan.forecasting.traces.formats import FORMATS
from heteroplan.forecasting.traces.requests import Blocks, Requests, Windows
from heteroplan.forecasting.traces.trace_format import AskedOfTrace, TraceFormat
from tests.forecasting.made_traces import written
from tests.formats import add_format

STEP_S = 900
STEP_US = STEP_S * US_PER_S
BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
TOKYO = ZoneInfo("Asia/Tokyo")
"""Of stamps without a zone, which says nothing of the days."""
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOON_US = (NOON - EPOCH).days * 86_400 * US_PER_S + 12 * 3600 * US_PER_S
NAN = float("nan")

type Row = tuple[int, int, int, int]
"""Microseconds, input, output and cached tokens of a request."""


def cell(tokens: int) -> int:
    """The greatest c with 2^(c / 4) <= tokens, so 2^c <= tokens^4: exact in whole numbers."""
    return int(max(1, tokens) ** 4).bit_length() - 1


def requests(rows: Sequence[Row], *, cached: bool = True) -> Requests:
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return Requests(columns[0], columns[1], columns[2], columns[3] if cached else None)


def read(*chunks: Requests, zone: ZoneInfo = BERLIN, dated: bool = True) -> Steps:
    """Steps of a trace whose reader streams `chunks`."""
    reader = TraceFormat(lambda head: False, dated, "", requests=lambda source, asked: iter(chunks))
    return of_reader(reader, zone)


def read_windows(windows: Windows, zone: ZoneInfo = BERLIN) -> Steps:
    reader = TraceFormat(lambda head: False, True, "", windows=lambda sources, asked: windows)
    return of_reader(reader, zone)


def of_reader(
    reader: TraceFormat,
    zone: ZoneInfo,
    cache_tokens: int | None = None,
    start: datetime | None = None,
) -> Steps:
    options = TraceOptions(
        step_s=STEP_S,
        zone=zone,
        stamp_zone=TOKYO,
        format="fake",
        start=start,
        cache_tokens=cache_tokens,
    )
    with pytest.MonkeyPatch.context() as patch:
        add_format(patch, FORMATS, "fake", reader)
        return read_steps([__file__], options)


def windows(
    starts_s: Sequence[int], length_s: int, amounts: Sequence[float], **others: np.ndarray
) -> Windows:
    """Windows from `NOON` on, of requests with 100 + 10 tokens each."""
    start_us = NOON_US + np.array(starts_s, np.int64) * US_PER_S
    came = np.array(amounts, float)
    end_us = start_us + length_s * US_PER_S
    return Windows(start_us, end_us, came, came, 100 * came, 10 * came, **others)


def amounts_from_noon(steps: Steps, column: int) -> list[float]:
    """Noon UTC is 13:00 in Berlin: step 52 of the day."""
    assert steps.start_us == NOON_US - 13 * 3600 * US_PER_S
    return [float(each) for each in steps.counts[52:, column]]


ROWS = st.lists(
    st.tuples(
        st.integers(0, 8 * STEP_US - 1),
        st.integers(-1, 65_535),
        st.integers(-1, 65_535),
        st.integers(-1, 70_000),
    ),
    max_size=30,
)


def test_cells_are_quarters_of_octaves() -> None:
    """Against whole-number arithmetic, for each length of the table; 0 is held to be 1."""
    assert counting.cell_table().tolist() == [cell(tokens) for tokens in range(2**16)]


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    hours=st.lists(st.integers(0, 2), min_size=8, max_size=8),
    has_cached=st.booleans(),
    cut=st.integers(0, 30),
    order=st.randoms(use_true_random=False),
)
def test_counts_and_sums_are_those_of_a_plain_loop(
    rows: list[Row], hours: list[int], has_cached: bool, cut: int, order: object
) -> None:
    """Whatever the chunks and their order. Sums are of whole numbers below 2^53, so exact.

    Unknown lengths count as requests alone; cached tokens are at most isl - 1, computed ones at
    least 1; the last cell of a grid of 20 x 16 takes what is longer.
    """
    start_us = 7 * STEP_US
    steps, shapes = np.zeros((8, counting.COUNTS)), np.zeros((3, 20, 16, counting.SUMS))
    shuffled = list(rows)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    for part in (shuffled[:cut], shuffled[cut:]):
        arrival_us, isl, osl, cached = np.array(part, np.int64).reshape(-1, 4).T.copy()
        cached = cached if has_cached else np.empty(0, np.int64)
        counting.count(
            counting.Columns(arrival_us + start_us, isl, osl, cached),
            start_us,
            STEP_US,
            np.array(hours, np.int64),
            counting.cell_table(),
            steps,
            shapes,
        )
    per_step: dict[tuple[int, int], int] = defaultdict(int)
    per_cell: dict[tuple[int, int, int, int], int] = defaultdict(int)
    for arrival_us_, isl_, osl_, cached_ in rows:
        step = arrival_us_ // STEP_US
        per_step[step, REQUESTS] += 1
        if isl_ < 0 or osl_ < 0:
            continue
        hits = max(0, min(cached_, isl_ - 1)) if has_cached else 0
        new = max(1, isl_ - hits)
        told = {WITH_LENGTHS: 1, INPUT: isl_, OUTPUT: osl_, CACHED: hits}
        for column, amount in told.items():
            per_step[step, column] += amount
        where = hours[step], min(cell(new), 19), min(cell(osl_), 15)
        sums = (1, new, osl_, new**2, isl_ * osl_, osl_**2, isl_)
        for column, amount in enumerate(sums):
            per_cell[(*where, column)] += amount
    assert {k: v for k, v in np.ndenumerate(steps) if v} == {k: v for k, v in per_step.items() if v}
    assert {k: v for k, v in np.ndenumerate(shapes) if v} == {
        k: v for k, v in per_cell.items() if v
    }


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(65_536, 2**22), min_size=2, max_size=10))
def test_long_requests_lie_in_their_cell_or_just_below(lengths: list[int]) -> None:
    """They are looked up by their upper bits, so that one at the very edge may fall below it; what
    is longer never comes before what is shorter."""
    shapes = np.zeros((1, 100, 1, counting.SUMS))
    found = []
    for tokens in sorted(lengths):
        one, before = np.array([tokens], np.int64), shapes[0, :, 0, 0].copy()
        none = np.empty(0, np.int64)
        counting.count(
            counting.Columns(np.zeros(1, np.int64), one, np.ones(1, np.int64), none),
            0,
            STEP_US,
            np.zeros(1, np.int64),
            counting.cell_table(),
            np.zeros((1, 5)),
            shapes,
        )
        found.append(int(np.flatnonzero(shapes[0, :, 0, 0] - before)[0]))
    assert found == sorted(found)
    for got, tokens in zip(found, sorted(lengths), strict=True):
        assert cell(tokens - 256) <= got <= cell(tokens)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-5 * 86_400, 5 * 86_400).map(lambda s: NOON_US + s * US_PER_S),
            st.integers(-1, 5000),
            st.integers(-1, 500),
            st.integers(0, 6000),
        ),
        min_size=1,
        max_size=12,
    ),
    cut=st.integers(1, 12),
)
def test_a_trace_is_counted_whatever_its_order(rows: list[Row], cut: int) -> None:
    """Each request lies in the step of its moment, also before the first one's midnight, and its
    shape in the hour of the week that Berlin's clocks show (an hour ahead of UTC in November)."""
    chunks = [requests(part) for part in (rows[:cut], rows[cut:]) if part]
    steps = read(*chunks)
    assert steps.shapes is not None
    assert steps.has_cached
    came = Counter((row[0] - steps.start_us) // STEP_US for row in rows)
    found = {i: n for i, n in enumerate(steps.counts[:, REQUESTS].tolist()) if n}
    assert found == dict(came)
    assert datetime.fromtimestamp(steps.start_us / 1e6, BERLIN).strftime("%H:%M") == "00:00"
    hours: Counter[int] = Counter()
    for arrival_us, isl, osl, _ in rows:
        if isl >= 0 and osl >= 0:
            local = datetime.fromtimestamp(arrival_us / 1e6, BERLIN)
            hours[local.weekday() * 24 + local.hour] += 1
    by_hour = steps.shapes[..., counting.COUNT].sum(axis=(1, 2))
    assert {hour: n for hour, n in enumerate(by_hour.tolist()) if n} == dict(hours)
    once = read(requests(sorted(rows)))
    shift = (once.start_us - steps.start_us) // STEP_US
    np.testing.assert_array_equal(steps.counts[shift:], once.counts)
    np.testing.assert_array_equal(steps.known[shift:], once.known)
    assert not steps.known[:shift].any()


def test_requests_that_do_not_tell_cached_tokens_have_none_beside_others_that_do() -> None:
    row = (NOON_US, 100, 10, 50)
    assert read(requests([row]), requests([row])).has_cached
    steps = read(requests([row]), requests([row], cached=False))
    assert steps.has_cached
    assert steps.counts[:, CACHED].sum() == 50
    assert (
        "50.0 % of the requests have cached tokens; the others are assumed to have none"
        in steps.notes
    )
    assert not read(requests([row], cached=False)).has_cached


@pytest.mark.parametrize(
    ("tokens", "hits"),
    [(0, 0), (512, 1), (1023, 1), (1024, 3), (1535, 3), (1536, 4)],
)
def test_a_prefix_cache_holds_the_whole_blocks_of_its_size(tokens: int, hits: int) -> None:
    """Blocks 1 2 | 1 2 | 3 | 1 2 of 512 tokens, a minute apart, in two chunks.

    Room for one: the second finds block 1, which 3 pushes out. For two: the second finds both, the
    last finds block 1, as 3 has pushed out 2. For three: all of both are found. 24 tokens more of
    each request are in no block.
    """
    ids = [[1, 2], [1, 2], [3], [1, 2]]
    chunks = []
    for first, part in ((0, ids[:3]), (3, ids[3:])):
        lengths = np.array([512 * len(each) + 24 for each in part], np.int64)
        stamps = NOON_US + (first + np.arange(len(part))) * 60 * US_PER_S
        offsets = np.cumsum([0, *map(len, part)]).astype(np.int64)
        blocks = Blocks(offsets, np.array([b for each in part for b in each], np.int64), 512)
        chunks.append(Requests(stamps, lengths, np.full(len(part), 10), None, blocks))
    reader = TraceFormat(lambda head: False, True, "", requests=lambda source, asked: iter(chunks))
    steps = of_reader(reader, BERLIN, cache_tokens=tokens)
    assert steps.has_cached
    assert steps.counts[:, CACHED].sum() == 512 * hits


def test_lengths_that_only_a_part_of_the_requests_tells_are_noted() -> None:
    steps = read(requests([(NOON_US, 100, 10, 0), (NOON_US, -1, 10, 0)]))
    assert (
        "50.0 % of the requests have lengths; the others are assumed to have the same"
        in steps.notes
    )


def test_what_lies_between_files_is_missing_and_not_idle(tmp_path: Path) -> None:
    """Two captures of half an hour each, four hours apart: of the steps between none is known."""
    files = []
    for begin in (0, 4 * 3600):
        rows = [(NOON_US + (begin + s) * US_PER_S, 100, 10, 0) for s in range(0, 1800, 60)]
        files.append(requests(rows))
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_text("x")
    parts = iter(files)
    reader = TraceFormat(
        lambda head: False, True, "", requests=lambda source, asked: iter([next(parts)])
    )
    with pytest.MonkeyPatch.context() as patch:
        add_format(patch, FORMATS, "fake", reader)
        steps = read_steps(
            [str(path) for path in paths],
            TraceOptions(step_s=STEP_S, zone=BERLIN, stamp_zone=BERLIN, format="fake"),
        )
    assert np.flatnonzero(steps.known[52:]).tolist() == [0, 1, 16, 17]


def test_a_trace_given_twice_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x")
    with pytest.raises(InputError, match="given twice; name it once"):
        read_steps(
            [str(path), f"{tmp_path}/./a.csv"],
            TraceOptions(step_s=STEP_S, zone=BERLIN, stamp_zone=BERLIN),
        )


def test_steps_before_the_first_request_and_cut_ones_are_unknown() -> None:
    """A request a minute from 12:10 to 12:50: of 12:00, 12:15, 12:30 and 12:45 the inner two."""
    rows = [(NOON_US + m * 60 * US_PER_S, 100, 10, 0) for m in range(10, 51)]
    steps = read(requests(rows))
    assert steps.notes == ("41 requests",)
    assert np.flatnonzero(steps.known).tolist() == [53, 54]
    assert amounts_from_noon(steps, REQUESTS) == [5, 15, 15, 6]


def test_a_step_that_is_quiet_at_its_end_may_be_whole() -> None:
    """Every 200 s: 15 gaps of the mean fit into an hour, and less than five are missing."""
    rows = [(NOON_US + s * US_PER_S, 100, 10, 0) for s in range(0, 3600, 200)]
    assert read(requests(rows)).known[52:].all()


def test_a_trace_inside_one_step_is_kept() -> None:
    rows = [(NOON_US + s * US_PER_S, 100, 10, 0) for s in range(300, 400, 10)]
    steps = read(requests(rows))
    assert np.flatnonzero(steps.known).tolist() == [52]
    assert steps.notes[-1] == "the trace covers no whole 900 s: its rates are low"


def test_no_requests_and_no_windows_are_problems() -> None:
    with pytest.raises(InputError) as raised:
        read(requests([]))
    assert [str(each) for each in raised.value.problems] == [f"{__file__}: holds no requests"]
    with pytest.raises(InputError) as raised:
        read_windows(windows([], 900, []))
    assert [str(each) for each in raised.value.problems] == [f"{__file__}: holds no demand"]


def test_a_trace_without_dates_needs_a_start() -> None:
    with pytest.raises(UsageError, match="has no date"):
        read(requests([(5, 1, 1, 0)]), dated=False)


@settings(max_examples=60, deadline=None)
@given(
    offset_s=st.integers(0, 3600),
    length_s=st.sampled_from([60, 600, 700, 900, 1300, 3600]),
    amounts=st.lists(st.integers(0, 1000), min_size=2, max_size=20),
    data=st.data(),
)
def test_windows_are_spread_over_steps_second_by_second(
    offset_s: int, length_s: int, amounts: list[int], data: st.DataObject
) -> None:
    """Against a loop that gives each second its part; windows may lack. Totals are kept, and a step
    is known where all its seconds are."""
    kept = data.draw(st.lists(st.booleans(), min_size=len(amounts), max_size=len(amounts)))
    kept[0] = True
    starts = [offset_s + i * length_s for i, keep in enumerate(kept) if keep]
    given_ = [amount for amount, keep in zip(amounts, kept, strict=True) if keep]
    steps = read_windows(windows(starts, length_s, given_))
    expected: dict[int, float] = defaultdict(float)
    seconds: Counter[int] = Counter()
    for start, amount in zip(starts, given_, strict=True):
        for second in range(start, start + length_s):
            expected[second // STEP_S] += amount / length_s
            seconds[second // STEP_S] += 1
    size = len(steps.counts) - 52
    assume(any(seconds[i] == STEP_S for i in range(size)))
    wanted = [expected[i] for i in range(size)]
    assert amounts_from_noon(steps, REQUESTS) == pytest.approx(wanted, abs=1e-6)
    assert amounts_from_noon(steps, INPUT) == pytest.approx([100 * w for w in wanted], abs=1e-4)
    assert steps.counts[:, OUTPUT].sum() == pytest.approx(10 * sum(given_))
    assert steps.known[:52].sum() == 0
    assert steps.known[52:].tolist() == [seconds[i] == STEP_S for i in range(size)]
    assert (steps.shapes, steps.window_s, steps.has_cached) == (None, length_s, False)


def test_windows_that_are_not_told_are_unknown_and_hold_nothing() -> None:
    """Quarters with 9, unknown and 9 requests: the middle one is unknown."""
    steps = read_windows(windows([0, 900, 1800], 900, [9, NAN, 9]))
    assert steps.known[52:].tolist() == [True, False, True]
    assert amounts_from_noon(steps, REQUESTS) == [9, 0, 9]
    assert steps.notes == ("3 windows of 900 s",)


def test_cached_tokens_of_windows_are_spread_as_well() -> None:
    """Half an hour with 600 cached tokens: 300 in each quarter."""
    told = windows([0], 1800, [12], cached_tokens=np.array([600.0]))
    steps = read_windows(told)
    assert steps.has_cached
    assert amounts_from_noon(steps, CACHED) == [300, 300]


def test_steps_begin_at_the_local_midnight_of_the_first_request() -> None:
    """Noon UTC on 25 November is 17:45 in Kathmandu: midnight came 17:45 h before."""
    zone = ZoneInfo("Asia/Kathmandu")
    steps = read(requests([(NOON_US, 1, 1, 0)]), zone=zone)
    first = datetime.fromtimestamp(steps.start_us / 1e6, zone)
    assert (first.date(), NOON - first) == (date(2026, 11, 25), NOON - first)
    assert NOON_US - steps.start_us == (17 * 60 + 45) * 60 * US_PER_S


@given(st.lists(st.sampled_from([0.0, 0.1, 1 / 3, 977.7]), min_size=2, max_size=40))
def test_idle_windows_are_idle_to_the_last_digit(amounts: list[float]) -> None:
    """Nothing of the windows before is left over in them."""
    starts = [i * STEP_S for i in range(len(amounts))]
    came = amounts_from_noon(read_windows(windows(starts, STEP_S, amounts)), REQUESTS)
    assert [each == 0.0 for each in came[: len(amounts)]] == [each == 0.0 for each in amounts]
    assert min(came) >= 0.0


def test_windows_shorter_than_a_step_tell_its_rate() -> None:
    """A window of 60 s with 6 requests, in a step of 900 s: as many as 90 in all of it."""
    steps = read_windows(windows([0, 60], 60, [6, 6]))
    assert np.flatnonzero(steps.known).tolist() == [52]
    assert amounts_from_noon(steps, REQUESTS) == pytest.approx([90])


def test_an_empty_step_up_to_the_last_request_of_a_file_is_idle(tmp_path: Path) -> None:
    """A request every five minutes to 00:50 and one at 01:00; the next file begins at 03:00."""
    day = "2026-11-23"
    first = [f"{day} 00:{minute:02}:00,100,10" for minute in range(0, 55, 5)]
    paths = [
        written(tmp_path, [*first, f"{day} 01:00:00,100,10"], "first.csv"),
        written(tmp_path, [each.replace(" 00:", " 03:") for each in first], "second.csv"),
    ]
    found = read_steps(paths, TraceOptions(step_s=300, zone=UTC_ZONE, stamp_zone=UTC_ZONE))
    assert found.counts[11, REQUESTS] == 0
    assert found.known[:13].all()
    assert not found.known[13:36].any()


def every(seconds: int, begin_s: int, count: int) -> list[Row]:
    """Requests of 100 + 10 tokens from some time after noon on."""
    return [(NOON_US + (begin_s + i * seconds) * US_PER_S, 100, 10, 0) for i in range(count)]


@pytest.mark.parametrize(("requests_there", "whole"), [(10, True), (11, False)])
def test_a_step_is_cut_where_nothing_comes_for_more_than_five_gaps(
    requests_there: int, whole: bool
) -> None:
    """In the first of three steps nothing comes for 300 s of 900, in the last one for the last 300:
    ten requests in 600 s are one a minute, and five minutes are missing."""
    last = [*every(1, 1800, requests_there - 1), *every(1, 2400, 1)]
    late = read(requests([*every(60, 0, 15), *every(60, 900, 15), *last]))
    assert late.known[52:].tolist() == [True, True, whole]
    first = every(1, 300, requests_there)
    early = read(requests([*first, *every(60, 900, 15), *every(60, 1800, 15)]))
    assert early.known[52:].tolist() == [whole, True, True]


def test_each_amount_of_a_window_is_spread_as_its_own() -> None:
    """Of 12 requests in half an hour 8 tell lengths: 800 + 80 tokens, 200 of them cached."""
    one = windows([0], 1800, [12], cached_tokens=np.array([200.0]))
    told = replace(
        one, with_lengths=np.array([8.0]), input_tokens=np.array([800.0]),
        output_tokens=np.array([80.0]),
    )  # fmt: skip
    steps = read_windows(told)
    columns = (REQUESTS, WITH_LENGTHS, INPUT, OUTPUT, CACHED)
    assert steps.counts[52:, columns].tolist() == [[6, 4, 400, 40, 100]] * 2
    assert steps.counts[:52].sum() == 0


def test_windows_are_as_long_as_most_of_them() -> None:
    """One of 60 s, two of 900 s and one of half an hour."""
    start_us = NOON_US + np.array([0, 900, 1800, 2700], np.int64) * US_PER_S
    end_us = start_us + np.array([60, 900, 900, 1800], np.int64) * US_PER_S
    came = np.full(4, 3.0)
    steps = read_windows(Windows(start_us, end_us, came, came, came, came))
    assert (steps.window_s, steps.notes) == (900, ("4 windows of 900 s",))
    assert steps.known[52:].tolist() == [False, True, True, True, True]


def test_readers_are_told_the_zone_of_stamps() -> None:
    asked: list[AskedOfTrace] = []

    def read_all(source: object, given_: AskedOfTrace) -> Iterator[Requests]:
        asked.append(given_)
        yield requests([(NOON_US, 1, 1, 0)])

    reader = TraceFormat(lambda head: False, True, "", requests=read_all)
    with pytest.MonkeyPatch.context() as patch:
        add_format(patch, FORMATS, "fake", reader)
        read_steps(
            [__file__], TraceOptions(step_s=STEP_S, zone=BERLIN, stamp_zone=TOKYO, format="fake")
        )
    assert [each.zone for each in asked] == [TOKYO]


def test_windows_that_tell_no_rates_are_a_problem() -> None:
    with pytest.raises(InputError) as raised:
        read_windows(windows([0, 900], 900, [NAN, NAN]))
    assert [str(each) for each in raised.value.problems] == [f"{__file__}: tells no rates"]


@pytest.mark.parametrize("kind", ["requests", "windows"])
def test_a_trace_may_span_so_many_steps_and_no_more(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """From midnight in Berlin, so noon UTC lies in the 53rd step of 900 s."""

    def spanning(count: int) -> Steps:
        if kind == "windows":
            return read_windows(windows(range(0, count * 900, 900), 900, [1] * count))
        return read(requests(every(900, 0, count)))

    monkeypatch.setattr(steps_module, "MOST_STEPS", 60)
    assert len(spanning(8).counts) == 60
    message = (
        "the trace spans 61 steps of 900 s, at most 60 are allowed; check its stamps, or take "
        "longer steps (--peak)"
    )
    with pytest.raises(UsageError) as raised:
        spanning(9)
    assert str(raised.value) == message


def test_steps_before_the_first_midnight_count_to_the_span(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """53 steps to 12:15 UTC and 96 of the day before, which a later chunk tells of."""
    rows = every(900, 0, 1)
    before = [(NOON_US - 86_400 * US_PER_S, 100, 10, 0)]
    monkeypatch.setattr(steps_module, "MOST_STEPS", 149)
    steps = read(requests(rows), requests(before))
    assert np.flatnonzero(steps.counts[:, REQUESTS]).tolist() == [52, 148]
    monkeypatch.setattr(steps_module, "MOST_STEPS", 148)
    with pytest.raises(UsageError, match="spans 149 steps"):
        read(requests(rows), requests(before))


def test_what_requests_do_not_tell_is_noted() -> None:
    """Of three requests one has both lengths, one tells cached tokens."""
    told = (NOON_US, 100, 10, 50)
    untold = (NOON_US, -1, -1, -1)
    some = "33.3 % of the requests have lengths; the others are assumed to have the same"
    cached = "33.3 % of the requests have cached tokens; the others are assumed to have none"
    assert notes_of([told, untold, untold]) == ["3 requests", some, cached]
    assert notes_of([told] * 3) == ["3 requests"]
    assert notes_of([untold] * 2) == ["2 requests", "the trace has no request lengths"]
    assert notes_of([told] * 1200)[0] == "1,200 requests"


def notes_of(rows: Sequence[Row]) -> list[str]:
    """All but the one of a trace inside one step."""
    return [note for note in read(requests(rows)).notes if "no whole" not in note]


def test_blocks_without_a_cache_are_told_and_nothing_is_cached() -> None:
    """Nor is a cache played where the trace tells what was cached, which needs no size of one."""
    blocks = Blocks(np.array([0, 1, 2]), np.array([7, 7]), 512)
    stamps, isl, osl = NOON_US + np.array([0, 60 * US_PER_S]), np.full(2, 512), np.full(2, 10)
    plain = Requests(stamps, isl, osl, None, blocks)
    reader = TraceFormat(lambda head: False, True, "", requests=lambda source, asked: iter([plain]))
    steps = of_reader(reader, BERLIN)
    note = (
        "the trace lists block hashes: with --prefix-cache TOKENS prefill is sized on the tokens "
        "that a cache of that size misses"
    )
    assert (steps.has_cached, steps.counts[:, CACHED].sum()) == (False, 0)
    assert note in steps.notes
    assert of_reader(reader, BERLIN, cache_tokens=512).has_cached
    assert note not in of_reader(reader, BERLIN, cache_tokens=512).notes

    told = Requests(stamps, isl, osl, np.array([100, 30]), blocks)
    reader = TraceFormat(lambda head: False, True, "", requests=lambda source, asked: iter([told]))
    steps = of_reader(reader, BERLIN)
    assert steps.counts[:, CACHED].sum() == 130
    assert note not in steps.notes
    with pytest.raises(UsageError, match="lists no block hashes; leave out --prefix-cache"):
        of_reader(reader, BERLIN, cache_tokens=512)


def test_what_lies_before_a_clock_that_starts_again_is_missing() -> None:
    """Quarters from 12:00 to 13:00, and as many that are laid a day later: between is nothing."""
    rows = [(i * 60 * US_PER_S, 100, 10, 0) for i in range(60)]
    chunks = [requests(rows), requests(rows)]
    reader = TraceFormat(lambda head: False, False, "", requests=lambda source, asked: iter(chunks))
    steps = of_reader(reader, BERLIN, start=NOON)
    assert np.flatnonzero(steps.known).tolist() == [*range(52, 56), *range(148, 152)]


@pytest.mark.parametrize("kind", ["requests", "windows"])
def test_each_file_that_tells_nothing_is_a_problem(tmp_path: Path, kind: str) -> None:
    paths = [str(tmp_path / name) for name in "ab"]
    for path in paths:
        Path(path).write_text("x")
    what = "requests" if kind == "requests" else "demand"
    reader = TraceFormat(
        lambda head: False, True, "",
        requests=(lambda source, asked: iter([requests([])])) if kind == "requests" else None,
        windows=(lambda sources, asked: windows([], 900, [])) if kind == "windows" else None,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        add_format(patch, FORMATS, "fake", reader)
        with pytest.raises(InputError) as raised:
            read_steps(
                paths, TraceOptions(step_s=STEP_S, zone=BERLIN, stamp_zone=BERLIN, format="fake")
            )
    assert [str(each) for each in raised.value.problems] == [
        f"{path}: holds no {what}" for path in paths
    ]


def test_files_that_overlap_are_told(tmp_path: Path) -> None:
    """One from 00:00 to 00:50, one from 00:30 to 01:20."""
    paths = [
        written(tmp_path, [f"2026-11-23 {m // 60:02}:{m % 60:02}:00,100,10" for m in part], name)
        for name, part in (("a.csv", range(0, 51, 10)), ("b.csv", range(30, 81, 10)))
    ]
    options = TraceOptions(step_s=300, zone=UTC_ZONE, stamp_zone=UTC_ZONE)
    assert read_steps(paths, options).notes == (
        "12 requests",
        "2 files overlap in time; their requests are added up",
    )
    assert read_steps(paths[:1], options).notes == ("6 requests",)
