"""An engine as the simulator of requests runs it: coefficients in seconds, limits in tokens.

An engine with a given `capacity_rps` has no coefficients. It gets such as just keep the SLO at that
rate: prefill takes a constant time with which one replica's queue keeps the TTFT, decode takes its
ITL target a step, with as many sequences at a time as the percentile of a Poisson number.
"""

from math import sqrt

from heteroplan.entities.workload import Engine, KvTransfer, Workload
from heteroplan.profiles.capacity.targets import absolute_slo
from heteroplan.queueing.waiting import Budget, ReplicaPool, Service
from heteroplan.simulation.events.simulator import ReplicaFacts
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL
from heteroplan.simulation.system import EngineOption
from heteroplan.units import MS_PER_S

UNBOUNDED = 2**62
"""Tokens."""
MOST_RUNNING = 4096
"""Sequences of a replica for which nothing bounds them."""
LEAST_S = 1e-6
BELOW = 0.999
"""Of the ITL target that a step of an engine without coefficients takes."""


def most_held(engine: Engine) -> int:
    """Longest request that the KV cache of a replica holds [tokens]."""
    return UNBOUNDED if engine.kv_tokens is None else engine.kv_tokens


def replica_facts(option: EngineOption, number: int, workload: Workload) -> ReplicaFacts:
    """One replica of an option, which is `number` in the list of options."""
    engine = option.engine
    fields: dict[str, float] = {
        "capacity": option.capacity_rps,
        "in_flight": option.in_flight,
        "bytes_per_s": option.bytes_per_s,
        "in_time": _in_time(option, workload),
        "kv_tokens": most_held(engine),
        "batch_tokens": engine.max_batch_tokens or 0,
    }
    most_running = _most_running(engine, workload)
    if engine.capacity_rps is not None:
        most_running = _rated(option, workload, fields)
    else:
        fields |= coefficients_s(engine)
    return ReplicaFacts(option.role, number, option.workload, most_running, fields)


def recompute_fields(engine: Engine) -> dict[str, float]:
    """Prefill coefficients of an engine: what a decode replica takes that computes a context."""
    if engine.prefill is None:
        return {}
    return {
        "overhead": engine.prefill.overhead_ms / MS_PER_S,
        "token": engine.prefill.ms_per_token / MS_PER_S,
        "square": engine.prefill.ms_per_token_squared / MS_PER_S,
        "floor": engine.prefill.floor_ms / MS_PER_S,
    }


def kv_bytes_per_token(workload: Workload) -> float:
    """What moves from prefill to decode a token [bytes]; 0 where transfer is not limited."""
    return workload.profile.kv_bytes_per_token or 0.0


def moves_all(workload: Workload) -> bool:
    """Whether the KV cache of tokens found in the prefix cache moves as well."""
    return workload.kv_transfer is KvTransfer.ALL


def coefficients_s(engine: Engine) -> dict[str, float]:
    """Coefficients of an engine that was measured [s]."""
    fields = recompute_fields(engine)
    if engine.decode is not None:
        fields["base"] = engine.decode.base_ms / MS_PER_S
        fields["sequence"] = engine.decode.ms_per_sequence / MS_PER_S
        fields["context"] = engine.decode.ms_per_context_token / MS_PER_S
        fields["root"] = engine.decode.ms_per_root_sequence / MS_PER_S
        fields["step_floor"] = engine.decode.floor_ms / MS_PER_S
    if engine.ttft is not None:
        fields["first_base"] = engine.ttft.base_ms / MS_PER_S
        fields["first_token"] = engine.ttft.ms_per_token / MS_PER_S
    return fields


def _most_running(engine: Engine, workload: Workload) -> int:
    most = MOST_RUNNING
    if engine.max_sequences is not None:
        most = min(most, engine.max_sequences)
    beyond = workload.allow_extrapolation or engine.decodes_beyond
    if engine.batch_range is not None and not beyond:
        most = min(most, int(engine.batch_range.high))
    return most


def _in_time(option: EngineOption, workload: Workload) -> int:
    """Most tokens of a prompt that is in time alone: prefill, KV transfer and a decode step."""
    values, slo = option.engine.prefill, absolute_slo(workload)
    if values is None or option.role == DECODE:
        return UNBOUNDED
    moved_ms = 0.0
    if option.role == PREFILL:
        moved_ms = kv_bytes_per_token(workload) / option.bytes_per_s * MS_PER_S
    left_ms = slo.ttft_ms - slo.itl_ms - values.overhead_ms
    each_ms, square_ms = values.ms_per_token + moved_ms, values.ms_per_token_squared
    if left_ms <= 0.0:
        return 0
    if square_ms > 0.0:
        return int((sqrt(each_ms**2 + 4.0 * square_ms * left_ms) - each_ms) / (2.0 * square_ms))
    return int(left_ms / each_ms) if each_ms > 0.0 else UNBOUNDED


def _rated(option: EngineOption, workload: Workload, fields: dict[str, float]) -> int:
    """Constant times with which the given capacity just keeps the SLO; the sequences at a time."""
    from scipy.stats import poisson

    slo, rate_rps = absolute_slo(workload), option.capacity_rps
    shapes = workload.demand[0].classes
    if option.role in (PREFILL, AGGREGATED):
        pool = ReplicaPool([Service(1.0, MS_PER_S / rate_rps, 0.0)])
        wait_ms = slo.ttft_ms - slo.itl_ms - MS_PER_S / rate_rps
        busy = pool.greatest_utilization([Budget(1.0, max(0.0, wait_ms))], slo.percentile)
        fields["overhead"] = max(LEAST_S, busy / rate_rps)
    if option.role == PREFILL:
        return 1
    osl = sum(shape.share * shape.osl for shape in shapes) / sum(shape.share for shape in shapes)
    fields["base"] = slo.itl_ms / MS_PER_S * BELOW
    if option.role == AGGREGATED:
        fields["base"] = max(LEAST_S, fields["base"] * (1.0 - rate_rps * fields["overhead"]))
    return max(1, int(poisson.ppf(slo.percentile, rate_rps * osl * slo.itl_ms / MS_PER_S)))
