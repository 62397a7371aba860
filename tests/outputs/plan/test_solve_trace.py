import json
from pathlib import Path

import pytest

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.solve_trace import SolveTrace


def lines(path: Path) -> list[dict[str, float | None]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_there_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    with SolveTrace(path) as trace:
        assert path.read_text() == ""
        trace.update(None, 0.0, 0.0123)
        assert path.read_text() == '{"seconds": 0.012, "incumbent": null, "bound": 0.0}\n'
        trace.update(12.5, 10.25, 1.0)
        assert lines(path)[1:] == [{"seconds": 1.0, "incumbent": 12.5, "bound": 10.25}]


def test_what_did_not_change_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    with SolveTrace(path) as trace:
        for seconds, (incumbent, bound) in enumerate(
            [(None, 0.0), (None, 0.0), (9.0, 0.0), (9.0, 4.0), (9.0, 4.0), (8.0, 4.0)]
        ):
            trace.update(incumbent, bound, float(seconds))
    assert [line["seconds"] for line in lines(path)] == [0, 2, 3, 5]


def test_an_older_trace_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("old\n" * 100)
    with SolveTrace(path) as trace:
        trace.update(1.0, 1.0, 0.0)
    assert len(lines(path)) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "Is a directory"), ("absent/trace.jsonl", "No such file or directory")],
)
def test_a_file_that_cannot_be_written_is_told_at_once(
    tmp_path: Path, name: str, reason: str
) -> None:
    path = tmp_path / name
    with pytest.raises(UsageError) as told, SolveTrace(path):
        pass
    assert str(told.value) == f"{path}: cannot be written: {reason}"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_file_that_takes_no_more_is_told_when_asked() -> None:
    """The solve goes on without it."""
    with SolveTrace(Path("/dev/full")) as trace:
        trace.check()
        trace.update(2.0, 1.0, 0.0)
        trace.update(1.0, 1.0, 1.0)
    with pytest.raises(UsageError, match="/dev/full: cannot be written: No space left"):
        trace.check()
