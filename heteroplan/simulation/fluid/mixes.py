"""Requests of a mix -> moments of them, and of their time at each engine."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.fluid.state import ENGINE_FIELDS, MIX, OPTION, QUANTILES, SERVICE
from heteroplan.simulation.rate_stream import Mix, RateStream
from heteroplan.simulation.replicas.engine_numbers import (
    kv_bytes_per_token,
    moves_all,
    replica_facts,
)
from heteroplan.simulation.requests import Floats, RequestStream
from heteroplan.simulation.signals import DECODE, PREFILL
from heteroplan.simulation.single import nic_factors, refusals
from heteroplan.simulation.system import ServingSystem

SHORTEST_S = 1e-6


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of all mixes and engines; as the fields of `state.Flow` of these names."""

    options: NDArray[Any]
    mixes: NDArray[Any]
    services: NDArray[Any]
    own: Floats
    osl: Floats
    refused: tuple[tuple[dict[str, float], ...], ...]
    """[W, mix] shares of the requests that no engine takes, by reason."""


def numbers_of(system: ServingSystem, stream: RateStream, latency_s: float) -> Numbers:
    """Moments of all mixes; `latency_s` is that of a KV transfer."""
    loads, most = system.scenario.workloads, max(len(each) for each in stream.mixes)
    options = np.zeros(len(system.options), OPTION)
    for number, option in enumerate(system.options):
        facts = replica_facts(option, number, loads[option.workload])
        for name, value in facts.fields.items():
            if name in ENGINE_FIELDS:
                options[name][number] = value
        options["most_running"][number] = facts.most_running
    mixes, services = np.zeros((len(loads), most), MIX), np.zeros((len(options), most), SERVICE)
    own, osl = (np.zeros((n, most, QUANTILES)) for n in (len(options), len(loads)))
    factors = [_span_factor(system, workload) for workload in range(len(loads))]
    refused = []
    for workload, kinds in enumerate(stream.mixes):
        reasons = []
        for number, mix in enumerate(kinds):
            taken, why = _taken(system, stream, workload, mix)
            reasons.append(why)
            mixes[workload, number] = _moments(taken, 1.0 - sum(why.values()))
            osl[workload, number] = _quantiles(np.sort(taken.osl))
            for place, option in enumerate(system.options):
                if option.workload == workload and option.role != DECODE:
                    load = loads[workload]
                    size = kv_bytes_per_token(load) if option.role == PREFILL else 0.0
                    rate = min(option.bytes_per_s, _slowest(system, workload)) * factors[workload]
                    moved_s = size * (taken.isl if moves_all(load) else taken.isl - taken.cached)
                    services[place, number], own[place, number] = _service(
                        options[place],
                        taken.isl - taken.cached,
                        np.asarray(moved_s / rate, np.float64),
                        latency_s if size > 0.0 else 0.0,
                    )
        refused.append(tuple(reasons))
    return Numbers(options, mixes, services, own, osl, tuple(refused))


def _slowest(system: ServingSystem, workload: int) -> float:
    """Least NIC share of the decode replicas of a workload [bytes/s]."""
    return min(
        (
            each.bytes_per_s
            for each in system.options
            if (each.workload, each.role) == (workload, DECODE)
        ),
        default=np.inf,
    )


def _span_factor(system: ServingSystem, workload: int) -> float:
    """Mean share of the NIC's bandwidth between prefill and decode leaves of the groups."""
    between = nic_factors(system)
    found = []
    for group in {at.group for at in system.deployments if system.groups[at.group].split}:
        if system.groups[group].workload != workload:
            continue
        here = [at for at in system.deployments if at.group == group]
        first = [at.leaf for at in here if system.options[at.option].role == PREFILL]
        last = [at.leaf for at in here if system.options[at.option].role == DECODE]
        if first and last:
            found.append(float(between[np.ix_(first, last)].mean()))
    return float(np.mean(found)) if found else 1.0


def _taken(
    system: ServingSystem, stream: RateStream, workload: int, mix: Mix
) -> tuple[Mix, dict[str, float]]:
    """The requests of a mix that some engine takes, and the shares of the others by reason."""
    amount = len(mix.isl)
    if not amount:
        return Mix(np.ones(1, np.int64), np.zeros(1, np.int64), np.ones(1, np.int64)), {}
    alone = RequestStream(
        stream.workloads,
        1.0,
        np.full(amount, workload),
        np.zeros(amount),
        mix.isl,
        mix.cached,
        mix.osl,
    )
    refused, reasons = refusals(system, alone)
    kept = ~refused if not refused.all() else refused
    taken = Mix(mix.isl[kept], mix.cached[kept], mix.osl[kept])
    return taken, {reason: count / amount for reason, count in Counter(reasons).items()}


def _moments(mix: Mix, taken: float) -> tuple[float, ...]:
    context = mix.isl + mix.osl / 2.0
    weight = mix.osl / mix.osl.sum()
    mean = float(weight @ context)
    square = float(weight @ (context**2 + mix.osl**2 / 12.0))
    return (
        float(mix.isl.mean()),
        float((mix.isl - mix.cached).mean()),
        float(mix.cached.mean()),
        float(mix.osl.mean()),
        mean,
        square - mean**2,
        float((mix.osl / mix.osl.mean()).var()),
        taken,
    )


def _quantiles(ordered: NDArray[Any]) -> Floats:
    """The middle of each of `QUANTILES` parts of equal shares, scaled to the mean of all."""
    at = ((np.arange(QUANTILES) + 0.5) / QUANTILES * len(ordered)).astype(np.int64)
    found = ordered[at].astype(np.float64)
    scaled: Floats = found * (ordered.mean() / found.mean()) if found.mean() > 0.0 else found
    return scaled


def _service(
    engine: Any, missed: NDArray[np.int64], moved_s: Floats, latency_s: float
) -> tuple[tuple[float, ...], Floats]:
    """Prefill times of the prompts on an engine, and quantiles of those with KV transfer."""
    tokens: Floats = missed.astype(np.float64)

    alone_s: Floats = engine["overhead"] + engine["token"] * tokens + engine["square"] * tokens**2
    alone_s = np.maximum(alone_s, max(SHORTEST_S, engine["floor"]))
    mean, square = float(alone_s.mean()), float((alone_s**2).mean())
    full, prompts = _packed(engine, tokens)
    moved = float(moved_s.mean())
    own = _quantiles(np.sort(alone_s + moved_s + latency_s))
    return (mean, square, max(full, moved), prompts, moved), own


@compiled
def _packed(engine: Any, tokens: Floats) -> tuple[float, float]:
    """Time of a prompt [s], and prompts of a batch, where batches are filled in order."""
    time = total = squares = 0.0
    batches, started = 1, False
    for amount in tokens:
        if started and total + amount > engine.batch_tokens:
            time += _batch_s(engine, total, squares)
            batches += 1
            total = squares = 0.0
        started = True
        total += amount
        squares += amount * amount
    time += _batch_s(engine, total, squares)
    return time / len(tokens), len(tokens) / batches


@compiled
def _batch_s(engine: Any, total: float, squares: float) -> float:
    time = engine.overhead + engine.token * total + engine.square * squares
    return float(max(SHORTEST_S, engine.floor, time))
