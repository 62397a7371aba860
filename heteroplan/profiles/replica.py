"""What one replica of a fitted engine serves at a request shape and an SLO."""

from dataclasses import dataclass
from math import inf

from heteroplan.entities.capacity import OperatingPoint
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    RequestClass,
    Role,
    Slo,
    Source,
)
from heteroplan.profiles.decode import decode_point
from heteroplan.profiles.fit import Fit
from heteroplan.profiles.prefill import prefill_point
from heteroplan.profiles.setting import Setting


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests and what they are promised."""

    shape: RequestClass
    slo: Slo


def replica_at(found: Fit, asked: Asked, kv_tokens: int | None) -> OperatingPoint:
    """As plans count it, but that no network card limits the transfer of KV caches.

    `kv_tokens` is what its KV cache holds, None where only measured batches bound it.
    """
    values = found.coefficients
    engine = Engine(
        name=found.phase.value,
        role=found.phase,
        gpu=found.gpu,
        gpus=found.gpus,
        source=Source(found.kind),
        prefill=values if isinstance(values, PrefillCoefficients) else None,
        decode=values if isinstance(values, DecodeCoefficients) else None,
        kv_tokens=kv_tokens if found.phase is Role.DECODE else None,
        batch_tokens_range=found.batch_tokens_range,
        batch_range=found.batch_range,
        context_range=found.context_range,
    )
    setting = Setting(
        engine=engine,
        shape=asked.shape,
        slo=asked.slo,
        bytes_per_s=inf,
        kv_bytes_per_token=0.0,
        allow_extrapolation=False,
    )
    return (prefill_point if found.phase is Role.PREFILL else decode_point)(setting)
