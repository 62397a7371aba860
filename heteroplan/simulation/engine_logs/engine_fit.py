"""Coefficients of an aggregated engine from a log of requests, with the simulator in the loop.

A log under load tells no single step: queues, batches and preempted sequences stand between a step
and what a request waits. So the log's requests are simulated, and the coefficients are those with
which their latencies are nearest to the logged ones.

One log does not tell all coefficients apart. Where the batch is always full, for one, the constant
part of a decode step and that of a sequence are only known in sum. The fit therefore begins at an
engine that the user states, from data sheets or of a similar GPU, and what the log does not decide
stays there.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from heteroplan.entities.workload import Engine, Role
from heteroplan.simulation.engine_logs.request_log import RequestLog
from heteroplan.simulation.events.simulator import (
    GroupFacts,
    ReplicaFacts,
    Simulator,
    SimulatorOptions,
    WorkloadFacts,
)
from heteroplan.simulation.replicas.engine_numbers import MOST_RUNNING, UNBOUNDED, coefficients_s
from heteroplan.simulation.requests import Floats, RequestStream
from heteroplan.simulation.signals import AGGREGATED

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

ERROR = 0.1
"""Of a logged latency beside the stated coefficients (relative). Latencies of one run have their
errors in common, so that each says less than one alone would."""
SPREAD = 0.5
"""Standard deviation of a coefficient's logarithm about the stated one: a factor of 1.6."""
ROUNDS = 12
"""Searches, each from near the best of those before it: admission and preemption come in steps."""
NEARBY = 0.15
"""Standard deviation of the logarithms from which a round begins."""
STEPS = (3e-2, 1e-2, 3e-3)
"""Relative to a coefficient, for derivatives; rounds take turns."""
MOST_TRIED = 40
"""Points of a round."""
SHORTEST_S = 1e-3
"""Latencies below are taken as that long: of logarithms, theirs would count for most."""
LONGEST_S = 1e9
COEFFICIENTS = 6
MOST_FACTOR = 1000.0
"""Of a coefficient over the stated one, and of the stated one over it."""


def replayed(log: RequestLog, engine: Engine) -> RequestLog:
    """The requests of `log` as one replica of an aggregated engine with coefficients serves them.

    Prompts are not found in a prefix cache. Raises ValueError with a remedy where the engine is no
    such, or a request does not fit its KV cache.
    """
    facts = _facts(engine)
    if int((log.isl + log.osl).max()) > facts.fields["kv_tokens"]:
        raise ValueError(
            f"a request of {(log.isl + log.osl).max()} tokens does not fit the KV cache of "
            f"{engine.kv_tokens} tokens; correct kv_tokens, or leave the request out"
        )
    nobody = np.zeros(len(log), np.int64)
    stream = RequestStream(
        ("log",), LONGEST_S, nobody, log.arrival_s, log.isl, cached=nobody, osl=log.osl
    )
    simulator = Simulator(
        stream,
        np.zeros(len(log), np.bool_),
        [WorkloadFacts(0.0, moves_all=True)],
        [GroupFacts(0, split=False, alike=True)],
        1,
        np.ones((1, 1)),
        SimulatorOptions(),
    )
    simulator.start(facts, group=0, leaf=0, ready_s=0.0)
    simulator.run(LONGEST_S)
    table = simulator.table()
    return replace(log, first_token_s=table.first_token_s, last_token_s=table.last_token_s)


def fitted_engine(
    log: RequestLog,
    engine: Engine,
    seen: int | None = None,
    *,
    error: float = ERROR,
    spread: float = SPREAD,
) -> Engine:
    """`engine` with the coefficients that the first `seen` requests of the log tell, or all.

    Its coefficients are where the search begins; one that is 0 stays 0. `kv_tokens`,
    `max_sequences` and `max_batch_tokens` are what the engine was started with. All requests of the
    log are simulated, as those that come later share the batch; only the latencies of the first
    `seen` count. The less `error` is beside `spread`, the less the stated coefficients count.
    Raises ValueError as `replayed` does. The same log gives the same engine.
    """
    from scipy.optimize import least_squares

    measured = log.part(0, len(log) if seen is None else seen)

    def residuals(factors: Floats) -> Floats:
        simulated = replayed(log, _scaled(engine, factors)).part(0, len(measured))
        return np.concatenate([_off(simulated, measured) / error, np.log(factors) / spread])

    random = np.random.default_rng(0)
    best: OptimizeResult | None = None
    for number in range(ROUNDS):
        start = np.ones(COEFFICIENTS)
        if best is not None:
            start = best.x * np.exp(random.normal(0.0, NEARBY, COEFFICIENTS))
        found = least_squares(
            residuals,
            np.clip(start, 1.0 / MOST_FACTOR, MOST_FACTOR),
            bounds=(1.0 / MOST_FACTOR, MOST_FACTOR),
            diff_step=[STEPS[number % len(STEPS)]] * COEFFICIENTS,
            loss="soft_l1",
            max_nfev=MOST_TRIED,
        )
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    return _scaled(engine, best.x)


def _off(simulated: RequestLog, measured: RequestLog) -> Floats:
    """[3 * request] logarithms of simulated over measured TTFT, end-to-end and decode time."""
    decoding = [each.last_token_s - each.first_token_s for each in (simulated, measured)]
    pairs = (
        (simulated.ttft_s, measured.ttft_s),
        (simulated.e2e_s, measured.e2e_s),
        (decoding[0], decoding[1]),
    )
    return np.concatenate(
        [np.log(np.maximum(a, SHORTEST_S) / np.maximum(b, SHORTEST_S)) for a, b in pairs]
    )


def _scaled(engine: Engine, factors: Floats) -> Engine:
    """With its coefficients times `factors`.

    A decoding sequence is a token of the pass as one of a prompt is: its coefficient follows that
    of the prompts' tokens, and its own number is about the ratio of both.
    """
    assert engine.prefill is not None
    assert engine.decode is not None
    base, ratio, context, overhead, token, square = map(float, factors)
    prefill, decode = engine.prefill, engine.decode
    return replace(
        engine,
        prefill=replace(
            prefill,
            overhead_ms=prefill.overhead_ms * overhead,
            ms_per_token=prefill.ms_per_token * token,
            ms_per_token_squared=prefill.ms_per_token_squared * square,
        ),
        decode=replace(
            decode,
            base_ms=decode.base_ms * base,
            ms_per_sequence=decode.ms_per_sequence * ratio * token,
            ms_per_context_token=decode.ms_per_context_token * context,
        ),
    )


def _facts(engine: Engine) -> ReplicaFacts:
    """One replica that takes every request."""
    if engine.role is not Role.AGGREGATED or engine.prefill is None or engine.decode is None:
        raise ValueError(
            f"engine {engine.name} is not aggregated, or lacks coefficients of prefill or decode; "
            "state those at which the fit begins"
        )
    fields = coefficients_s(engine) | {
        "capacity": 1.0,
        "in_flight": 1.0,
        "in_time": UNBOUNDED,
        "kv_tokens": UNBOUNDED if engine.kv_tokens is None else engine.kv_tokens,
        "batch_tokens": engine.max_batch_tokens or 0,
    }
    return ReplicaFacts(AGGREGATED, 0, 0, engine.max_sequences or MOST_RUNNING, fields)
