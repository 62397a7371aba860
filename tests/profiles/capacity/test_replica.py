"""What one replica of a fit serves is what a plan counts on, but for KV transfer."""

from math import exp

import pytest

from heteroplan.entities.capacity import Limit
from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    RequestClass,
    Role,
    Source,
    SourceKind,
    Span,
)
from heteroplan.profiles.capacity.replica import Asked, replica_at

ASKED = Asked(
    RequestClass("all", 1.0, 1000.0, 200.0), Slo(1000.0, 50.0, 0.5, 0.5, 0.5, ItlOf.TOKEN)
)


def found(role: Role, kv_tokens: int | None = None, most: int = 64) -> Engine:
    prefill = role is Role.PREFILL
    return Engine(
        name="e",
        role=role,
        gpu="H100-SXM-80GB",
        gpus=4,
        source=Source(SourceKind.FITTED),
        prefill=PrefillCoefficients(0.0, 0.1, 0.0) if prefill else None,
        decode=None if prefill else DecodeCoefficients(20.0, 1.0, 0.0),
        kv_tokens=kv_tokens,
        batch_tokens_range=Span(100, 8000) if prefill else None,
        batch_range=None if prefill else Span(1, most),
        context_range=None if prefill else Span(100, 8000),
    )


def test_decode_at_the_median_is_littles_law() -> None:
    """20 + 30 ms hold 30 sequences; one makes 200 tokens beside 30 others: 30 / (200 x 51 ms)."""
    point = replica_at(found(Role.DECODE), ASKED)
    assert point.capacity_rps == pytest.approx(30 / 10.2)
    assert point.limited_by is Limit.ITL


def test_decode_is_bound_by_kv_memory_and_by_what_was_measured() -> None:
    """12 contexts of 1,100 tokens fit 13,200: 12 / (200 x 33 ms); 10 were measured."""
    point = replica_at(found(Role.DECODE, 13_200), ASKED)
    assert point.capacity_rps == pytest.approx(12 / 6.6)
    assert point.limited_by is Limit.KV_MEMORY
    point = replica_at(found(Role.DECODE, 13_200, most=10), ASKED)
    assert point.capacity_rps == pytest.approx(10 / 6.2)
    assert point.limited_by is Limit.RANGE


def test_prefill_waits_no_longer_than_ttft_allows() -> None:
    """100 ms of prefill and 50 ms of decode leave 850 ms: half wait longer, by `queueing`."""
    point = replica_at(found(Role.PREFILL), ASKED)
    busy = point.capacity_rps / 10.0
    assert busy * exp(-(1 - busy) * 850 / 100) == pytest.approx(0.5)
    assert point.limited_by is Limit.TTFT


def test_what_cannot_be_served_says_why() -> None:
    slow = Asked(ASKED.shape, Slo(1000.0, 10.0, 0.5))
    point = replica_at(found(Role.DECODE), slow)
    assert point.capacity_rps == 0.0
    assert "ITL is 21 ms at batch 1" in point.reason
