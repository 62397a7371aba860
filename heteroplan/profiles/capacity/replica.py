"""What one replica of a fitted engine serves at a request shape and an SLO."""

from dataclasses import dataclass
from math import inf

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import Engine, RequestClass
from heteroplan.profiles.capacity.candidates import RULES
from heteroplan.profiles.capacity.setting import Setting


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests and what they are promised."""

    shape: RequestClass
    slo: Slo


def replica_at(engine: Engine, asked: Asked) -> OperatingPoint:
    """As plans count it, but that no network card limits the transfer of KV caches."""
    if engine.capacity_rps is not None:
        return OperatingPoint(engine.capacity_rps, Limit.GIVEN)
    setting = Setting(
        engine=engine,
        mix=(asked.shape,),
        slo=asked.slo,
        bytes_per_s=inf,
        kv_bytes_per_token=0.0,
        allow_extrapolation=False,
    )
    [point] = RULES[engine.role](setting)
    return point
