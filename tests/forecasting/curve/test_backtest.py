"""Days held back, by hand: the days before are constant, so that they are planned as they were."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heteroplan.errors import UsageError
from heteroplan.forecasting.curve.backtest import Backtest
from heteroplan.pipelines import demand as pipeline

KOLKATA = ZoneInfo("Asia/Kolkata")
MONDAY = date(2026, 11, 2)

type Day = list[tuple[float, float, float] | None]
"""Requests a second, isl and osl of 24 hours; None is missing."""


def day(rate: float = 10, isl: float = 100, osl: float = 10, **hours: object) -> Day:
    """`h7=(...)` is hour 7; `h7=None` is missing."""
    found: Day = [(rate, isl, osl)] * 24
    for name, told in hours.items():
        found[int(name[1:])] = told  # type: ignore[call-overload]
    return found


def held_back_from(
    folder: Path, *days: Day | None, lengths: bool = True, **options: object
) -> Backtest:
    rows = []
    for i, each in enumerate(days):
        for hour, told in enumerate(each or []):
            if told is not None:
                stamp = f"{MONDAY + timedelta(days=i)}T{hour:02d}:00"
                rows.append(",".join(map(str, [stamp, *told][: 4 if lengths else 2])))
    header = "interval_start,rps,isl,osl" if lengths else "interval_start,rps"
    path = folder / "past.csv"
    path.write_text("\n".join([header, *rows]))
    asked = {"interval_s": 3600, "timezone": KOLKATA.key, "backtest": True, **options}
    found = pipeline.demand([str(path)], **asked).backtest  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_day_as_those_before_is_covered(tmp_path: Path) -> None:
    """Of four days a third is one: 24 intervals, planned as they came."""
    found = held_back_from(tmp_path, *[day()] * 4)
    assert (found.quantile, found.trained_days, found.intervals) == (0.95, 3, 24)
    assert found.held_back == (date(2026, 11, 5),)
    assert found.coverage_by_day == (1.0,)
    assert [each.what for each in found.measures] == ["requests", "input tokens", "output tokens"]
    for each in found.measures:
        assert (each.coverage, each.worst_shortfall, each.worst_start) == (1.0, 0.0, None)
        assert each.planned_over_true == pytest.approx(1.0)


def test_an_hour_that_was_busier(tmp_path: Path) -> None:
    """Hour 17 had 20 and 18 had 15, not 10: 22 of 24 hours are covered, 240 planned of 255, and a
    half of the 20 was not planned for."""
    last = day(h17=(20, 100, 10), h18=(15, 100, 10))
    requests = held_back_from(tmp_path, *[day()] * 3, last).measures[0]
    assert requests.coverage == pytest.approx(22 / 24)
    assert requests.planned_over_true == pytest.approx(240 / 255)
    assert requests.worst_shortfall == pytest.approx(0.5)
    assert requests.worst_start == datetime(2026, 11, 5, 17, tzinfo=KOLKATA)
    assert requests.worst_start.utcoffset() == timedelta(hours=5, minutes=30)


def test_tokens_are_compared_beside_requests(tmp_path: Path) -> None:
    """Prompts of hour 3 were 400 tokens, not 100: 3/4 of their tokens were not planned for, and
    outputs of a tenth of that."""
    found = held_back_from(tmp_path, *[day()] * 3, day(h3=(10, 400, 10)))
    requests, inputs, outputs = found.measures
    assert (requests.coverage, outputs.coverage) == (1.0, 1.0)
    assert inputs.coverage == pytest.approx(23 / 24)
    assert inputs.planned_over_true == pytest.approx(24_000 / (23_000 + 4000))
    assert inputs.worst_shortfall == pytest.approx(0.75)
    assert inputs.worst_start == datetime(2026, 11, 5, 3, tzinfo=KOLKATA)


def test_coverage_by_day_and_the_worst_of_all_days(tmp_path: Path) -> None:
    """Held back are days at 10, at 10 with six hours of 40, and at 40."""
    busy: dict[str, Any] = {f"h{hour}": (40, 100, 10) for hour in range(6)}
    mixed = day(**busy)
    found = held_back_from(tmp_path, *[day()] * 4, day(), mixed, day(40), held_back_days=3)
    assert found.held_back == tuple(date(2026, 11, d) for d in (6, 7, 8))
    assert found.coverage_by_day == (1.0, 0.75, 0.0)
    assert found.intervals == 72
    requests = found.measures[0]
    assert requests.coverage == pytest.approx((24 + 18) / 72)
    assert requests.planned_over_true == pytest.approx(720 / (240 + 180 + 240 + 960))
    assert requests.worst_start == datetime(2026, 11, 7, tzinfo=KOLKATA)


def test_days_that_are_missing_are_not_held_back(tmp_path: Path) -> None:
    """Of six days the fifth is missing: held back are the fourth and the sixth."""
    found = held_back_from(tmp_path, *[day()] * 4, None, day(), held_back_days=2)
    assert found.held_back == (date(2026, 11, 5), date(2026, 11, 7))
    assert (found.trained_days, found.intervals) == (3, 48)


def test_hours_that_are_missing_are_not_compared(tmp_path: Path) -> None:
    found = held_back_from(tmp_path, *[day()] * 3, day(h4=None, h5=None, h6=(20, 100, 10)))
    assert found.intervals == 22
    assert found.coverage_by_day == pytest.approx((21 / 22,))


def test_without_lengths_requests_alone_are_compared(tmp_path: Path) -> None:
    found = held_back_from(tmp_path, *[day()] * 4, lengths=False)
    assert [each.what for each in found.measures] == ["requests"]


def test_idle_hours_have_nothing_to_compare_with(tmp_path: Path) -> None:
    """A request every 10,000 s at other times: too few for an idle day to be an outage."""
    days = [day(1e-4)] * 3
    requests = held_back_from(tmp_path, *days, day(0)).measures[0]
    assert (requests.coverage, requests.planned_over_true) == (1.0, float("inf"))


def test_the_days_held_back_are_not_learned_from(tmp_path: Path) -> None:
    """The last day is a hundredfold; the quantile 1 of the others does not know it."""
    requests = held_back_from(tmp_path, *[day()] * 3, day(1000), quantile=1.0).measures[0]
    assert requests.coverage == 0.0
    assert requests.worst_shortfall == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("held_back", "message"),
    [(4, "holds back 4 day(s) needs more than 4 of them"), (9, "holds back 9 day(s) needs more")],
)
def test_too_few_days(tmp_path: Path, held_back: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        held_back_from(tmp_path, *[day()] * 4, held_back_days=held_back)
    assert message in str(caught.value)


def test_days_that_do_not_reach_round_the_day_cannot_be_planned_from(tmp_path: Path) -> None:
    missing: dict[str, Any] = {f"h{hour}": None for hour in range(12, 24)}
    morning = day(**missing)
    with pytest.raises(UsageError, match="do not cover all 24 hours"):
        held_back_from(tmp_path, morning, day(), held_back_days=1)


def test_the_worst_interval_is_told_by_the_clock_of_a_day_on_which_it_changed(
    tmp_path: Path,
) -> None:
    """26 October 2025 in Berlin had 25 hours; noon was busy."""
    begin = datetime(2025, 10, 23)
    rates = [(begin + timedelta(hours=h), 20 if h == 3 * 24 + 12 else 10) for h in range(96)]
    path = tmp_path / "past.csv"
    rows = [f"{stamp.isoformat()},{rate}" for stamp, rate in rates if stamp.isoformat()]
    path.write_text("\n".join(["interval_start,rps", *rows]))
    found = pipeline.demand(
        [str(path)], interval_s=3600, timezone="Europe/Berlin", held_back_days=1
    ).backtest
    assert found is not None
    worst = found.measures[0].worst_start
    assert worst is not None
    assert worst.isoformat() == "2025-10-26T12:00:00+01:00"


@pytest.mark.parametrize(("days", "held_back"), [(2, 1), (5, 1), (6, 2), (9, 3)])
def test_a_third_of_the_days_is_held_back_and_one_at_least(
    tmp_path: Path, days: int, held_back: int
) -> None:
    found = held_back_from(tmp_path, *[day()] * days)
    assert (len(found.held_back), found.trained_days) == (held_back, days - held_back)
    assert len(found.coverage_by_day) == held_back


def test_all_days_but_one_may_be_held_back(tmp_path: Path) -> None:
    found = held_back_from(tmp_path, *[day()] * 4, held_back_days=3)
    assert (found.trained_days, found.intervals) == (1, 72)


def test_output_tokens_are_compared_with_their_own(tmp_path: Path) -> None:
    """Answers of hours 5 and 9 were of 50 and of 20 tokens, not of 10: 4/5 and 1/2 were not
    planned for, and 2,400 of 2,900 a second were."""
    last = day(h5=(10, 100, 50), h9=(10, 100, 20))
    _, inputs, outputs = held_back_from(tmp_path, *[day()] * 3, last).measures
    assert inputs.coverage == 1.0
    assert outputs.coverage == pytest.approx(22 / 24)
    assert outputs.planned_over_true == pytest.approx(2400 / 2900)
    assert outputs.worst_shortfall == pytest.approx(0.8)
    assert outputs.worst_start == datetime(2026, 11, 5, 5, tzinfo=KOLKATA)


def test_growth_to_come_is_not_held_against_the_past(tmp_path: Path) -> None:
    plain, grown = (held_back_from(tmp_path, *[day()] * 4, growth=each) for each in (1.0, 3.0))
    assert grown == plain


def test_days_are_planned_by_their_weekday(tmp_path: Path) -> None:
    """Two weeks at 10 and at 2 on weekends; held back is the last weekend."""
    week = [day()] * 5 + [day(2)] * 2
    apart, alike = (
        held_back_from(tmp_path, *week, *week, held_back_days=2, weekdays=weekdays).measures[0]
        for weekdays in ("weekend", "alike")
    )
    assert apart.planned_over_true == pytest.approx(1.0)
    assert alike.planned_over_true > 2.0


def test_two_hours_of_the_days_before_are_bridged_and_no_more(tmp_path: Path) -> None:
    short = day(h22=None, h23=None)
    assert held_back_from(tmp_path, short, day(), held_back_days=1).intervals == 24
    with pytest.raises(UsageError, match="the days before those held back do not cover"):
        held_back_from(tmp_path, day(h21=None, h22=None, h23=None), day(), held_back_days=1)
