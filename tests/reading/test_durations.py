import pytest

from heteroplan.reading.durations import parse_duration_s, written_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300s", 300), ("5min", 300), ("15m", 900), ("1h", 3600), ("2 h", 7200), ("1d", 86_400)],
)
def test_a_number_and_a_unit_is_that_many_seconds(text: str, seconds: int) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "30s"), (5400, "90min"), (7200, "2h"), (365 * 86_400, "365d")]
)
def test_a_duration_is_written_as_it_is_read(seconds: int, text: str) -> None:
    assert written_duration(seconds) == text
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "15", "min", "-5min", "1.5h", "0s", "5 parsec", "1h30min", "٣s"]
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write a whole number and s, min, h or d, such as 15min"):
        parse_duration_s(text)


@pytest.mark.parametrize("text", ["-5min", "0s"])
def test_a_duration_that_is_not_more_than_0_is_told_as_that(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not more than 0; write a whole number and s, min, h"):
        parse_duration_s(text)
