"""The cache against one in plain Python, on random prefixes and on Mooncake's trace."""

import gzip
import json
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.forecasting.steps.prefix_cache import PrefixCache
from heteroplan.forecasting.traces.requests import Blocks
from tests.realdata import DATA, needs_data

BLOCK = 512


def blocks_of(requests: Sequence[Sequence[int]]) -> Blocks:
    offsets = np.cumsum([0, *map(len, requests)]).astype(np.int64)
    return Blocks(offsets, np.array([b for r in requests for b in r], np.int64), BLOCK)


def plain(requests: Sequence[Sequence[int]], lengths: Sequence[int], room: int) -> list[int]:
    """Leading blocks found, of a dictionary in the order of use; a request's last leaves first."""
    cache: OrderedDict[int, None] = OrderedDict()
    found = []
    for blocks, length in zip(requests, lengths, strict=True):
        hits = 0
        while hits < len(blocks) and blocks[hits] in cache:
            hits += 1
        found.append(min(hits * BLOCK, length))
        for block in reversed(blocks):
            cache[block] = None
            cache.move_to_end(block)
            if len(cache) > room:
                cache.popitem(last=False)
    return found


def test_blocks_are_found_until_others_push_them_out() -> None:
    """Room for two: 1 2 | 1 2 (both found) | 3 (pushes out 2, the last of its request) | 1 2."""
    requests = [[1, 2], [1, 2], [3], [1, 2]]
    lengths = np.array([1000, 1000, 100, 1000])
    cached = PrefixCache(2).cached_tokens(blocks_of(requests), lengths)
    assert cached.tolist() == [0, 1000, 0, 512]


@given(
    st.lists(st.lists(st.integers(0, 12), max_size=5, unique=True), max_size=30),
    st.integers(0, 15),
    st.integers(0, 30),
)
def test_as_a_cache_in_plain_python_in_whatever_chunks(
    requests: list[list[int]], room: int, cut: int
) -> None:
    lengths = np.array([len(each) * BLOCK - 7 for each in requests], np.int64)
    cache = PrefixCache(room)
    found = [
        *cache.cached_tokens(blocks_of(requests[:cut]), lengths[:cut]),
        *cache.cached_tokens(blocks_of(requests[cut:]), lengths[cut:]),
    ]
    assert found == plain(requests, np.maximum(lengths, 0).tolist(), room)


@needs_data
@pytest.mark.parametrize(
    ("part", "missed"), [(0.0, 1.0), (0.01, 0.9465), (0.1, 0.7156), (1.0, 0.6264)]
)
def test_missed_share_of_mooncake(part: float, missed: float) -> None:
    """Of the input tokens, with a cache of a part of the 182,790 distinct blocks."""
    with gzip.open(DATA / "traces/mooncake_fast25_conversation.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    requests = [row["hash_ids"] for row in rows]
    lengths = [row["input_length"] for row in rows]
    room = round(part * len({block for each in requests for block in each}))
    cached = PrefixCache(room).cached_tokens(blocks_of(requests), np.array(lengths, np.int64))
    assert cached.tolist() == plain(requests, lengths, room)
    assert 1 - cached.sum() / sum(lengths) == pytest.approx(missed, abs=1e-4)
