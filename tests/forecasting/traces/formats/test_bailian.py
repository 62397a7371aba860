from pathlib import Path

from tests.forecasting.traces.whole_traces import batches_of, blocks_of, rows_of, written

ROW = (
    '{"chat_id": 159, "parent_chat_id": -1, "timestamp": 61.114, "input_length": 30, '
    '"output_length": 5, "type": "text", "turn": 1, "hash_ids": [1089, 1090]}\n'
)


def test_stamps_are_seconds_and_ids_name_blocks_of_16_tokens(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    assert rows_of(path) == [(61_114_000, 30, 5)]
    assert blocks_of(path) == [[1089, 1090]]
    assert [each.blocks.tokens for each in batches_of(path) if each.blocks] == [16]
