"""Days of UTC although the stamps carry another offset."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from heteroplan.forecasting.steps.steps import TraceOptions, read_steps
from heteroplan.forecasting.steps.zones import zone_note

UTC = ZoneInfo("UTC")
JUNE_S, NOVEMBER_S = 1_780_272_000, 1_793_577_600
"""2026-06-01 and 2026-11-02 [Unix s]."""


@pytest.mark.parametrize(
    ("offsets", "zone", "moment_s", "example"),
    [
        (("+02:00",), "UTC", JUNE_S, "such as Europe/Berlin"),
        (("+01:00",), "UTC", NOVEMBER_S, "such as Europe/Berlin"),
        (("+05:30",), "UTC", NOVEMBER_S, "such as Asia/Kolkata"),
        (("-04:00", "-05:00"), "Etc/UTC", JUNE_S, "such as America/New_York"),
        (("+13:45",), "UTC", JUNE_S, "the one of the users, by its IANA name"),
        (("Europe/Paris",), "UTC", JUNE_S, "such as Europe/Paris"),
    ],
)
def test_the_note_names_a_zone_of_that_offset(
    offsets: tuple[str, ...], zone: str, moment_s: int, example: str
) -> None:
    note = zone_note(offsets, ZoneInfo(zone), moment_s)
    assert note == (
        f"stamps carry {' and '.join(offsets)}, but days and weekdays are those of UTC; "
        f"give --timezone, {example}"
    )


@pytest.mark.parametrize(("offsets", "zone"), [((), "UTC"), (("+02:00",), "Europe/Berlin")])
def test_there_is_no_note_without_offsets_and_in_another_zone(
    offsets: tuple[str, ...], zone: str
) -> None:
    assert zone_note(offsets, ZoneInfo(zone), JUNE_S) == ""


def notes(folder: Path, stamp: str, *, zone_given: bool = False, as_json: bool = False) -> str:
    """Of requests at one moment."""
    path = folder / "trace"
    row = f'{{"ts": "{stamp}", "isl": 5}}' if as_json else f'"{stamp}",5'
    path.write_text("\n".join([*([] if as_json else ["ts,isl"]), row, row]))
    options = TraceOptions(
        step_s=300,
        zone=UTC,
        stamp_zone=UTC,
        columns={"timestamp": "ts", "isl": "isl"},
        zone_given=zone_given,
    )
    return " ".join(read_steps([str(path)], options).notes)


@pytest.mark.parametrize("as_json", [False, True])
def test_stamps_tell_their_offset(tmp_path: Path, as_json: bool) -> None:
    carried = "stamps carry +02:00, but days"
    for stamp in ("2026-06-01T08:00:00+02:00", "2026-06-01 08:00:00.5+0200", "2026-06-01 08:00+02"):
        assert carried in notes(tmp_path, stamp, as_json=as_json), stamp
        assert "stamps carry" not in notes(tmp_path, stamp, zone_given=True, as_json=as_json)
    for stamp in ("2026-06-01T08:00:00Z", "2026-06-01T08:00:00+00:00", "2026-06-01 08:00:00"):
        assert "stamps carry" not in notes(tmp_path, stamp, as_json=as_json), stamp


def test_our_own_table_tells_its_offset_too(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv"
    path.write_text("interval_start,rps\n2026-06-01T00:00+02:00,1\n2026-06-01T01:00+02:00,1\n")
    found = read_steps([str(path)], TraceOptions(step_s=300, zone=UTC, stamp_zone=UTC)).notes
    assert any("stamps carry +02:00" in each for each in found)
