"""Engines that are slower or faster than their profile, which planner and policies do not know."""

from dataclasses import replace

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
    prefill, decode, ttft = engine.prefill, engine.decode, engine.ttft
    return replace(
        engine,
        prefill=prefill
        and PrefillCoefficients(
            overhead_ms=prefill.overhead_ms * factor,
            ms_per_token=prefill.ms_per_token * factor,
            ms_per_token_squared=prefill.ms_per_token_squared * factor,
            floor_ms=prefill.floor_ms * factor,
        ),
        decode=decode
        and DecodeCoefficients(
            base_ms=decode.base_ms * factor,
            ms_per_sequence=decode.ms_per_sequence * factor,
            ms_per_context_token=decode.ms_per_context_token * factor,
            floor_ms=decode.floor_ms * factor,
            ms_per_root_sequence=decode.ms_per_root_sequence * factor,
        ),
        ttft=ttft
        and TtftCoefficients(
            base_ms=ttft.base_ms * factor,
            ms_per_token=ttft.ms_per_token * factor,
            ms_per_request=ttft.ms_per_request * factor,
            ms_per_request_token=ttft.ms_per_request_token * factor,
        ),
    )
