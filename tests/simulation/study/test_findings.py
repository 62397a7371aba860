"""HeteroScale's findings, on curves made by hand."""

from typing import Any

import numpy as np
import pytest

from heteroplan.simulation.study.findings import findings
from heteroplan.simulation.study.results import Finding, Verdict
from heteroplan.simulation.study.sweep import LOADS
from tests.signal_studies import cache, made_curves

X = np.array(LOADS)
BUSY, FLOOR, TTFT, TBT, DECODE, PREFILL, CACHED = range(7)


def found(index: int, **values: Any) -> Finding:
    return findings(X, made_curves(**values), cache(), 0.2)[index]


def test_decode_gpus_that_stay_busy() -> None:
    assert found(BUSY, decode_gpu_utilization=np.maximum(X, 0.93)).verdict is Verdict.REPRODUCED
    idle = found(BUSY, decode_gpu_utilization=np.where(X < 0.55, 0.92, 1.0))
    assert idle.verdict is Verdict.NOT_REPRODUCED
    assert idle.here == "0.920 to 1.000 from half to full load; 0.920 at 10 % load"


def test_what_was_put_in_does_not_count() -> None:
    for values in (np.full(len(X), 0.78), X):
        assert found(FLOOR, decode_sm_activity=values).verdict is Verdict.ASSUMED


@pytest.mark.parametrize(("index", "signal"), [(TTFT, "ttft_ms"), (TBT, "itl_ms")])
def test_a_cliff_is_a_step_that_doubles_what_was_flat(index: int, signal: str) -> None:
    flat = 200.0 + X
    cliff = np.where(X > 1.25, 10 * flat, flat)
    made = found(index, **{signal: cliff})
    assert made.verdict is Verdict.REPRODUCED
    assert "times 10 from 120 % load to 130 % load" in made.here
    never = found(index, **{signal: flat})
    assert never.verdict is Verdict.NOT_REPRODUCED
    assert "no step of load doubles it up to 200 % load" in never.here
    assert found(index, **{signal: 100 * X}).verdict is Verdict.NOT_REPRODUCED


def test_tps_tracks_load() -> None:
    assert found(DECODE).verdict is Verdict.REPRODUCED
    bent = np.minimum(X, 0.7)
    assert found(PREFILL, prefill_tokens_per_s=bent).verdict is Verdict.NOT_REPRODUCED


def test_only_missed_tokens_count_where_the_others_mislead() -> None:
    curves = made_curves()
    for missed, every, verdict in (
        (1.0, 0.7, Verdict.REPRODUCED),
        (1.0, 0.99, Verdict.NOT_REPRODUCED),
        (0.9, 0.7, Verdict.NOT_REPRODUCED),
    ):
        assert findings(X, curves, cache(missed, every), 0.2)[CACHED].verdict is verdict
