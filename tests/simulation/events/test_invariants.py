"""What holds in every simulation: nothing is lost, nothing depends on who looks."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.workload import Routing
from heteroplan.simulation.events.simulator import ReplicaFacts, SimulatorOptions
from heteroplan.simulation.events.world import (
    AGGREGATED,
    DECODE,
    FINISHED,
    GONE,
    PREFILL,
    REJECTED,
)
from heteroplan.simulation.requests import Floats, Integers
from tests.simulation.events.compiled_case import CompiledCase
from tests.simulation.events.small_worlds import (
    AGGREGATED_ENGINE,
    AT_ONCE,
    PREFILL_ENGINE,
    TOKEN_S,
    engine,
    simulator,
    stream,
)
from tests.simulation.naive_random import random_case

SEEDS = st.integers(10_000, 10**9)


@given(SEEDS)
def test_nothing_is_lost_while_replicas_stay(seed: int) -> None:
    """Each request is finished or rejected, has all its tokens, and leaves nothing behind."""
    case = random_case(seed)
    compiled = CompiledCase(
        replace(
            case,
            duration_s=1e5,
            commands=(),
            replicas=tuple(replace(each, at_start=True) for each in case.replicas),
        )
    )
    compiled.run()
    world = compiled.simulator.world
    outcome, workload = world.requests["outcome"], world.requests["workload"]
    done = outcome == FINISHED
    assert np.all(done | (outcome == REJECTED))
    for number, record in enumerate(world.workloads):
        own = done & (workload == number)
        assert record["finished"] == own.sum()
        assert record["decoded_tokens"] == world.requests["osl"][own].sum()
        assert record["prefilled_tokens"] >= world.requests["missed"][own].sum()
    for name in ("load", "running", "waiting", "prompts", "held", "summed", "reserved"):
        assert not world.replicas[name].any(), name
    assert not world.groups["in_flight"].any()
    assert not world.roles["present"].any()
    assert not world.roles["waiting"].any()
    assert not world.clock[0]["timers"]
    assert not world.clock[0]["transfers"]


@given(SEEDS)
def test_nothing_is_lost_when_replicas_come_and_go(seed: int) -> None:
    """What arrived is finished, rejected, or somewhere."""
    compiled = CompiledCase(random_case(seed))
    compiled.run()
    world = compiled.simulator.world
    present = world.roles["present"].sum(axis=1)
    for number, record in enumerate(world.workloads):
        own = world.requests["workload"] == number
        arrived = own & (np.cumsum(own) <= record["arrived"])
        rejected = (arrived & (world.requests["outcome"] == REJECTED)).sum()
        assert record["arrived"] == record["finished"] + rejected + present[number]
    in_flight = sum(int(each["load"]) for each in world.replicas if each["state"] != GONE)
    assert in_flight <= present.sum()
    assert world.groups["in_flight"].sum() <= present.sum()


@given(SEEDS, st.floats(0.01, 0.5))
def test_who_looks_changes_nothing(seed: int, each_s: float) -> None:
    """Counts settled at any moments leave all times as they are."""
    left_alone, looked_at = (CompiledCase(random_case(seed)) for _ in range(2))
    left_alone.run()
    looked_at.run(settle_each_s=each_s)
    for one, other in zip(left_alone.requests(), looked_at.requests(), strict=True):
        assert (one.outcome, one.restarts) == (other.outcome, other.restarts)
        for a, b in (
            (one.first_token_s, other.first_token_s),
            (one.last_token_s, other.last_token_s),
        ):
            assert abs(a - b) < 1e-7 or (isnan(a) and isnan(b))
    assert looked_at.simulator.busy_s() == pytest.approx(left_alone.simulator.busy_s(), abs=1e-7)
    for name in ("prefilled_tokens", "decoded_tokens", "finished"):
        counts = [each.simulator.world.workloads[name] for each in (left_alone, looked_at)]
        assert np.array_equal(counts[0], counts[1])


def drawn(amount: int, rate_rps: float, seed: int = 0) -> tuple[Floats, Integers]:
    """Arrivals of a Poisson process and exponential lengths of a second of prefill on average."""
    random = np.random.default_rng(seed)
    arrival_s = np.cumsum(random.exponential(1.0 / rate_rps, amount))
    return arrival_s, np.maximum(1, random.exponential(1e6, amount).round().astype(np.int64))


@pytest.mark.parametrize("routing", list(Routing))
def test_the_same_seed_gives_the_same_bytes(routing: Routing) -> None:
    tables = []
    for _ in range(2):
        made = simulator(
            stream(*drawn(2000, 3.0), 20),
            [PREFILL_ENGINE] * 4 + [engine(DECODE, 8, base=0.01, context=1e-5)] * 3,
            SimulatorOptions(seed=3),
            routing=routing,
        )
        made.run(3000.0)
        tables.append(made.table())
    for name in ("first_token_s", "last_token_s", "outcome", "restarts"):
        assert getattr(tables[0], name).tobytes() == getattr(tables[1], name).tobytes()


EVENLY = pytest.mark.parametrize(
    ("routing", "spread"), [(Routing.ROUND_ROBIN, 0), (Routing.RANDOM, 4 * 50)]
)


@EVENLY
def test_requests_are_spread_evenly(routing: Routing, spread: int) -> None:
    """10,000 requests on 4 replicas: 2,500 each in turn; at random within four times sqrt(2,500)
    and their shares of any two replicas are independent of the request before."""
    requests = stream(*drawn(10_000, 3.0))
    made = simulator(requests, [PREFILL_ENGINE] * 4 + [AT_ONCE], routing=routing)
    made.run(1e6)
    taken = made.world.requests["source"]
    assert np.abs(np.bincount(taken, minlength=4)[:4] - 2500).max() <= spread
    if routing is Routing.RANDOM:
        pairs = np.bincount(taken[:-1] * 4 + taken[1:], minlength=16)
        assert np.abs(pairs - 625).max() <= 4 * 25


@EVENLY
@pytest.mark.parametrize(
    "engines", [[PREFILL_ENGINE] + [AT_ONCE] * 4, [AGGREGATED_ENGINE] * 4], ids=["decode", "whole"]
)
def test_requests_are_spread_evenly_by_any_role(
    routing: Routing, spread: int, engines: list[ReplicaFacts]
) -> None:
    requests = stream(*drawn(10_000, 0.3))
    made = simulator(requests, engines, routing=routing)
    made.run(1e9)
    taken = made.world.requests["replica"]
    assert np.abs(np.bincount(taken)[-4:] - 2500).max() <= spread


CAPACITIES = np.array([1.0, 2.0, 5.0, 2.0])


@pytest.mark.parametrize(
    ("routing", "deviations"), [(Routing.ROUND_ROBIN, 0.0), (Routing.RANDOM, 4.0)]
)
@pytest.mark.parametrize("role", ["prefill", "decode", "whole"])
def test_unlike_replicas_have_shares_by_capacity(
    role: str, routing: Routing, deviations: float
) -> None:
    """1, 2, 5 and 2 of ten each: in turn exactly; at random within four standard deviations of a
    binomial number, and whatever the request before had."""
    kind = {"prefill": PREFILL, "decode": DECODE, "whole": AGGREGATED}[role]
    most = 1 if kind == PREFILL else 1000
    unlike = [engine(kind, most, token=TOKEN_S, capacity=each) for each in CAPACITIES]
    engines = {
        "prefill": [*unlike, AT_ONCE], "decode": [PREFILL_ENGINE, *unlike], "whole": unlike
    }[role]  # fmt: skip
    made = simulator(stream(*drawn(10_000, 0.3)), engines, routing=routing, alike=False)
    made.run(1e9)
    taken = made.world.requests["source" if role == "prefill" else "replica"]
    taken = taken - (role == "decode")
    shares = CAPACITIES / 10.0
    allowed = deviations * np.sqrt(10_000 * shares * (1.0 - shares))
    assert (np.abs(np.bincount(taken, minlength=4) - 10_000 * shares) <= allowed).all()
    if routing is Routing.RANDOM:
        pairs = np.bincount(taken[:-1] * 4 + taken[1:], minlength=16)
        both = np.outer(shares, shares).ravel()
        assert (np.abs(pairs - 9_999 * both) <= 4.0 * np.sqrt(9_999 * both)).all()


def test_random_routing_passes_over_replicas_that_leave_evenly() -> None:
    """Two of four leave: the others take half each, not the next one the share of who left."""
    made = simulator(
        stream(*drawn(10_000, 0.3)), [PREFILL_ENGINE] * 4 + [AT_ONCE], routing=Routing.RANDOM
    )
    made.linger(1)
    made.linger(2)
    made.run(1e9)
    taken = np.bincount(made.world.requests["source"], minlength=4)[:4]
    assert taken[1] == taken[2] == 0
    assert abs(taken[0] - 5000) <= 4 * 50


def test_more_replicas_than_the_first_block() -> None:
    """200 requests at once on 200 replicas: one each; a replica more than that stays idle."""
    made = simulator(stream([1.0] * 200, [10**6] * 200), [PREFILL_ENGINE] * 201 + [AT_ONCE] * 70)
    made.run(1.5)
    assert list(made.world.replicas["prompts"][:202]) == [1] * 200 + [0] * 2
    made.run(10.0)
    assert made.table().first_token_s == pytest.approx(2.0, abs=1e-5)


def test_a_number_is_given_again() -> None:
    """What the replica before had is forgotten, and the others keep theirs."""
    made = simulator(stream([0.0, 0.0, 5.0, 5.0], [10**6] * 4), [PREFILL_ENGINE] * 2 + [AT_ONCE])
    made.run(0.5)
    with pytest.raises(ValueError, match="replica 0 is not gone"):
        made.release(0)
    made.kill([0])
    made.release(0)
    assert made.start(PREFILL_ENGINE, 0, 0, 4.0) == 0
    made.run(100.0)
    table = made.table()
    # The first was lost at 0.5 s and waits for the other replica, which is free at 1 s.
    assert table.first_token_s == pytest.approx([2.0, 1.0, 6.0, 6.0], abs=1e-5)
    assert list(table.restarts) == [1, 0, 0, 0]
    assert sorted(made.world.requests["source"]) == [0, 1, 1, 1]


def test_longer_batches_than_before() -> None:
    """A decode replica that runs more sequences than all before it takes them all."""
    made = simulator(stream([1.0] * 9, [1] * 9, 3), [PREFILL_ENGINE, engine(DECODE, 2, base=1.0)])
    made.run(0.5)
    made.drain(1, 0.0)
    made.start(engine(DECODE, 9, base=1.0), 0, 0, 0.6)
    made.run(1.5)
    assert made.world.replicas[2]["waiting"] == 8
    made.run(100.0)
    assert made.table().last_token_s == pytest.approx([4.0] + [5.0] * 8, abs=1e-4)


def test_a_lone_request_by_hand() -> None:
    """Prefill 10 ms + 60 x 0.5 ms = 40 ms, transfer 0.5 ms + 100 kB / 100 MB/s = 1.5 ms, steps
    of 5 ms + 0.01 ms x (100, 101, 102) = 6, 6.01 and 6.02 ms."""
    made = simulator(
        stream([1.0], [100], 3, 40),
        [
            engine(0, 1, overhead=0.010, token=0.0005, bytes_per_s=2e8),
            engine(DECODE, base=0.005, context=1e-5, bytes_per_s=1e8),
        ],
        kv_bytes=1000.0,
    )
    made.run(10.0)
    assert made.table().first_token_s == pytest.approx([1.0475])
    assert made.table().last_token_s == pytest.approx([1.05953])
    assert made.busy_s() == pytest.approx([0.040 + 0.01803])


def test_a_drain_ends_while_a_request_is_on_the_way() -> None:
    """The replica waits for it: 2 s of transfer, though its time is over after one."""
    made = simulator(
        stream([0.0], [1000]),
        [engine(0, 1, overhead=1.0, bytes_per_s=1.0), engine(DECODE, base=1.0)],
        kv_bytes=0.002,
    )
    made.run(0.5)
    made.drain(1, 1.0)
    made.run(100.0)
    assert made.table().first_token_s == pytest.approx([4.0005])
    assert made.world.replicas[1]["gone"] == pytest.approx(4.0005)


def test_users_send_nothing_after_the_end() -> None:
    """Two users, a second a request: at 2.5 s four are done, two run, and no more are sent."""
    made = simulator(
        stream([0.0] * 20, [10**6] * 20),
        [PREFILL_ENGINE] * 2 + [AT_ONCE],
        SimulatorOptions(users=2),
    )
    made.run(2.5)
    made.close()
    made.run(100.0)
    table = made.table()
    assert made.world.workloads[0]["arrived"] == 6
    assert table.arrived_s[:6] == pytest.approx([0.0, 0.0, 1.0, 1.0, 2.0, 2.0], abs=1e-4)
    assert table.last_token_s[:6] == pytest.approx([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], abs=1e-4)
    assert np.isnan(table.arrived_s[6:]).all()


def test_a_replica_with_room_for_none_runs_one_at_a_time() -> None:
    """So a divided engine whose other half is all but missing does not hold requests for good."""
    made = simulator(stream([0.0] * 3, [1] * 3), [PREFILL_ENGINE, engine(DECODE, 0, base=1.0)])
    made.run(100.0)
    assert made.table().last_token_s == pytest.approx([1.0, 2.0, 3.0], abs=1e-4)
