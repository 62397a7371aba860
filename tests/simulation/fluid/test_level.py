"""The fluid level: nothing is lost, constant loads, overload, replicas that come and go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.simulation.arrivals.flows import from_demand
from heteroplan.simulation.arrivals.rates import Planned
from heteroplan.simulation.events.simulator import SimulatorOptions
from heteroplan.simulation.fluid.level import Fluid
from heteroplan.simulation.rate_stream import Mix, RateStream
from heteroplan.simulation.replicas.engine_numbers import replica_facts
from heteroplan.simulation.run import FOLLOWED_S, ReplaySettings
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL
from heteroplan.simulation.system import ServingSystem
from tests.fixed_size import run, scenario, system_of

SHAPE = Mix(np.array([1000]), np.array([0]), np.array([200]))


def rates(*rps: float, piece_s: float = 600.0, mix: Mix = SHAPE) -> RateStream:
    """Rates of one workload, each for `piece_s`."""
    edges_s = np.arange(len(rps) + 1.0) * piece_s
    zeros = np.zeros((1, len(rps)), np.int64)
    return RateStream(("w",), edges_s, np.array([rps]), ((mix,),), zeros)


class Running:
    """A fluid simulation whose replicas a test starts and stops."""

    def __init__(
        self, stream: RateStream, *, aggregated: bool = False, step_s: float = 1.0
    ) -> None:
        self.system: ServingSystem = system_of(scenario([1.0], aggregated=aggregated))
        self.level = Fluid(self.system, stream, SimulatorOptions(), 3600.0, step_s)

    def start(self, role: int, ready_s: float = 0.0) -> int:
        number = next(n for n, each in enumerate(self.system.options) if each.role == role)
        facts = replica_facts(
            self.system.options[number], number, self.system.scenario.workloads[0]
        )
        return self.level.start(facts, 0, 0, ready_s)

    def present(self) -> float:
        """Requests in the system, as they are kept."""
        pool = self.level.flow.pools[0]
        names = ("queued", "prefilling", "admitting", "decoding", "leaving")
        return float(sum(pool[name].sum() for name in names))

    def tokens(self) -> float:
        """Output tokens still to be given to requests that were prefilled."""
        pool = self.level.flow.pools[0]
        names = ("admitting_tokens", "decoding_tokens", "leaving_tokens")
        return float(sum(pool[name].sum() for name in names))

    def total(self, name: str) -> float:
        return float(self.level.counts().totals[name][0])


ROLES = st.sampled_from([PREFILL, DECODE])
CHANGES = st.lists(
    st.tuples(
        st.floats(0.3, 90.0),
        st.sampled_from(["start", "drain", "kill", "linger", "restore"]),
        st.integers(0, 9),
        ROLES,
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(
    rps=st.lists(st.floats(0.0, 60.0), min_size=1, max_size=4),
    changes=CHANGES,
    step_s=st.sampled_from([0.5, 1.0, 3.0]),
)
def test_no_request_and_no_token_is_lost(
    rps: list[float], changes: list[tuple[float, str, int, int]], step_s: float
) -> None:
    """Whatever replicas do: arrived = finished + present, and tokens given are those owed."""
    running = Running(rates(*rps), step_s=step_s)
    serving = [running.start(role) for role in (PREFILL, DECODE)]
    apart: list[int] = []
    killed = False
    for after_s, what, index, role in changes:
        running.level.run(min(running.level.now_s + after_s, len(rps) * 600.0))
        if what == "start":
            serving.append(running.start(role))
        elif what == "restore" and apart:
            running.level.restore(apart[0])
            serving.append(apart.pop(0))
        elif what in ("drain", "linger", "kill") and serving:
            number = serving.pop(index % len(serving))
            if what == "drain":
                running.level.drain(number, 5.0)
            elif what == "linger":
                running.level.linger(number)
                apart.append(number)
            else:
                running.level.kill([number])
                killed = True
    running.level.run(len(rps) * 600.0)
    arrived = running.total("arrived")
    assert arrived == pytest.approx(sum(rps) * 600.0)
    assert running.total("finished") + running.present() == pytest.approx(arrived, abs=1e-6)
    given, owed = (
        running.total("decoded_tokens"),
        200.0 * running.total("prefilled_tokens") / 1000.0,
    )
    if killed:
        assert given + running.tokens() <= owed + 1e-6 * max(1.0, owed)
    else:
        assert given + running.tokens() == pytest.approx(owed, abs=1e-4)
    assert min(running.level.flow.pools[0][name].min() for name in ("queued", "decoding")) >= 0.0


def test_a_constant_load_keeps_littles_law() -> None:
    """5 requests/s: half a replica prefills, and rate * 200 steps decode."""
    running = Running(rates(5.0))
    running.start(PREFILL)
    running.start(DECODE)
    running.level.run(600.0)
    pool, roles = running.level.flow.pools[0, 0], running.level.counts()
    assert pool["decoding"] == pytest.approx(5.0 * 200.0 * pool["step"], rel=1e-3)
    assert pool["prefilling"] == pytest.approx(0.5, rel=1e-3)
    assert pool["wait"] == pytest.approx(0.5 * 0.1 / (2.0 * 0.5), rel=1e-3)
    assert roles.waiting[0, PREFILL] == pytest.approx(5.0 * 0.05, rel=1e-3)
    busy = roles.busy_s / 600.0
    assert busy.tolist() == pytest.approx([0.5, 1.0], rel=0.02)


def test_a_lone_request_takes_its_own_time() -> None:
    """100 ms of prefill and a decode step of one sequence; then 199 steps."""
    running = Running(rates(0.001, piece_s=36000.0))
    running.start(PREFILL)
    running.start(DECODE)
    running.level.run(36000.0)
    served = running.level.served([0.5], 3600.0)
    step_ms = 15.0 + 0.15 + 1e-4 * 1100.0
    assert served.itl_p50_ms[0, 0] == pytest.approx(step_ms, rel=1e-3)
    assert served.ttft_p50_ms[0, 0] == pytest.approx(100.0 + step_ms, rel=0.02)
    assert served.attainment.both == 1.0


def test_overload_grows_by_what_is_not_served() -> None:
    """14 requests/s come, 10 are prefilled: 4 more wait every second."""
    running = Running(rates(14.0, piece_s=1000.0))
    running.start(PREFILL)
    for _ in range(3):
        running.start(DECODE)
    running.level.run(500.0)
    before = running.level.counts().waiting[0, PREFILL]
    running.level.run(1000.0)
    after = running.level.counts().waiting[0, PREFILL]
    assert before == pytest.approx(4.0 * 500.0, rel=0.01)
    assert after - before == pytest.approx(4.0 * 500.0, rel=1e-3)


def test_who_comes_first_is_served_first_and_the_last_are_unfinished() -> None:
    """Of 14000 requests 10000 are served in 1000 s: those that came in the first 714 s."""
    stream = rates(14.0, piece_s=1000.0)
    running = Running(stream)
    running.start(PREFILL)
    for _ in range(3):
        running.start(DECODE)
    running.level.run(1000.0)
    served = running.level.served([0.5], 3600.0)
    assert served.requests.sum() == 14000
    assert served.finished.sum() + served.unfinished == 14000
    assert served.finished.sum() == pytest.approx(10000, rel=0.01)
    assert served.ttft_ms.p50 == pytest.approx(1000.0 * 0.5 * (1.0 - 10.0 / 14.0) * 1e3, rel=0.03)


def test_decode_without_room_makes_requests_wait() -> None:
    """16 sequences at a time, 200 steps of about 19 ms each: 4.2 requests/s and no more."""
    system = system_of(scenario([6.0], sequences=16))
    found = run(system, from_demand(system.scenario, seed=0, planned=Planned()), [2, 1])
    step_s = (15.0 + 16 * (0.15 + 1e-4 * 1100.0)) / 1e3
    assert found.finished == pytest.approx((3600.0 + FOLLOWED_S) * 16 / (200.0 * step_s), rel=0.01)
    assert found.attainment.ttft < 0.02


def test_an_aggregated_replica_does_both() -> None:
    """2 requests/s take 0.2 of the time for prefill: steps are 1.25 times as long."""
    running = Running(rates(2.0), aggregated=True)
    running.start(AGGREGATED)
    running.level.run(600.0)
    pool = running.level.flow.pools[0, 1]
    assert pool["through"] == pytest.approx(2.0, rel=1e-6)
    assert pool["decoding"] == pytest.approx(2.0 * 200.0 * pool["step"], rel=1e-3)
    assert pool["step"] > 1.25 * 0.0152


def test_a_replica_that_starts_serves_when_it_is_ready() -> None:
    """Nobody prefills for 100.5 s; then two replicas work off what waits, 10 requests/s each."""
    running = Running(rates(10.0))
    for _ in range(2):
        running.start(PREFILL, ready_s=100.5)
        running.start(DECODE)
    running.level.run(100.0)
    assert running.total("first_tokens") == 0.0
    running.level.run(110.5)
    assert running.level.flow.pools[0, 0]["queued"] == pytest.approx(1105.0 - 200.0, rel=0.01)
    assert running.level.now_s == 110.5


def test_a_replica_that_drains_goes_when_it_is_done() -> None:
    """The longest of its sequences has most of 200 steps before it; the others take no notice."""
    running = Running(rates(5.0))
    running.start(PREFILL)
    gone, _ = running.start(DECODE), running.start(DECODE)
    running.level.run(300.0)
    before = running.present()
    running.level.drain(gone, 1.0)
    assert running.present() == pytest.approx(before)
    step_s = float(running.level.flow.pools[0, 0]["step"])
    assert 100 * step_s < running.level.gone_s(gone) - 300.0 <= 200 * step_s
    assert running.level.flow.pools[0, 0]["leaving"] == pytest.approx(
        5.0 * 200 * step_s / 2, rel=0.01
    )


def test_what_was_on_a_killed_replica_is_queued_again() -> None:
    running = Running(rates(5.0))
    running.start(PREFILL)
    killed, _ = running.start(DECODE), running.start(DECODE)
    running.level.run(300.0)
    decoding, present = float(running.level.flow.pools[0, 0]["decoding"]), running.present()
    running.level.kill([killed])
    assert running.present() == pytest.approx(present)
    assert running.level.flow.pools[0, 0]["decoding"] == pytest.approx(decoding / 2)
    assert running.level.gone_s(killed) == 300.0


def test_the_length_of_a_step_hardly_matters() -> None:
    system = system_of(scenario([30.0, 36.0, 42.0, 20.0]))
    stream = from_demand(system.scenario, seed=0, planned=Planned())
    one, five = (
        run(system, stream, [4, 4], ReplaySettings(step_s=step_s)) for step_s in (1.0, 5.0)
    )
    assert five.attainment.both == pytest.approx(one.attainment.both, abs=0.01)
    assert five.intervals.waiting == pytest.approx(one.intervals.waiting, rel=0.05)


def test_requests_that_no_engine_takes_are_refused_by_reason() -> None:
    mix = Mix(np.array([1000, 700_000]), np.array([0, 0]), np.array([200, 200]))
    running = Running(rates(1.0, mix=mix))
    running.start(PREFILL)
    running.start(DECODE)
    running.level.run(600.0)
    served = running.level.served([0.5], 600.0)
    assert dict(served.rejected) == {"longer than the KV cache of any engine": 300}
    assert int(served.finished.sum()) + served.unfinished == 300
