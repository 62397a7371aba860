"""Short words for tests of the naive simulator: a token is a millisecond of prefill."""

from tests.simulation.naive_case import (
    NaiveDecode,
    NaivePrefill,
    NaiveRequest,
    Outcome,
    PrefillTime,
    StepTime,
)

PREFILL = NaivePrefill(PrefillTime(ms_per_token=1.0))
"""A millisecond a token."""
PREFILL_LATER = NaivePrefill(PREFILL.time, at_start=False)
DECODE = NaiveDecode(StepTime(base_ms=10.0))
"""Ten milliseconds a step."""


def asked(*requests: tuple[float, int, int]) -> tuple[NaiveRequest, ...]:
    """Of (arrival [ms], isl, osl)."""
    return tuple(NaiveRequest(at_ms / 1000.0, isl, osl) for at_ms, isl, osl in requests)


def first_ms(outcome: Outcome) -> list[float]:
    return [each.first_token_s * 1000.0 for each in outcome.requests]


def last_ms(outcome: Outcome) -> list[float]:
    return [each.last_token_s * 1000.0 for each in outcome.requests]


def restarts(outcome: Outcome) -> list[int]:
    return [each.restarts for each in outcome.requests]
