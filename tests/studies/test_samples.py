"""Samples of uncertain inputs: what is drawn, how often, and that it is the same every time."""

from dataclasses import replace
from datetime import date, timedelta
from math import exp, log, pi, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from heteroplan.entities.fleet import Failures
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import DecodeCoefficients, DemandError, Role, Source, SourceKind
from heteroplan.forecasting.curve.day_errors import DayErrors
from heteroplan.studies import engine_errors, failures
from heteroplan.studies.outlook import Outlook, PastErrors, StatedErrors
from heteroplan.studies.samples import Sample, Uncertainty, drawn, samples
from tests import builders


def scenario(days: int = 1, **options: float) -> Scenario:
    loads = [builders.workload(name, rps=[10.0] * 24 * days) for name in ("a", "b")]
    made = builders.scenario(loads, cyclic=False)
    rate = Failures(options.get("rate", 0.0), options.get("repair_hours", 24.0))
    shapes = tuple(replace(each, failures=rate) for each in made.fleet.node_types)
    return replace(made, fleet=replace(made.fleet, node_types=shapes))


def stated(name: str, day: float, interval: float, quantile: float = 0.5) -> Outlook:
    return Outlook(name, quantile, (10.0,) * 24, StatedErrors(DemandError(day, interval, quantile)))


def past(name: str, *days: tuple[int, float]) -> Outlook:
    """Days of November 2026, all of whose rates were so many times their forecast."""
    ratios = np.array([[[factor, 0.5 * factor]] * 24 for _, factor in days])
    errors = DayErrors(tuple(date(2026, 11, day) for day, _ in days), ratios)
    return Outlook(name, 0.95, (10.0,) * 24, PastErrors(errors))


def test_stated_errors_have_their_spread() -> None:
    """10 % from day to day and 5 % within: of logarithms, over many days."""
    what = Uncertainty((stated("a", 0.1, 0.05),))
    logs = np.log([each.rps["a"][:, 0] / 10.0 for each in samples(scenario(), what, 1, 2000)])
    assert logs.mean(axis=1).std() == pytest.approx(sqrt(0.1**2 + 0.05**2 / 24), rel=0.05)
    assert logs.std(axis=1, ddof=1).mean() == pytest.approx(0.05, rel=0.05)


def test_a_quantile_of_stated_errors() -> None:
    """Of 30 and 40 %, which are 50 % together, P84 is one of them above the median."""
    errors = StatedErrors(DemandError(0.3, 0.4, 0.5))
    assert errors.at(NormalDist().cdf(1.0)) == pytest.approx(exp(0.5))
    assert errors.at(0.5) == pytest.approx(1.0)


def test_whole_days_come_out_as_days_of_the_past() -> None:
    """Two horizon days follow each other as they did, and the first follows the last."""
    what = Uncertainty((past("a", (1, 1.0), (2, 2.0), (3, 3.0)),))
    two_days = scenario(days=2)
    long = replace(what, outlooks=(replace(what.outlooks[0], median_rps=(10.0,) * 48),))
    pairs = set()
    for each in samples(two_days, long, 1, 60):
        rates = each.rps["a"]
        assert (rates[:, 1] == 0.5 * rates[:, 0]).all()
        first, second = rates[:24, 0], rates[24:, 0]
        assert len(set(first)) == len(set(second)) == 1
        pairs.add((first[0] / 10.0, second[0] / 10.0))
    assert pairs == {(1.0, 2.0), (2.0, 3.0), (3.0, 1.0)}


def test_workloads_come_out_as_on_the_same_day() -> None:
    """Where their traces have the same days; else each on a day of its own."""
    alike = Uncertainty((past("a", (1, 1.0), (2, 2.0)), past("b", (1, 1.0), (2, 2.0))))
    for each in samples(scenario(), alike, 1, 40):
        assert (each.rps["a"] == each.rps["b"]).all()
    other = Uncertainty((past("a", (1, 1.0), (2, 2.0)), past("b", (7, 1.0), (8, 2.0))))
    assert {
        (each.rps["a"][0, 0], each.rps["b"][0, 0]) for each in samples(scenario(), other, 1, 80)
    } == {(10.0, 10.0), (10.0, 20.0), (20.0, 10.0), (20.0, 20.0)}


def test_a_sample_is_the_same_however_many_there_are() -> None:
    what = Uncertainty((stated("a", 0.1, 0.05),), {("model-a", "decode"): 0.1}, fails=True)
    given = scenario(rate=500.0)
    *_, fifth = samples(given, what, 7, 5)
    again = drawn(given, what, 7, 4)
    assert fifth.rps["a"].tolist() == again.rps["a"].tolist()
    assert (fifth.slowness, fifth.failed) == (again.slowness, again.failed)
    assert drawn(given, what, 8, 4).slowness != again.slowness
    without = drawn(given, replace(what, outlooks=()), 7, 4)
    assert (without.slowness, without.failed) == (again.slowness, again.failed)


def test_nodes_fail_as_often_as_the_fleet_says() -> None:
    """4 nodes at 100 failures in 1,000 days of a node, 6 h each: in a day 0.4 failures begin, and
    0.1 more reach into it; nodes are away for 4 * 24 * 0.1 * 6 / 24 h, less what overlaps."""
    given = scenario(rate=100.0, repair_hours=6.0)
    found = [
        failures.drawn(given.fleet, given.horizon, np.random.default_rng(i)) for i in range(4000)
    ]
    assert np.mean([len(each) for each in found]) == pytest.approx(4 * 0.1 * 30 / 24, rel=0.05)
    assert np.mean([failures.node_hours(each) for each in found]) == pytest.approx(2.4, rel=0.06)
    for each in (one for sample in found for one in sample):
        assert 0.0 <= each.start_s < each.end_s <= 86_400
        assert each.node in {f"l1-h100x8-00{i}" for i in range(1, 5)}


def test_failures_as_absences_of_a_fleet() -> None:
    given = scenario(rate=1000.0, repair_hours=6.0)
    found = failures.drawn(given.fleet, given.horizon, np.random.default_rng(1))
    assert found
    made = Sample(1, 0, failed=found).scenario(given)
    assert len(made.fleet.outages) == len(found)
    first = made.fleet.outages[0]
    start = given.horizon.start + timedelta(seconds=round(found[0].start_s))
    assert (first.leaf, first.node_type, first.nodes, first.start) == ("l1", "h100x8", 1, start)
    (leaf,) = given.fleet.network.leaves
    assert made.fleet.nodes_available(leaf, "h100x8", first.start, first.end) < 4


def test_an_error_of_a_fit_is_one_of_times() -> None:
    """A mean absolute error of 8 % is a normal one of 8 % * sqrt(pi / 2). Times are longer by that
    factor, a given capacity less."""
    source = Source(SourceKind.FITTED, error_mape=0.08)
    given = replace(builders.engine(), source=source, decode=DecodeCoefficients(20.0, 0.1, 2e-5))
    spread = engine_errors.spread_of(given)
    assert spread is not None
    assert spread == pytest.approx(0.08 * sqrt(pi / 2))
    assert np.abs(spread * np.random.default_rng(1).standard_normal(100_000)).mean() == (
        pytest.approx(0.08, rel=0.01)
    )
    load = builders.workload(engines=[given, builders.engine("prefill", role=Role.PREFILL)])
    made = builders.scenario([load])
    assert engine_errors.spreads(made) == {("model-w", "decode"): spread}
    (changed,) = engine_errors.with_slowness(made, {("model-w", "decode"): 2.0}).workloads
    first, second = changed.profile.engines
    assert first.decode is not None
    assert first.decode.base_ms == pytest.approx(20.0 * exp(2 * spread))
    assert first.capacity_rps == pytest.approx(10.0 / exp(2 * spread))
    assert second.capacity_rps == 10.0


def test_what_was_drawn_is_planned_with_the_headroom() -> None:
    """12 requests/s in the busier half of each hour and 10 % on top; as a row, over the 10 that
    were planned for."""
    given = scenario()
    first, second = given.workloads
    given = replace(given, workloads=(replace(first, headroom=0.1), second))
    sample = Sample(1, 3, {"a": np.array([[12.0, 6.0]] * 24)})
    made = sample.scenario(given)
    assert [each.rps for each in made.workloads[0].demand] == pytest.approx([13.2] * 24)
    assert made.workloads[1] == second
    row = sample.inputs(given)
    assert row["sample"] == 3
    assert row["sample.demand.a"] == pytest.approx(12 / (10 / 1.1), abs=1e-6)
    assert row["sample.failed_node_hours"] == 0.0


def test_slowness_in_a_row() -> None:
    engine = replace(builders.engine(), source=Source(SourceKind.FITTED, error_mape=0.08))
    given = builders.scenario([builders.workload(engines=[engine])])
    spread = engine_errors.spreads(given)["model-w", "decode"]
    row = Sample(1, 0, slowness={("model-w", "decode"): -1.0}).inputs(given)
    slowness = row["sample.slowness.model-w.decode"]
    assert isinstance(slowness, float)
    assert log(slowness) == pytest.approx(-spread, abs=1e-5)
