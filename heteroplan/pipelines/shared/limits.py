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
PLAN = {"replay_duration_s": (60.0, 366 * 86_400.0)}
REPLAY = {
    "seed": (0, 2**63 - 1),
    "rate_rps": (1e-6, 1e9),
    "demand_factor": (1e-6, 1e6),
    "duration_s": (1.0, 366 * 86_400.0),
    "concurrency": (1, 10**6),
    "metrics_delay_s": (0.0, 3600.0),
    "jobs": (1, 1024),
    "prefix_cache_tokens": (0, 10**15),
}
STUDY = {
    "seed": REPLAY["seed"],
    "duration_s": (120.0, 86_400.0),
    "jobs": REPLAY["jobs"],
}
CURATE = {**REPLAY, "share": (0.01, 0.99), "trials": (1, 100_000)}
RISK = {
    "samples": (1, 100_000),
    "seed": REPLAY["seed"],
    "jobs": REPLAY["jobs"],
    "steps": (1, 1_000_000),
}
CHECK = {"max_cost_usd": (0.0, 1e15), "jobs": REPLAY["jobs"]}
SWEEP = RISK
COMPARE = {"jobs": REPLAY["jobs"]}
SIZE = {"budget_usd_per_month": (0.0, 1e15)}
