"""Least and most of options that nothing else checks: of keywords and on the command line."""

from datetime import date

MOST_TOKENS = 1e9
"""Of a request, in or out."""
LATENCY_MS = (1e-12, 1e12)

DEMAND = {
    "first_day": (date(1970, 1, 1), date(2199, 12, 31)),
    "days": (1, 366),
    "prefix_cache_tokens": (0, 10**15),
    "held_back_days": (1, 10_000),
}
FIT = {
    "tp": (1, 10_000),
    "layers": (1, 10_000),
    "context_tokens": (1, MOST_TOKENS),
    "ttft_ms": LATENCY_MS,
    "itl_ms": LATENCY_MS,
    "max_sequences": (1, 10**6),
    "max_batch_tokens": (1, 10**7),
}
