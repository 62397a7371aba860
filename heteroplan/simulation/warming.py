"""Compiled code, loaded before time is taken: the figures of speed are of simulating alone."""

import numpy as np

from heteroplan.simulation.level import Level
from heteroplan.simulation.rate_stream import Mix, RateStream
from heteroplan.simulation.replicas.engine_numbers import replica_facts
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.system import ServingSystem

SHORT_S = 1.0
"""Length of the streams [s]."""
_PROMPT, _OUTPUT = 100, 10
"""Tokens of the requests of a stream of rates."""


def no_requests(system: ServingSystem) -> RequestStream:
    """A second without requests, for the level of single requests."""
    none = np.zeros(0, np.int64)
    names = tuple(load.name for load in system.scenario.workloads)
    return RequestStream(names, SHORT_S, none, np.zeros(0), none, none, none)


def no_rates(system: ServingSystem) -> RateStream:
    """A second without requests, for the fluid level."""
    names = tuple(load.name for load in system.scenario.workloads)
    mix = Mix(np.array([_PROMPT]), np.array([0]), np.array([_OUTPUT]))
    at = (len(names), 1)
    edges_s = np.array([0.0, SHORT_S])
    return RateStream(names, edges_s, np.zeros(at), ((mix,),) * at[0], np.zeros(at, np.int64))


def warm_up(level: Level, system: ServingSystem) -> None:
    """Let replicas come and go on a level without requests, in every way that there is."""
    at = next(
        (each for each in system.deployments if system.options[each.option].engine.counts), None
    )
    if at is None:
        return
    option = system.options[at.option]
    facts = replica_facts(option, at.option, system.scenario.workloads[option.workload])
    first, second = (level.start(facts, at.group, at.leaf, 0.0) for _ in range(2))
    level.cancel(level.start(facts, at.group, at.leaf, SHORT_S))
    level.run(SHORT_S)
    level.linger(first)
    level.restore(first)
    level.reweigh(at.group)
    level.drain(first, 0.0)
    level.kill([second])
    level.counts()
    level.finish(0.0)
    level.served([load.slo.percentile for load in system.scenario.workloads], SHORT_S)
