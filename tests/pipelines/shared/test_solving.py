"""What is compiled before a solve is told, and no clock counts it."""

import pytest

from heteroplan import clock
from heteroplan.clock import Clock
from heteroplan.pipelines.shared import solving
from heteroplan.planning import first_use


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes 11 s."""
    now = [100.0]

    def compiling() -> bool:
        now[0] += 11.0
        return True

    monkeypatch.setattr(first_use, "compile_search", compiling)
    monkeypatch.setattr(clock, "_NOT_COUNTED", [])
    for module in (clock, solving):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])


@pytest.mark.parametrize(
    ("kept", "how"),
    [
        (True, "once for this installation"),
        (False, "for this run alone (set NUMBA_CACHE_DIR to a folder that can keep the result)"),
    ],
)
@pytest.mark.usefixtures("slept")
def test_it_is_told_and_not_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kept: bool, how: str
) -> None:
    monkeypatch.setattr(first_use, "is_kept", lambda: kept)
    before = Clock(3.0, began=99.0)
    solving.compile_first()
    after = Clock(3.0, began=111.0)
    told = f"Compiled the search, {how}: 11 s, which do not count against the time limit.\n"
    assert capsys.readouterr() == ("", told)
    assert (before.end, after.end) == (99.0 + 3.0 + 11.0, 111.0 + 3.0)


def test_nothing_is_told_where_nothing_is_compiled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(first_use, "compile_search", lambda: False)
    monkeypatch.setattr(clock, "_NOT_COUNTED", [])
    before = Clock(3.0, began=0.0)
    solving.compile_first()
    assert capsys.readouterr() == ("", "")
    assert before.end == 3.0
