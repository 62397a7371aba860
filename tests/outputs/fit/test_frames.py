from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import PrefillCoefficients, Role, Source, SourceKind, Span
from heteroplan.outputs.fit.frames import engines_frame, points_frame
from heteroplan.profiles.fitting.fit import Mark
from heteroplan.profiles.fitting.fitted import Fitted
from tests.outputs.fit.test_text import ENGINE, LINE

DECODE = replace(
    ENGINE,
    source=Source(SourceKind.FITTED, error_mape=0.021, points=20),
    kv_tokens=480_000,
    batch_range=Span(1, 64),
)
PREFILL = replace(
    ENGINE,
    name="h100-tp4-prefill",
    role=Role.PREFILL,
    decode=None,
    prefill=PrefillCoefficients(18.0, 0.05, 0.0),
    batch_tokens_range=Span(128, 8192),
)


def test_an_engine_is_a_row_with_its_own_coefficients_and_range() -> None:
    prefill, decode = engines_frame([Fitted(PREFILL, ()), Fitted(DECODE, (LINE,))]).to_dict(
        "records"
    )

    def known(row: Mapping[Hashable, Any]) -> set[Hashable]:
        return {name for name, value in row.items() if pd.notna(value)}

    assert (decode["decode_base_ms"], decode["decode_ms_per_sequence"]) == (20.0, 0.1)
    assert (decode["least_batch_sequences"], decode["most_batch_sequences"]) == (1.0, 64.0)
    assert (decode["error_mape"], decode["points"], decode["kv_tokens"]) == (0.021, 20, 480_000)
    assert (prefill["prefill_overhead_ms"], prefill["most_batch_tokens"]) == (18.0, 8192.0)
    assert not {"prefill_overhead_ms", "ttft_base_ms", "most_batch_tokens"} & known(decode)
    assert not {"decode_base_ms", "kv_tokens", "error_mape"} & known(prefill)


def test_what_a_replica_serves_has_columns_where_it_was_asked_for() -> None:
    point = OperatingPoint(12.5, Limit.ITL, batch=31.0, utilization=0.9, itl_ms=58.0)
    fitted = [Fitted(DECODE, (LINE,))]
    [row] = engines_frame(fitted, [point]).to_dict("records")
    assert (row["capacity_rps"], row["itl_ms"], row["limited_by"]) == (12.5, 58.0, "itl")
    assert "capacity_rps" not in engines_frame(fitted)


def test_a_measured_setting_is_a_row_with_its_error() -> None:
    """22 ms where 20 ms were measured are a tenth too much, 19 ms a twentieth too little."""
    marks = (Mark(1.0, "512 tokens", 20.0, 22.0), Mark(8.0, "512 tokens", 20.0, 19.0))
    frame = points_frame([Fitted(DECODE, (replace(LINE, marks=marks),))])
    assert frame["work"].tolist() == [1.0, 8.0]
    assert frame["error"].tolist() == pytest.approx([0.1, -0.05])
    assert set(frame["engine"]) == {"h100-tp4-decode"}
    assert set(frame["work_unit"]) == {"sequences of a step"}
    assert points_frame([Fitted(DECODE, ())]).empty
