"""Engines and settings for tests of capacity: every argument has a default.

The percentile is that of TTFT and of ITL, each alone.
"""

from heteroplan.entities.arrivals import POISSON, Arrivals
from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    RequestClass,
    Role,
    Routing,
    Source,
    SourceKind,
    Span,
    TtftCoefficients,
)
from heteroplan.profiles.capacity.setting import Setting

PREFILL = PrefillCoefficients(overhead_ms=10.0, ms_per_token=0.09, ms_per_token_squared=0.0)
"""1,000 tokens take 100 ms."""
DECODE = DecodeCoefficients(base_ms=20.0, ms_per_sequence=0.1, ms_per_context_token=0.0001)
"""At a context of 1,100 tokens a sequence adds 0.1 + 0.11 = 0.21 ms."""


def setting(
    role: Role,
    *,
    prefill: PrefillCoefficients = PREFILL,
    decode: DecodeCoefficients = DECODE,
    isl: float = 1000.0,
    osl: float = 200.0,
    prefix_hit_rate: float = 0.0,
    ttft_ms: float = 1000.0,
    itl_ms: float = 41.0,
    percentile: float = 0.5,
    kv_tokens: int | None = None,
    batch_tokens: Span | None = None,
    batch: Span | None = None,
    context: Span | None = None,
    kv_in_use: Span | None = None,
    bytes_per_s: float = 1e9,
    kv_bytes_per_token: float = 0.0,
    allow_extrapolation: bool = False,
    isl_cv: float | None = None,
    max_sequences: int | None = None,
    ttft: TtftCoefficients | None = None,
    mix: tuple[RequestClass, ...] = (),
    servers: int = 1,
    routing: Routing = Routing.RANDOM,
    arrivals: Arrivals = POISSON,
    itl_of: ItlOf = ItlOf.TOKEN,
) -> Setting:
    engine = Engine(
        name="e",
        role=role,
        gpu="H100",
        gpus=4,
        source=Source(SourceKind.FITTED),
        prefill=prefill,
        decode=decode,
        kv_tokens=kv_tokens,
        max_sequences=max_sequences,
        ttft=ttft,
        batch_tokens_range=batch_tokens,
        batch_range=batch,
        context_range=context,
        kv_tokens_range=kv_in_use,
    )
    return Setting(
        engine=engine,
        mix=mix
        or (RequestClass("default", 1.0, isl, osl, prefix_hit_rate, isl_cv, context_cv=0.0),),
        slo=Slo(ttft_ms, itl_ms, percentile, percentile, percentile, itl_of),
        bytes_per_s=bytes_per_s,
        kv_bytes_per_token=kv_bytes_per_token,
        allow_extrapolation=allow_extrapolation,
        servers=servers,
        routing=routing,
        arrivals=arrivals,
    )
