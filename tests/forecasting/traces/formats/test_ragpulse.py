from pathlib import Path

import pytest

from heteroplan.errors import InputError
from tests.forecasting.traces.whole_traces import batches_of, rows_of, written
from tests.realdata import DATA, needs_data

ROW = '{"timestamp": "82", "input_length": 31, "output_length": 2, "hash_ids": {"history": [1]}}\n'


def test_stamps_are_seconds_in_texts_and_blank_lines_are_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, ROW + "\n" + ROW.replace("82", "93.5") + "\n\n")
    assert rows_of(path) == [(82_000_000, 31, 2), (93_500_000, 31, 2)]


def test_ids_of_components_are_no_blocks_and_that_is_said(tmp_path: Path) -> None:
    notes: list[str] = []
    (batch,) = batches_of(written(tmp_path, ROW), notes=notes)
    assert batch.blocks is None
    assert [note.split(" name")[0] for note in notes] == ["RAGPulse's hash_ids"]


def test_a_stamp_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=":2: timestamp: noon: not a time that exists"):
        rows_of(written(tmp_path, ROW + ROW.replace("82", "noon")))


@needs_data
def test_the_real_trace_keeps_its_order_and_its_clock_that_starts_again() -> None:
    stamps = [us for us, _, _ in rows_of(DATA / "traces/ragpulse_week.jsonl.gz")]
    assert len(stamps) == 7106
    back = [row for row in range(1, 7106) if stamps[row] < stamps[row - 1]]
    assert back == [3800]
