"""Curation of a policy whose best option is known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.curation.curate import Effort, Subject, curate
from heteroplan.simulation.curation.results import Curation
from heteroplan.simulation.curation.search import Point
from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.policies.shared.options import Searched
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.run import PolicyChoice, ReplaySettings
from heteroplan.simulation.signals import ReplicaState, Signals
from heteroplan.simulation.system import ServingSystem, serving_system
from tests import builders

SIZE = {"size": Searched(1.0, 4.0)}


@dataclass
class OfSize:
    """So many replicas of each role, rounded, always."""

    size: float
    name: str = "of_size"
    period_s: float = 300.0
    window_s: float = 60.0

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        return PoolTargets(np.full(2, round(self.size), np.int64))


def made(point: Point) -> PolicyChoice:
    return PolicyChoice("of_size", point, lambda: OfSize(point["size"]))


SUBJECT = Subject("of_size", SIZE, {"size": (1.0, 4.0)}, {"size": 4.0}, made)
FIXED = replace(SUBJECT, name="fixed", box={}, defaults={"size": 3.0})


@pytest.fixture(scope="module")
def system() -> ServingSystem:
    """15 requests/s for four times 5 min; a replica of 4 GPUs serves 10 in either role."""
    scenario = builders.scenario([builders.workload(rps=[15.0] * 4)], interval_s=300)
    return serving_system(scenario, builders.candidates(scenario))


@pytest.fixture(scope="module")
def stream(system: ServingSystem) -> RequestStream:
    return drawn(system.scenario, seed=0)


@pytest.fixture(scope="module")
def found(system: ServingSystem, stream: RequestStream) -> Curation:
    return curated(system, stream)


def curated(system: ServingSystem, stream: RequestStream, *, jobs: int = 1) -> Curation:
    effort = Effort(cut=2, trials=10, seed=5, burstiness=1.0, jobs=jobs, requests=2000)
    return curate(
        system, stream, [SUBJECT, FIXED], ReplaySettings(), effort, lambda name, share: None
    )


def test_the_smallest_size_that_keeps_the_slo_is_found(found: Curation) -> None:
    """Two of each role bear 20 requests/s, one bears 10: 16 GPUs for 10 min, half of 32."""
    sized, fixed = found.policies
    assert round(sized.found.options["size"]) == 2
    for part in (sized.found.seen, sized.found.unseen):
        assert part.gpu_hours == pytest.approx(16 / 6)
        assert part.shortfall((0.95,)) == 0.0
    assert sized.gain("gpu_hours") == pytest.approx(0.5)
    assert len(sized.trials) == 10
    assert sized.given.options == {"size": 4.0}
    assert sized.text == f"of_size:size={sized.found.options['size']:g}"
    assert (fixed.trials, fixed.text, fixed.gain("cost")) == ((), "fixed", 0.0)
    assert fixed.found.unseen.gpu_hours == pytest.approx(24 / 6)


def test_parts_add_up_to_the_whole(found: Curation, stream: RequestStream) -> None:
    _, fixed = found.policies
    assert fixed.given.seen.requests[0] + fixed.given.unseen.requests[0] == len(stream)
    assert fixed.given.seen.requests[0] == int((stream.arrival_s < 600.0).sum())


def test_what_comes_later_changes_nothing_that_was_searched(
    system: ServingSystem, stream: RequestStream, found: Curation
) -> None:
    """Without the requests of the unseen part but one in ten, the same options are found."""
    kept = (stream.arrival_s < 600.0) | (np.arange(len(stream)) % 10 == 0)
    arrays = ("workload", "arrival_s", "isl", "cached", "osl")
    thinner = replace(stream, **{name: getattr(stream, name)[kept] for name in arrays})
    before, after = found.policies[0], curated(system, thinner).policies[0]
    assert after.trials == before.trials
    assert after.found.options == before.found.options
    assert after.found.seen == before.found.seen
    assert after.found.unseen.requests < before.found.unseen.requests


def test_one_job_and_two_find_the_same(
    system: ServingSystem, stream: RequestStream, found: Curation
) -> None:
    assert curated(system, stream, jobs=2) == found


def test_progress_is_told_by_policy_and_can_stop_the_search(
    system: ServingSystem, stream: RequestStream
) -> None:
    shares: dict[str, list[float]] = {}

    def told(name: str, share: float) -> None:
        shares.setdefault(name, []).append(share)
        if name == "of_size" and len(shares[name]) > 5:
            raise KeyboardInterrupt

    effort = Effort(cut=2, trials=10, seed=5, burstiness=1.0, jobs=1, requests=2000)
    with pytest.raises(KeyboardInterrupt):
        curate(system, stream, [SUBJECT], ReplaySettings(), effort, told)
    assert shares["pressure test"][-1] == 1.0
    assert "fixed" not in shares


def test_pressure_tests_find_the_split_of_equal_capacity(found: Curation) -> None:
    """16 replicas that serve as much in either role: 8 and 8, give or take one."""
    (test,) = found.tests
    assert (test.prefill, test.decode, test.planned_ratio) == ("prefill", "decode", 1.0)
    assert abs(test.best.prefill - 8) <= 1
    assert test.best.prefill + test.best.decode == 16
    rates: Mapping[int, float] = {each.prefill: each.promised_rps for each in test.splits}
    assert rates[8] == 80.0
    assert test.best.rate_rps > 0.9 * test.best.promised_rps
