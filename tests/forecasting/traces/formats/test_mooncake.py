import json
from pathlib import Path

import pytest

from heteroplan.errors import InputError
from heteroplan.forecasting.traces.requests import UNKNOWN
from tests.forecasting.traces.whole_traces import batches_of, blocks_of, rows_of, written
from tests.realdata import DATA, needs_data

ROW = '{"timestamp": 27, "input_length": 700, "output_length": 5, "hash_ids": [1, 2]}\n'


def test_stamps_are_milliseconds_and_ids_name_blocks_of_512_tokens(tmp_path: Path) -> None:
    path = written(tmp_path, ROW + ROW.replace("27", "3000").replace("[1, 2]", "[]"))
    assert rows_of(path) == [(27_000, 700, 5), (3_000_000, 700, 5)]
    assert blocks_of(path) == [[1, 2], []]
    assert [each.blocks.tokens for each in batches_of(path) if each.blocks] == [512]


def test_what_aiperf_takes_besides(tmp_path: Path) -> None:
    """Fractional stamps, lengths and ids that lack, and other keys."""
    path = written(
        tmp_path,
        ROW
        + '{"timestamp": 30.25, "session_id": "a", "output_length": 9, "messages": [{"r": 1}]}\n'
        + '{"timestamp": 31, "input_length": 8, "extra": {"x": [1]}, "hash_ids": null}\n',
    )
    assert rows_of(path) == [(27_000, 700, 5), (30_250, UNKNOWN, 9), (31_000, 8, UNKNOWN)]
    assert blocks_of(path) == [[1, 2], [], []]


def test_no_ids_no_blocks(tmp_path: Path) -> None:
    path = written(tmp_path, '{"timestamp": 0, "input_length": 8, "output_length": 1}\n')
    assert [each.blocks for each in batches_of(path)] == [None]


def test_ids_of_64_bits_keep_them(tmp_path: Path) -> None:
    path = written(tmp_path, ROW.replace("[1, 2]", f"[{2**64 - 1}, {2**63}, 7]"))
    assert blocks_of(path) == [[-1, -(2**63), 7]]


@pytest.mark.parametrize("ids", ["7", '{"a": [1]}', '["x"]', "[1, null]", "[1.5]", f"[{2**64}]"])
def test_ids_that_are_none(tmp_path: Path, ids: str) -> None:
    path = written(tmp_path, ROW + ROW.replace("[1, 2]", ids))
    with pytest.raises(InputError, match=r":2: hash_ids: .*not a list of whole numbers"):
        rows_of(path)


def test_bad_rows_are_named_by_line(tmp_path: Path) -> None:
    content = ROW + (
        "\n"
        '{"input_length": 7, "delay": 20}\n'
        "{not json}\n"
        '{"timestamp": -1, "input_length": 1.5, "output_length": true}\n'
        "[1]\n"
    )
    with pytest.raises(InputError) as raised:
        rows_of(written(tmp_path, content))
    assert [(p.line, p.path, p.value, p.remedy) for p in raised.value.problems] == [
        (3, "timestamp", "", "not a time that exists"),
        (4, "", "{not json}", "is no JSON object"),
        (5, "input_length", "1.5", "not a count of tokens"),
        (5, "output_length", "true", "not a count of tokens"),
        (5, "timestamp", "-1", "not a time that exists"),
        (6, "", "[1]", "is no JSON object"),
    ]


def test_a_long_prompt_beside_the_lengths(tmp_path: Path) -> None:
    """The first line is longer than what is looked at, and than a chunk that Arrow parses."""
    row = {"timestamp": 1, "input_length": 2, "output_length": 3, "text": "x" * 3_000_000}
    path = written(tmp_path, json.dumps(row) + "\n" + ROW)
    assert rows_of(path, "mooncake") == [(1000, 2, 3), (27_000, 700, 5)]


@needs_data
def test_the_real_trace() -> None:
    path = DATA / "traces/mooncake_fast25_conversation.jsonl.gz"
    rows = rows_of(path)
    assert len(rows) == 12_031
    assert len(rows) - len({us for us, _, _ in rows}) == 10_851
    assert sum(isl for _, isl, _ in rows) / 12_031 == pytest.approx(12_035, abs=0.5)
    blocks = blocks_of(path)
    assert all(len(ids) == -(-isl // 512) for (_, isl, _), ids in zip(rows, blocks, strict=True))
