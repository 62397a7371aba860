"""Coefficients from a log of requests: one request by hand, an engine found again."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    Role,
    Source,
    SourceKind,
)
from heteroplan.simulation.engine_logs.engine_fit import fitted_engine, replayed
from heteroplan.simulation.engine_logs.request_log import RequestLog, latency_errors

ENGINE = Engine(
    name="whole",
    role=Role.AGGREGATED,
    gpu="H100",
    gpus=1,
    source=Source(SourceKind.MODELLED),
    prefill=PrefillCoefficients(10.0, 0.1, 1e-6),
    decode=DecodeCoefficients(12.0, 0.1, 1e-4),
    kv_tokens=20_000,
    max_sequences=64,
    max_batch_tokens=2048,
)


def sent(arrival_s: list[float], isl: list[int], osl: list[int]) -> RequestLog:
    """Requests of which nothing was measured yet."""
    nothing = np.full(len(isl), np.nan)
    return RequestLog(np.array(arrival_s), np.array(isl), np.array(osl), nothing, nothing)


def drawn(requests: int) -> RequestLog:
    """At ten a second, of mean 600 tokens in and 200 out: more than `ENGINE` serves."""
    random = np.random.default_rng(4)
    arrival_s = np.cumsum(random.exponential(0.1, requests))
    isl = 100 + random.integers(0, 1000, requests)
    return sent(
        list(arrival_s - arrival_s[0]), list(isl), list(random.integers(100, 300, requests))
    )


def test_lone_request() -> None:
    """3000 tokens in chunks of 2048 and 952, each with the overhead; then two steps of 12.1 ms and

    a ten-thousandth a token of context, 3001 and 3002.
    """
    log = replayed(sent([0.0], [3000], [3]), ENGINE)
    assert log.ttft_s * 1000.0 == pytest.approx([10.0 + 10.0 + 300.0 + 9.0])
    assert log.tpot_s * 1000.0 == pytest.approx([12.1 + 0.30015])
    assert log.e2e_s == pytest.approx(log.ttft_s + 2 * log.tpot_s)


def test_an_engine_is_found_again() -> None:
    """From coefficients a third off: the second half of its requests within 2 %."""
    log = replayed(drawn(160), ENGINE)
    assert ENGINE.prefill is not None
    assert ENGINE.decode is not None
    stated = replace(
        ENGINE,
        prefill=PrefillCoefficients(7.0, 0.13, 1e-6),
        decode=DecodeCoefficients(16.0, 0.1, 7e-5),
    )
    before, after = (
        replayed(log, each).part(80, 160) for each in (stated, fitted_engine(log, stated, seen=80))
    )
    for name in ("ttft_s", "tpot_s", "e2e_s"):
        measured = getattr(log.part(80, 160), name)
        assert abs(latency_errors(measured, getattr(before, name)).mean) > 0.15
        assert abs(latency_errors(measured, getattr(after, name)).mean) < 0.02


def test_what_is_not_seen_does_not_count() -> None:
    """Only their lengths and arrivals do."""
    log = replayed(drawn(40), ENGINE)
    late = np.where(np.arange(40) < 20, 1.0, 3.0)
    other = replace(
        log, last_token_s=log.first_token_s + late * (log.last_token_s - log.first_token_s)
    )
    assert fitted_engine(log, ENGINE, seen=20) == fitted_engine(other, ENGINE, seen=20)


def test_a_coefficient_of_zero_stays() -> None:
    linear = replace(ENGINE, prefill=PrefillCoefficients(10.0, 0.1, 0.0))
    found = fitted_engine(replayed(drawn(20), ENGINE), linear)
    assert found.prefill is not None
    assert found.prefill.ms_per_token_squared == 0.0
    assert found.prefill.ms_per_token != 0.1


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (replace(ENGINE, role=Role.DECODE), "is not aggregated"),
        (replace(ENGINE, prefill=None), "lacks coefficients"),
        (replace(ENGINE, kv_tokens=299), "300 tokens does not fit"),
    ],
)
def test_what_cannot_be_fitted(engine: Engine, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replayed(sent([0.0], [200], [100]), engine)
