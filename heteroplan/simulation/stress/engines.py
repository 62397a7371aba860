"""Engines that are slower or faster than their profile, which planner and policies do not know."""

from dataclasses import fields, replace

from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    TtftCoefficients,
)
from heteroplan.simulation.system import EngineOption, ServingSystem


def slower(system: ServingSystem, factor: float) -> ServingSystem:
    """All prefill and step times multiplied by `factor`; capacities stay those of the plan.

    So routing and policies use the profile. Engines that are given a capacity and no
    times have it divided by `factor`.
    """
    if factor == 1.0:
        return system
    return replace(system, options=tuple(_option(each, factor) for each in system.options))


def _option(option: EngineOption, factor: float) -> EngineOption:
    if option.engine.capacity_rps is not None:
        return replace(option, capacity_rps=option.capacity_rps / factor)
    return replace(option, engine=slower_engine(option.engine, factor))


def slower_engine(engine: Engine, factor: float) -> Engine:
    """With all its times multiplied by `factor`."""
    return replace(
        engine,
        prefill=engine.prefill and _times(engine.prefill, factor),
        decode=engine.decode and _times(engine.decode, factor),
        ttft=engine.ttft and _times(engine.ttft, factor),
    )


def _times[C: (PrefillCoefficients, DecodeCoefficients, TtftCoefficients)](
    coefficients: C, factor: float
) -> C:
    """Coefficients multiplied by `factor`; all of them are times."""
    scaled = {each.name: getattr(coefficients, each.name) * factor for each in fields(coefficients)}
    return replace(coefficients, **scaled)
