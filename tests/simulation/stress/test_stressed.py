"""A policy under stress."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import TtftCoefficients
from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.arrivals.more import times
from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.run import PolicyChoice, ReplaySettings
from heteroplan.simulation.signals import ReplicaState, Signals
from heteroplan.simulation.stress.engines import slower, slower_engine
from heteroplan.simulation.stress.results import Criterion, Stress, Stressor
from heteroplan.simulation.stress.stressed import CASES, Subject, stress_run, stressed
from tests import builders, replays
from tests.signal_studies import STEP_MS, small_station

STATION = small_station()


class _Fixed:
    name = "fixed"
    period_s = 60.0
    window_s = 60.0

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        return PoolTargets(STATION.replicas)


def requests(factor: float) -> RequestStream:
    return drawn(STATION.scenario, seed=1, factor=factor, duration_s=300.0)


@pytest.fixture(scope="module")
def made() -> Stress:
    choice = PolicyChoice("fixed", {}, _Fixed)
    subject = Subject(STATION.system, choice, ReplaySettings(), requests, "id")
    return stressed(subject, jobs=2, progress=lambda name, share: None)


def test_fixed_cases_come_in_order_after_the_planned_one(made: Stress) -> None:
    assert [(each.stressor, each.factor) for each in made.runs] == list(CASES)
    planned = made.planned
    assert (planned.short, planned.missed) == ((), 0)
    assert all(each.requests == planned.requests for each in made.runs[5:])
    more = {each.factor: each.requests for each in made.runs[1:5]}
    for factor, count in more.items():
        assert count == pytest.approx(factor * planned.requests, rel=0.05)


def test_the_break_of_engine_times_is_where_a_step_takes_as_long_as_the_target(
    made: Stress,
) -> None:
    """20 ms a step, 60 ms allowed: at 3 times, unless prefill breaks before. That takes 50 ms at
    10 requests/s, so its queue grows at 2 times; TTFT of 1 s breaks a little before."""
    assert STATION.scenario.workloads[0].slo.itl_ms == STEP_MS * 3
    (whole,) = (
        each
        for each in made.limits
        if each.stressor is Stressor.ENGINES and each.criterion is Criterion.WHOLE
    )
    assert whole.breaks is not None
    assert whole.holds is not None
    assert 1.5 < whole.breaks.factor < 2.1
    assert 0 < whole.breaks.factor - whole.holds <= 0.01 + 1e-9
    assert whole.breaks.short == ("w",)
    assert whole.breaks.shares["w"] < 0.95


def test_demand_breaks_where_prefill_is_full(made: Stress) -> None:
    """10 requests/s of 50 ms fill half of a replica."""
    (whole,) = (
        each
        for each in made.limits
        if each.stressor is Stressor.DEMAND and each.criterion is Criterion.WHOLE
    )
    assert whole.breaks is not None
    assert 1.5 < whole.breaks.factor < 2.1


def test_all_runs_of_a_stressor_are_in_order_with_the_planned_one(made: Stress) -> None:
    for stressor in Stressor:
        factors = [each.factor for each in made.of(stressor)]
        assert 1.0 in factors
        assert factors == sorted(set(factors))


def test_the_result_does_not_depend_on_the_jobs(made: Stress) -> None:
    choice = PolicyChoice("fixed", {}, _Fixed)
    subject = Subject(STATION.system, choice, ReplaySettings(), requests, "id")
    again = stressed(subject, jobs=1, progress=lambda name, share: None)
    for one, other in zip(
        (*made.runs, *made.searched), (*again.runs, *again.searched), strict=True
    ):
        assert replace(one, seconds=0.0) == replace(other, seconds=0.0)


def test_rows_say_who_falls_short_and_when() -> None:
    """chat has 94 % in all and code 99 %; of their intervals one and none miss 95 %."""
    table = replays.intervals([[100, 100], [0, 100]], [[98, 90], [0, 99]])
    run = stress_run(table, ["chat", "code"], [0.95, 0.95])
    assert run.shares == {"chat": 0.94, "code": 0.99}
    assert run.short == ("chat",)
    assert (run.intervals, run.missed) == (3, 1)
    assert run.worst is not None
    assert run.worst == run.first_missed
    assert (run.worst.workload, run.worst.interval, run.worst.share) == ("chat", 1, 0.9)
    assert not run.keeps(Criterion.WHOLE)
    assert not run.keeps(Criterion.INTERVAL)


def test_the_first_missed_interval_is_the_earliest_and_not_the_worst() -> None:
    table = replays.intervals([[100, 100], [100, 100]], [[100, 50], [94, 100]])
    run = stress_run(table, ["chat", "code"], [0.95, 0.95])
    assert run.first_missed is not None
    assert run.worst is not None
    assert (run.first_missed.workload, run.first_missed.interval) == ("code", 0)
    assert (run.worst.workload, run.worst.interval) == ("chat", 1)


def test_engines_are_slower_than_planner_and_policies_know() -> None:
    made = slower(STATION.system, 1.5)
    for before, after in zip(STATION.system.options, made.options, strict=True):
        assert after.capacity_rps == before.capacity_rps
    times_ms = [each.engine.prefill or each.engine.decode for each in made.options]
    assert {75.0, 30.0} == {
        getattr(each, "overhead_ms", None) or getattr(each, "base_ms", None) for each in times_ms
    }
    assert slower(STATION.system, 1.0) is STATION.system


def test_every_time_of_an_engine_is_multiplied() -> None:
    engine = replace(builders.engine(), ttft=TtftCoefficients(1.0, 2.0, 3.0, 4.0))
    assert slower_engine(engine, 2.0).ttft == TtftCoefficients(2.0, 4.0, 6.0, 8.0)


def test_more_of_a_trace_in_each_interval_at_the_same_time_of_day() -> None:
    """10 requests in the first hour and 4 in the second; 1.5 times are 15 and 6, and the lengths
    follow one another."""
    arrivals = [*np.linspace(0, 3000, 10), *np.linspace(3700, 7000, 4)]
    came = replays.stream(arrivals, duration_s=7200.0, osl=list(range(1, 15)), workloads=["w"])
    scenario = builders.scenario([builders.workload("w", rps=(1.0, 1.0))])
    more = times(scenario, came, 1.5)
    assert np.histogram(more.arrival_s, [0, 3600, 7200])[0].tolist() == [15, 6]
    assert more.osl.tolist() == [*range(1, 15), *range(1, 8)]
    assert (np.diff(more.arrival_s) >= 0).all()
    fewer = times(scenario, came, 0.5)
    assert np.histogram(fewer.arrival_s, [0, 3600, 7200])[0].tolist() == [5, 2]
    assert times(scenario, came, 1.0) is came
