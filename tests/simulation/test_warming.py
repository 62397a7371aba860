"""Warming up: replicas come and go, and nothing is left of it."""

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.simulation import warming
from heteroplan.simulation.events.simulator import SimulatorOptions
from heteroplan.simulation.fluid.level import Fluid
from heteroplan.simulation.level import Level
from heteroplan.simulation.single import SingleRequests
from heteroplan.simulation.system import serving_system
from tests import builders


@pytest.mark.parametrize("fluid", [False, True])
@pytest.mark.parametrize("roles", [(Role.PREFILL, Role.DECODE), (Role.AGGREGATED,)])
def test_every_way_to_go_is_gone_and_nothing_was_counted(
    roles: tuple[Role, ...], fluid: bool
) -> None:
    engines = [builders.engine(role.value, role=role) for role in roles]
    scenario = builders.scenario([builders.workload(engines=engines)])
    system = serving_system(scenario, builders.candidates(scenario))
    level: Level
    if fluid:
        level = Fluid(system, warming.no_rates(system), SimulatorOptions(), warming.SHORT_S)
    else:
        level = SingleRequests(system, warming.no_requests(system), SimulatorOptions())
    warming.warm_up(level, system)
    counts = level.counts()
    assert not any(total.any() for total in counts.totals.values())
    assert not counts.kv_tokens.any()
    assert all(np.isfinite(level.gone_s(number)) for number in range(2))
