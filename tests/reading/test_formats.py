import pytest

from heteroplan.errors import UsageError
from heteroplan.forecasting.traces.formats import FORMATS as TRACES
from heteroplan.forecasting.traces.trace_format import TraceFormat
from heteroplan.profiles.readers.formats import FORMATS as MEASUREMENTS
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.reading.formats import Formats, check_unique
from tests.formats import add_format


def test_every_name_leads_to_a_format() -> None:
    assert all(isinstance(each, TraceFormat) for each in TRACES.values())
    assert all(isinstance(each, MeasurementFormat) for each in MEASUREMENTS.values())


def test_a_format_is_a_module_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    formats: Formats[str] = Formats("letter", "letters", {})
    assert list(formats) == []
    add_format(monkeypatch, formats, "a", "the format a")
    add_format(monkeypatch, formats, "b", "the format b")
    assert dict(formats) == {"a": "the format a", "b": "the format b"}
    assert len(formats) == 2
    assert formats.help == "a or b; default: by what is in the file."


def test_a_name_that_is_not_known_is_told_the_others() -> None:
    formats: Formats[str] = Formats("letter", "letters", {"a": "a", "b": "b"})
    formats.check(None)
    formats.check("b")
    with pytest.raises(UsageError, match=r"^unknown letter format 'c'; known are a, b$"):
        formats.check("c")


def test_what_fits_several_is_not_guessed() -> None:
    check_unique("f", [])
    check_unique("f", ["a"])
    with pytest.raises(UsageError, match=r"^f may be a or b: say which with --format a$"):
        check_unique("f", ["a", "b"])
