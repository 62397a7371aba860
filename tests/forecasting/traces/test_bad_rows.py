"""Bad rows that are left out: what remains is what the file without them holds."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from heteroplan.errors import InputError
from heteroplan.forecasting.steps.opened import ReadOptions, opened
from heteroplan.forecasting.traces.bad_rows import BadRowLimit, BadRows, parse_limit
from heteroplan.forecasting.traces.formats import mooncake
from heteroplan.forecasting.traces.source import open_trace
from heteroplan.forecasting.traces.trace_format import AskedOfTrace

LINES = [
    json.dumps(
        {"timestamp": i * 1000, "input_length": 600 + i, "output_length": 5, "hash_ids": [1, i]}
    )
    for i in range(9)
]
CUT_OFF = LINES[0][:30]


def read(path: Path, limit: BadRowLimit) -> tuple[list[object], BadRows]:
    """Requests with their block ids, and the bad rows."""
    asked = AskedOfTrace(ZoneInfo("UTC"), bad_rows=BadRows(limit))
    found: list[object] = []
    assert mooncake.FORMAT.requests is not None
    with open_trace(str(path)) as source:
        for some in mooncake.FORMAT.requests(source, asked):
            assert some.blocks is not None
            ids, edges = some.blocks.ids.tolist(), some.blocks.offsets.tolist()
            lists = [ids[a:b] for a, b in pairwise(edges)]
            found += zip(some.arrival_us.tolist(), some.input_tokens.tolist(), lists, strict=True)
    return found, asked.bad_rows


def test_requests_and_their_blocks_are_those_of_the_good_rows(tmp_path: Path) -> None:
    """A count that is none, ids that are none, no object, and a last line that is cut off."""
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text("\n".join(LINES))
    spoilt = [
        *LINES[:2],
        LINES[2].replace("602", "-602"),
        LINES[3].replace("[1, 3]", '[1, "x", 3]'),
        "17",
        *LINES[2:],
        CUT_OFF,
    ]
    bad.write_text("\n".join(spoilt))
    rows, counted = read(bad, BadRowLimit(count=4))
    assert rows == read(good, BadRowLimit(count=0))[0]
    assert (counted.bad, counted.rows) == (4, 13)
    with pytest.raises(InputError, match="4 of 13 rows are bad so far"):
        read(bad, BadRowLimit(count=3))


def test_a_share_is_of_all_files_of_the_trace(tmp_path: Path) -> None:
    """One bad row of 10, then 9 good ones: 5.3 % of 19, but 10 % of the first file."""
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    first.write_text("\n".join([*LINES, CUT_OFF]))
    second.write_text("\n".join(LINES))

    def requests(share: float) -> int:
        options = ReadOptions(
            stamp_zone=ZoneInfo("UTC"),
            start=datetime(2026, 11, 2, tzinfo=UTC),
            bad_rows=BadRowLimit(share=share),
        )
        with opened([str(first), str(second)], options) as trace:
            return sum(len(each.moments_us) for each in trace.requests())

    assert requests(0.06) == 18
    with pytest.raises(InputError, match=r"1 of 19 rows are bad \(5.3 %\)"):
        requests(0.05)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (0, BadRowLimit(count=0)),
        ("100", BadRowLimit(count=100)),
        ("0.1%", BadRowLimit(share=0.001)),
        ("0 %", BadRowLimit(share=0.0)),
    ],
)
def test_a_limit_is_a_count_or_a_share(text: int | str, limit: BadRowLimit) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", [-1, "-1", "1.5", "100%", "120%", "all", "", "٣"])
def test_what_is_no_limit_says_what_to_write(text: int | str) -> None:
    with pytest.raises(ValueError, match=r"write 100 or 0\.1%"):
        parse_limit(text)
