"""Speed of the compiled simulator: `python -m tests.benchmarks.replay_speed`.

Requests that it passes a CPU second, one core. By hand; a minute. How long compilation took is
said as well, with an empty cache of numba (`find heteroplan -name '*.nb?' -delete`) or a full one.
`--requests N` is the larger amount.
"""

import argparse
from itertools import product
from time import process_time

import numpy as np

from heteroplan.simulation.events.simulator import ReplicaFacts, Simulator
from heteroplan.simulation.events.world import DECODE, PREFILL
from tests.benchmarks.markdown import header, percent, row
from tests.simulation.events.small_worlds import engine, simulator, stream

SIZES = ((2, 4), (40, 80), (400, 800))
"""Prefill and decode replicas."""
ISL, OSL = 840, 200
"""Mean lengths: of the traces of the Splitwise paper about those of chat."""
BUSY = 0.8
"""Share of the time in which prefill replicas work."""
KV_BYTES = 327_680.0
"""A token: Llama 70B."""
PREFILL_S, TOKEN_S = 0.0146, 0.000087


def case(prefill: int, decode: int, requests: int, seed: int = 0) -> Simulator:
    """Poisson arrivals, prompts of one length, outputs of a gamma distribution."""
    random = np.random.default_rng(seed)
    rate_rps = prefill / (PREFILL_S + TOKEN_S * ISL) * BUSY
    arrival_s = np.cumsum(random.exponential(1.0 / rate_rps, requests))
    osl = np.maximum(1, random.gamma(1.5, OSL / 1.5, requests).round().astype(np.int64))
    first = engine(PREFILL, 1, overhead=PREFILL_S, token=TOKEN_S, square=1.86e-9)
    second: ReplicaFacts = engine(
        DECODE,
        64,
        base=0.0289,
        sequence=0.000262,
        context=8.46e-8,
        kv_tokens=516_000,
        bytes_per_s=50e9,
    )
    return simulator(
        stream(arrival_s, np.full(requests, ISL), osl),
        [first] * prefill + [second] * decode,
        kv_bytes=KV_BYTES,
    )


def cpu_s(made: Simulator) -> float:
    """Of the whole simulation [s]."""
    began_s = process_time()
    made.run(float(made.world.requests["arrival"].max()) + 1000.0)
    return process_time() - began_s


def table(most: int) -> None:
    """A row a size and amount of requests."""
    began_s = process_time()
    cpu_s(case(2, 4, 100))
    header(
        "Simulated requests",
        f"One policy, one core; compilation or its cache took {process_time() - began_s:.1f} s "
        f"before. Poisson arrivals that keep prefill busy for {percent(BUSY)} of the time, "
        f"{ISL} tokens in, {OSL} out on average. The least of three times.",
        ("prefill + decode replicas", "requests", "CPU s", "requests a CPU s", "events a request"),
    )
    for (prefill, decode), requests in product(SIZES, (most // 10, most)):
        made = [case(prefill, decode, requests) for _ in range(3)]
        least_s = min(cpu_s(each) for each in made)
        row(
            f"{prefill} + {decode}",
            f"{requests:,}",
            f"{least_s:.2f}",
            f"{requests / least_s:,.0f}",
            f"{made[0].events / requests:.1f}",
        )


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--requests", type=int, default=1_000_000)
    table(options.parse_args().requests)
