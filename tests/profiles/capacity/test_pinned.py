"""Capacities of before pools, bursts and shares of requests came in, to the digit.

Poisson arrivals at random replicas, stated spreads, and a percentile of TTFT and of each token's
ITL alone: figures are those of commit ea7049d. Aggregated engines are not among them: their steps
are modelled anew.
"""

from typing import Any

import pytest

from heteroplan.entities.workload import DecodeCoefficients, RequestClass, Role
from heteroplan.profiles.capacity.candidates import RULES
from tests.profiles.settings import setting

MIX = (
    RequestClass("short", 0.75, 500.0, 120.0, 0.3, 0.6, context=600.0, context_cv=0.4),
    RequestClass("long", 0.25, 3000.0, 300.0, isl_cv=0.0, context=3300.0, context_cv=0.2),
)
ROOTED = DecodeCoefficients(15.0, 0.1, 0.0001, floor_ms=18.0, ms_per_root_sequence=0.8)
CASES: tuple[tuple[Role, dict[str, Any]], ...] = (
    (Role.DECODE, {"percentile": 0.95}),
    (Role.DECODE, {"percentile": 0.99, "kv_tokens": 60_000}),
    (Role.DECODE, {"percentile": 0.9, "max_sequences": 24}),
    (Role.DECODE, {"percentile": 0.95, "mix": MIX}),
    (Role.DECODE, {"percentile": 0.99, "mix": MIX, "kv_tokens": 80_000}),
    (Role.DECODE, {"percentile": 0.95, "decode": ROOTED, "itl_ms": 30.0}),
    (Role.DECODE, {"percentile": 0.95, "kv_bytes_per_token": 1e6, "bytes_per_s": 4e9}),
    (Role.PREFILL, {"percentile": 0.95, "isl_cv": 0.0}),
    (Role.PREFILL, {"percentile": 0.95}),
    (Role.PREFILL, {"percentile": 0.99, "isl_cv": 0.8}),
    (Role.PREFILL, {"percentile": 0.9, "mix": MIX}),
)
PINNED: tuple[tuple[float, ...], ...] = (
    (10.748830468891175,),
    (6.498652516115437,),
    (3.7332091468803017,),
    (
        22.534603659357302,
        3.3539875213927135,
    ),
    (
        22.402657911794847,
        1.6292842117668982,
    ),
    (6.188871283335832,),
    (4.0,),
    (8.415066349618685,),
    (6.93809696702367,),
    (6.366010745336347,),
    (
        18.175972039478424,
        2.693938712994123,
    ),
)


@pytest.mark.parametrize(("case", "pinned"), list(zip(CASES, PINNED, strict=True)))
def test_capacities_are_those_of_before(
    case: tuple[Role, dict[str, Any]], pinned: tuple[float, ...]
) -> None:
    role, changes = case
    found = [point.capacity_rps for point in RULES[role](setting(role, **changes))]
    assert found == pytest.approx(pinned, rel=1e-9)
