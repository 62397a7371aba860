"""What a promise costs, against hand arithmetic and against plans made anew."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from heteroplan.baselines import promises
from heteroplan.baselines.promises import easier_promises
from heteroplan.clock import never
from heteroplan.entities.arrivals import Arrivals, Dispersion
from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint, PoolPoints
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.plan import EasierPromise, Plan, PromiseCost
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import Workload
from heteroplan.inputs import load
from heteroplan.planning import make_plan
from heteroplan.profiles.capacity.candidates import candidates
from tests.docs.pages import ROOT
from tests.plans import day_scenario, horizon, measured, plan, pool, shortage

BURSTY = Arrivals((Dispersion(1.0, 0.9, 13.0, 13.0),))
SLO = Slo(1000.0, 50.0, percentile=0.95)


def capacity_rps(slo: Slo, kind: Slo | None, *, bursty: bool) -> float:
    """1 at the targets above, twice that at twice the TTFT, and so on."""
    targets = kind or slo
    return targets.ttft_ms / 1000.0 * (1.25 if slo.percentile < 0.95 else 1.0) / (1 + bursty)


def rated(of: Workload, fleet: Fleet, _among: object) -> tuple[Candidate, ...]:
    """Every engine of a workload alike, as the targets of each class say."""
    shapes = {shape.gpu.name: shape.name for shape in fleet.node_types}
    points = tuple(
        tuple(
            OperatingPoint(
                capacity_rps(of.slo, kind.slo, bursty=bool(of.arrivals.points)), Limit.TTFT
            )
            for kind in demand.classes
        )
        for demand in of.demand
    )
    return tuple(
        Candidate(of.name, engine, shapes[engine.gpu], points) for engine in of.profile.engines
    )


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "candidates", rated)


def two_pools(intervals: int = 2, *, slo: Slo = SLO, arrivals: Arrivals | None = None) -> Plan:
    """4 H100 at 2 USD an hour, 8 L40S at 0.8, each with a replica all day, fully busy."""
    pools = [
        pool([1] * intervals),
        pool([1] * intervals, engine_name="l40s-tp8-decode", node="l40sx8", gpus=8),
    ]
    busy = [replace(each, flow_rps=((1.0,) * intervals,)) for each in pools]
    made = measured(plan(day_scenario(horizon(intervals)), busy))
    (one,) = made.scenario.workloads
    one = replace(one, slo=slo, arrivals=arrivals or one.arrivals)
    return replace(made, scenario=replace(made.scenario, workloads=(one,)))


def costs(of: Plan) -> dict[EasierPromise, PromiseCost]:
    return {each.promise: each for each in easier_promises(of, never)}


@pytest.mark.usefixtures("by_hand")
def test_replicas_are_fewer_by_as_much_as_each_serves_more() -> None:
    """Twice as much at twice the TTFT, 1.25 times at P90: half, and four fifths of 28.8 USD."""
    made = two_pools()
    found = costs(made)
    assert made.totals.cost_usd == pytest.approx(28.8)
    assert found.keys() == {EasierPromise.TWICE_THE_TTFT, EasierPromise.P90}
    assert found[EasierPromise.TWICE_THE_TTFT].cost_usd == pytest.approx(14.4)
    assert found[EasierPromise.TWICE_THE_TTFT].gpu_hours == pytest.approx(12.0)
    assert found[EasierPromise.P90].cost_usd == pytest.approx(28.8 / 1.25)


@pytest.mark.usefixtures("by_hand")
def test_poisson_arrivals_are_a_promise_where_they_are_known_to_be_others() -> None:
    found = costs(two_pools(arrivals=BURSTY))
    assert found[EasierPromise.POISSON].cost_usd == pytest.approx(14.4)


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("own", [0.9, 0.5])
def test_p90_is_none_where_the_percentile_is_no_higher(own: float) -> None:
    assert costs(two_pools(slo=replace(SLO, percentile=own))).keys() == {
        EasierPromise.TWICE_THE_TTFT
    }


@pytest.mark.usefixtures("by_hand")
def test_each_percentile_is_lowered_alone() -> None:
    """The joint one is 0.9; the TTFT's 0.99 is not, so there is a plan at P90."""
    mixed = Slo(1000.0, 50.0, percentile=0.9, ttft_percentile=0.99, itl_percentile=0.8)
    assert EasierPromise.P90 in costs(two_pools(slo=mixed))
    assert promises._at_p90(mixed) == replace(mixed, ttft_percentile=0.9)


@pytest.mark.usefixtures("by_hand")
def test_targets_of_a_class_are_eased_too() -> None:
    """The only class has a TTFT of half a second; at one second it serves twice as much."""
    made = two_pools()
    (one,) = made.scenario.workloads
    own = tuple(
        replace(
            demand,
            classes=tuple(
                replace(kind, slo=replace(SLO, ttft_ms=500.0)) for kind in demand.classes
            ),
        )
        for demand in one.demand
    )
    of = replace(made, scenario=replace(made.scenario, workloads=(replace(one, demand=own),)))
    assert costs(of)[EasierPromise.TWICE_THE_TTFT].cost_usd == pytest.approx(14.4)


def test_capacity_that_depends_on_the_pool_counts_by_its_size() -> None:
    """12 requests/s. At first 1, 2 and 3 replicas serve 0, 5 and 6 each, then 3, 6 and 12.

    So 3 replicas have 2 to spare for 10 to miss: 2 + (12 / 5 - 2) / (12 / 5 - 2 + 3 - 12 / 6);
    then 2 just suffice.
    """
    first, then = ((0.0, 5.0, 6.0), (3.0, 6.0, 12.0))
    assert promises._needed([12.0], sized(first), 0) == pytest.approx(2 + 0.4 / 1.4)
    assert promises._needed([12.0], sized(then), 0) == pytest.approx(2.0)
    assert promises._needed([30.0], sized(first), 0) == pytest.approx(5.0)


def sized(capacities: Sequence[float]) -> Candidate:
    """A replica of a pool of 1, 2, 3 and so on, in one interval."""
    points = tuple((OperatingPoint(each, Limit.TTFT),) for each in capacities)
    (engine,) = day_scenario(horizon(1)).workloads[0].profile.engines[:1]
    sizes = PoolPoints(tuple(range(1, len(points) + 1)), points)
    return Candidate("chat-1", engine, "h100x8", (points[-1],), by_size=(sizes,))


@pytest.mark.usefixtures("by_hand")
def test_a_long_horizon_is_rated_in_few_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 intervals by every fifth; all are alike, so the cost is that of all."""
    asked: list[int] = []

    def counted(of: Workload, fleet: Fleet, among: object) -> tuple[Candidate, ...]:
        asked.append(len(of.demand))
        return rated(of, fleet, among)

    monkeypatch.setattr(promises, "candidates", counted)
    made = two_pools(100)
    assert costs(made)[EasierPromise.TWICE_THE_TTFT].cost_usd == pytest.approx(
        made.totals.cost_usd / 2
    )
    assert set(asked) == {20}


@pytest.mark.usefixtures("by_hand")
def test_nothing_is_said_where_nothing_is_known() -> None:
    """Of a shortage, of capacities that are given, without pools, and when time is over."""
    made = two_pools()
    assert easier_promises(made, lambda: True) == ()
    assert easier_promises(replace(made, shortages=(shortage("chat-1", 0, 1.0),)), never) == ()
    assert easier_promises(replace(made, pools=()), never) == ()
    given = plan(day_scenario(horizon(2)), [pool([1, 1])])
    assert easier_promises(given, never) == ()


@pytest.mark.slow
def test_estimates_are_near_plans_made_anew() -> None:
    """Of the HeteroScale day by the hour, solved to 0.6 %: within 2 % of the cost."""
    loaded = load(str(ROOT / "scenarios" / "heteroscale-day"), interval="1h")
    made = make_plan(loaded.scenario, loaded.candidates, gap=6e-3, time_limit_s=60.0)
    estimates = {each.promise: each.gpu_hours for each in made.easier}
    for promise in (EasierPromise.TWICE_THE_TTFT, EasierPromise.P90):
        eased = tuple(map(promises._EASED[promise], loaded.scenario.workloads))
        anew = make_plan(
            replace(loaded.scenario, workloads=eased),
            [each for one in eased for each in candidates(one, loaded.scenario.fleet)],
            gap=6e-3,
            time_limit_s=60.0,
            compare=False,
        )
        assert made.totals.gpu_hours > anew.totals.gpu_hours, promise
        assert estimates[promise] == pytest.approx(anew.totals.gpu_hours, rel=0.02), promise
