"""`--where`: which requests of a log, or which series of counters, are taken."""

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.steps.opened import ReadOptions, opened
from heteroplan.forecasting.traces.bad_rows import NONE_BAD, BadRowLimit
from tests.forecasting.traces.whole_traces import written

UTC = ZoneInfo("UTC")
COLUMNS = {"timestamp_s": "ts", "isl": "prompt"}
ROWS: list[tuple[int, str | None, int, int]] = [
    (10, "chat", 1, 100),
    (11, "code", 2, 200),
    (12, "chat", 2, 300),
    (13, None, 1, 400),
    (14, "chat", 1, 500),
]
"""Second, model, region and prompt."""
HEADER = "ts,model,region,prompt"


def as_csv(folder: Path) -> Path:
    lines = [f"{ts},{model or ''},{region},{prompt}" for ts, model, region, prompt in ROWS]
    return written(folder, "\n".join([HEADER, *lines]))


def as_json(folder: Path) -> Path:
    rows = [
        {"ts": ts, "model": model, "region": region, "prompt": prompt}
        for ts, model, region, prompt in ROWS
    ]
    return written(folder, gzip.compress("\n".join(map(json.dumps, rows)).encode()))


def as_parquet(folder: Path) -> Path:
    names = HEADER.split(",")
    columns = dict(zip(names, zip(*ROWS, strict=True), strict=True))
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), folder / "t")
    return folder / "t"


def prompts(
    path: Path, where: dict[str, Sequence[str]], limit: BadRowLimit = NONE_BAD
) -> list[int]:
    """Input tokens of what is kept."""
    return read(path, where, limit)[0]


def read(
    path: Path, where: dict[str, Sequence[str]], limit: BadRowLimit = NONE_BAD
) -> tuple[list[int], list[str]]:
    """Input tokens of what is kept, and the notes."""
    options = ReadOptions(
        stamp_zone=UTC,
        columns=COLUMNS,
        start=datetime(2026, 11, 2, tzinfo=UTC),
        where=where,
        bad_rows=limit,
    )
    with opened([str(path)], options) as trace:
        found = [token for each in trace.requests() for token in each.input_tokens.tolist()]
        return found, trace.notes


@pytest.mark.parametrize("form", [as_csv, as_json, as_parquet])
@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ({"model": ["chat"]}, [100, 300, 500]),
        ({"model": ["chat"], "region": ["1"]}, [100, 500]),
        ({"model": ["chat", "code"], "region": ["2"]}, [200, 300]),
        ({"model": [""]}, [400]),
        ({"prompt": ["300"]}, [300]),
        ({"region": ["1", "2"]}, [100, 200, 300, 400, 500]),
    ],
)
def test_requests_with_the_wanted_values_are_kept(
    tmp_path: Path, form: Callable[[Path], Path], where: dict[str, Sequence[str]], wanted: list[int]
) -> None:
    assert prompts(form(tmp_path), where) == wanted


def test_how_many_are_kept_is_told(tmp_path: Path) -> None:
    """Three of five; nothing is told where all are."""
    note = "3 of 5 requests have model=chat; the others are left out"
    assert note in read(as_csv(tmp_path), {"model": ["chat"]})[1]
    assert read(as_csv(tmp_path), {"region": ["1", "2"]})[1] == []


def test_the_lines_of_what_is_kept_stay_those_of_the_file(tmp_path: Path) -> None:
    """The wrong prompt of another model is not looked at, that of line 4 is."""
    path = written(tmp_path, f"{HEADER}\n1,code,1,x\n2,chat,1,5\n3,chat,1,-7\n4,code,1,9\n")
    with pytest.raises(InputError, match=r"trace:4: prompt: -7: not a count of tokens"):
        prompts(path, {"model": ["chat"]})
    assert prompts(path, {"model": ["code"]}, limit=BadRowLimit(count=1)) == [9]
    note = "2 of 4 requests have model=chat; the others are left out"
    assert note in read(path, {"model": ["chat"]}, BadRowLimit(count=1))[1]


def test_what_there_is_instead_is_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        prompts(as_csv(tmp_path), {"model": ["chat-70b"], "region": ["1"]})
    assert str(caught.value).endswith(
        "holds no requests with model=chat-70b and region=1; "
        "there are model=chat (3), model=code (1), model= (1)"
    )


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trace:1: modle: there is no such column; the file has "):
        prompts(as_csv(tmp_path), {"modle": ["chat"]})


def test_dots_lead_into_nested_columns(tmp_path: Path) -> None:
    rows = [
        {"ts": 1, "prompt": 1, "req": {"model": "a"}},
        {"ts": 2, "prompt": 2, "req": {}},
        {"ts": 3, "prompt": 3},
        {"ts": 4, "prompt": 4, "req": {"model": 7}},
    ]
    path = written(tmp_path, "\n".join(map(json.dumps, rows)))
    assert prompts(path, {"req.model": ["a"]}) == [1]
    assert prompts(path, {"req.model": ["7"]}) == [4]
    assert prompts(path, {"req.model": [""]}) == [2, 3]


def test_counts_in_windows_have_no_requests_to_choose_from(tmp_path: Path) -> None:
    path = written(tmp_path, "interval_start,rps\n2026-11-02,1\n")
    with (
        opened([str(path)], ReadOptions(stamp_zone=UTC, where={"model": ["chat"]})) as trace,
        pytest.raises(UsageError, match="no single requests to choose from"),
    ):
        trace.windows()


def series(model: str, values: Sequence[int]) -> dict[str, object]:
    metric = {"__name__": "vllm:request_success_total", "model_name": model}
    pairs = [[1_793_577_600 + 60 * i, str(value)] for i, value in enumerate(values)]
    return {"metric": metric, "values": pairs}


def test_counters_are_taken_by_their_labels(tmp_path: Path) -> None:
    """Of chat 60 requests come in the first minute and 120 in the second."""
    result = [series("chat", [0, 60, 180]), series("code", [0, 7, 9])]
    document = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    path = written(tmp_path, json.dumps(document))
    options = ReadOptions(stamp_zone=UTC, where={"model_name": ["chat"]})
    with opened([str(path)], options) as trace:
        assert trace.windows().requests.tolist() == [60, 120]
        assert "1 of 2 series have model_name=chat; the others are left out" in trace.notes
    with (
        opened([str(path)], ReadOptions(stamp_zone=UTC, where={"model_name": ["x"]})) as trace,
        pytest.raises(InputError, match=r"holds no series with model_name=x; there are model_name"),
    ):
        trace.windows()
