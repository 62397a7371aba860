"""Capacity of aggregated engines beside replay: `python -m tests.benchmarks.aggregated_capacity`.

By hand; some minutes. One replica (`--servers` for a pool, `--routing`), Poisson arrivals, requests
that meet TTFT and ITL both. Lengths are those of recorded traces, drawn one by one, or of gamma
distributions; engines prefill one prompt a step or chunks.
"""

import argparse
import csv
import gzip
import json
from dataclasses import replace
from itertools import product
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    RequestClass,
    Role,
    Routing,
    Source,
    SourceKind,
)
from heteroplan.profiles.capacity.aggregated import aggregated_points
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.targets import rate_rps
from heteroplan.simulation.events.simulator import (
    GroupFacts,
    ReplicaFacts,
    Simulator,
    SimulatorOptions,
    WorkloadFacts,
)
from heteroplan.simulation.events.world import AGGREGATED
from heteroplan.simulation.replicas.engine_numbers import UNBOUNDED, coefficients_s
from heteroplan.simulation.requests import RequestStream
from tests.benchmarks.markdown import header, row

type Lengths = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Input and output tokens [request]."""

TRACES = Path("../shared/data/traces")
MOST_TOKENS = 16_384
ENGINES = {
    "fast": (PrefillCoefficients(5.0, 0.05, 1e-7), DecodeCoefficients(12.0, 0.05, 4e-5)),
    "slow": (PrefillCoefficients(10.0, 0.12, 1e-6), DecodeCoefficients(20.0, 0.2, 1e-4)),
}
CHUNKS = (None, 512, 2048, 8192)
SLOS = (Slo(1000, 40, 0.95), Slo(2000, 60, 0.95), Slo(4000, 100, 0.9))


def azure() -> Lengths:
    """Of the Azure code trace of 2023."""
    with (TRACES / "azure_llm_2023_code.csv").open() as file:
        rows = [(int(r["ContextTokens"]), int(r["GeneratedTokens"])) for r in csv.DictReader(file)]
    return _kept(rows)


def mooncake() -> Lengths:
    """Of Mooncake's conversations, without prompts and answers of more than 16,384 tokens."""
    with gzip.open(TRACES / "mooncake_fast25_conversation.jsonl.gz") as file:
        found = [json.loads(line) for line in file]
    return _kept([(each["input_length"], each["output_length"]) for each in found])


def drawn(isl: float, osl: float, isl_cv: float, osl_cv: float) -> Lengths:
    """Of gamma distributions."""
    random = np.random.default_rng(0)

    def lengths(mean: float, cv: float) -> NDArray[np.int64]:
        numbers = mean * random.gamma(1 / cv**2, cv**2, 20_000)
        return np.maximum(1, np.rint(numbers)).astype(np.int64)

    return lengths(isl, isl_cv), lengths(osl, osl_cv)


def _kept(rows: list[tuple[int, int]]) -> Lengths:
    isl, osl = np.maximum(1, np.array(rows, np.int64)).T
    short = isl + osl <= MOST_TOKENS
    return isl[short], osl[short]


def classes(lengths: Lengths, cuts: tuple[int, ...], few: bool) -> tuple[RequestClass, ...]:
    """As `demand` has them, with classes that begin at `cuts` and, if `few`, one of osl to 15."""
    found = []
    of = np.searchsorted(np.array(cuts), lengths[0], side="right")
    if few:
        of[lengths[1] < 16] = len(cuts) + 1
    for number in range(len(cuts) + 1 + few):
        isl, osl = (each[of == number].astype(float) for each in lengths)
        own = isl + osl / 2
        context = float(osl @ own / osl.sum())
        spread = float(osl @ ((own - context) ** 2 + osl**2 / 12) / osl.sum())
        found.append(
            RequestClass(
                f"c{number}",
                len(isl) / len(of),
                float(isl.mean()),
                float(osl.mean()),
                isl_cv=float(isl.std() / isl.mean()),
                context=context,
                context_cv=spread**0.5 / context,
                osl_cv=float(osl.std() / osl.mean()),
            )
        )
    return tuple(found)


CASES = {
    "Azure code": (azure, (1447, 2500, 4096), False),
    "Mooncake": (mooncake, (2048, 5800), True),
    "chat": (lambda: drawn(1000, 200, 0.7, 0.7), (), False),
    "conversation": (lambda: drawn(1155, 211, 0.96, 0.77), (), False),
    "short answers": (lambda: drawn(2000, 10, 1.0, 1.0), (), False),
    "long answers": (lambda: drawn(250, 1500, 1.0, 1.0), (), False),
}


def met(setting: Setting, lengths: Lengths, rps: float, requests: int) -> float:
    """Share of the requests that meet both targets at a rate of the pool."""
    random, engine = np.random.default_rng(1), setting.engine
    at = np.cumsum(random.exponential(1 / rps, requests))
    chosen = random.integers(0, len(lengths[0]), requests)
    isl, osl = lengths[0][chosen], lengths[1][chosen]
    nothing = np.zeros(requests, np.int64)
    stream = RequestStream(("w",), float(at[-1]) + 1.0, nothing, at, isl, nothing, osl)
    facts = WorkloadFacts(0.0, True, dict.fromkeys(Role, setting.routing))
    simulator = Simulator(
        stream, nothing > 0, [facts], [GroupFacts(0, False, True)], 1, np.ones((1, 1)),
        SimulatorOptions(seed=1),
    )  # fmt: skip
    fields = {"capacity": 1.0, "in_flight": 1.0, "bytes_per_s": inf}
    fields |= {"batch_tokens": engine.max_batch_tokens or 0}
    fields |= dict.fromkeys(("in_time", "kv_tokens"), UNBOUNDED)
    fields |= coefficients_s(engine)
    for _ in range(setting.servers):
        simulator.start(ReplicaFacts(AGGREGATED, 0, 0, 4096, fields), 0, 0, 0.0)
    simulator.run(float(at[-1]) + 1e6)
    table = simulator.table()
    ttft_ms = 1000.0 * (table.first_token_s - at)
    itl_ms = 1000.0 * (table.last_token_s - table.first_token_s) / np.maximum(1, osl - 1)
    in_time = (ttft_ms <= setting.slo.ttft_ms) & (itl_ms <= setting.slo.itl_ms)
    return float(in_time[requests // 20 :].mean())


def simulated_rps(setting: Setting, lengths: Lengths, near_rps: float, requests: int) -> float:
    """Greatest rate a replica at which the percentile of the requests meet both, to 1.5 %."""
    low, high = 0.0, max(near_rps, 0.02)
    while met(setting, lengths, high * setting.servers, requests) >= setting.slo.percentile:
        low, high = high, 1.5 * high
    while high > 1.015 * low and high > 1e-3:
        middle = (low * high) ** 0.5 if low else high / 2
        if met(setting, lengths, middle * setting.servers, requests) >= setting.slo.percentile:
            low = middle
        else:
            high = middle
    return low


def main() -> None:
    """All cases, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(CASES))
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--routing", type=Routing, default=Routing.LEAST_LOADED)
    options = parser.parse_args()
    header(
        "Aggregated engines: capacity said and simulated",
        f"Requests a second of a replica, {options.requests:,} requests each.",
        ("lengths", "engine", "chunk", "TTFT, ITL [ms], share", "said", "simulated", "ratio"),
    )
    ratios = []
    for name, (of, cuts, few) in CASES.items():
        if options.names and name not in options.names:
            continue
        lengths = of()
        for (kind, (prefill, decode)), chunk, slo in product(ENGINES.items(), CHUNKS, SLOS):
            engine = Engine(
                kind, Role.AGGREGATED, "H100", 1, Source(SourceKind.GIVEN),
                prefill=prefill, decode=decode, max_batch_tokens=chunk,
            )  # fmt: skip
            setting = Setting(engine, classes(lengths, cuts, few), slo, inf, 0.0, True)
            setting = replace(setting, servers=options.servers, routing=options.routing)
            said = rate_rps(setting, aggregated_points(setting))
            seen = simulated_rps(setting, lengths, said, options.requests)
            ratio = said / seen if seen > 0.0 else 1.0
            ratios.append(ratio)
            targets = f"{slo.ttft_ms}, {slo.itl_ms}, {slo.percentile}"
            row(name, kind, chunk, targets, f"{said:.3f}", f"{seen:.3f}", f"{ratio:.2f}")
    low, middle, high = np.quantile(ratios, [0.05, 0.5, 0.95])
    print(f"\nRatio: 5 % below {low:.2f}, median {middle:.2f}, 5 % above {high:.2f}")


if __name__ == "__main__":
    main()
