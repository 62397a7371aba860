"""Days placed by sweeps alone: every rule kept, and full fleets packed nearly whole."""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running
from heteroplan.placement import Packing, pack
from heteroplan.placement.pack import Known
from heteroplan.verify.placement import placement_faults
from tests.builders import fleet
from tests.placement.cases import Case, Sizes, case
from tests.placement.test_properties import random_case

UTC = ZoneInfo("UTC")


@pytest.fixture(scope="module", autouse=True)
def sweeps_alone() -> Iterator[None]:
    """No lifetime is placed whole beforehand, and no other order is tried."""
    module = importlib.import_module("heteroplan.placement.pack")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_whole", lambda *_, **__: None)
        patch.setattr(module, "FEW", 0)
        yield


def faults(of: Case, packing: Packing) -> list[str]:
    """Of the stays, where what is unplaced is left out of the sizes."""
    replicas = of.replicas.copy()
    for each in packing.unplaced:
        times = np.arange(each.first, each.first + each.intervals) % of.problem.intervals
        replicas[each.pool, times] -= 1
    assert (replicas >= 0).all()
    return list(placement_faults(replace(of, replicas=replicas).plan(packing)))


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_sweep_keeps_every_rule(random: Random) -> None:
    of = random_case(random, most_intervals=8, growth=40)
    assert faults(of, of.packed()) == []


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_nobody_stays_on_a_node_that_is_away(random: Random) -> None:
    """One or two of three nodes are away for some hours of a day of six."""
    first = random.randrange(5)
    hours = [
        datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (first, random.randint(first + 1, 6))
    ]
    loads = [
        Sizes(
            {"s": [random.randint(0, 24 // gpus // 2) for _ in range(6)]},
            gpus=gpus,
            startup_s=random.choice([0.0, 3600.0]),
        )
        for gpus in random.sample([1, 2, 4, 8], 2)
    ]
    away = Outage("l1", "h100x8", random.randint(1, 2), hours[0], hours[1])
    on = fleet({"l1": {"h100x8": 3}}, spines={"l1": "s"}, outages=(away,))
    of = case(*loads, on=on, cyclic=random.random() < 0.5)
    assert faults(of, of.packed()) == []


def test_what_runs_begins_where_it_stands() -> None:
    """The second replica starts on the first node, as the other one has the second."""
    of = case(
        Sizes({"s": [1, 2, 1]}),
        on=fleet({"l1": {"h100x8": 2}}, spines={"l1": "s"}),
        cyclic=False,
        current=[Running("w0", "e", "h100x8", "l1", ("l1-h100x8-002",))],
    )
    packing = of.packed()
    assert faults(of, packing) == []
    begun = {stay.nodes: stay.first for stay in packing.stays}
    assert begun == {("l1-h100x8-002",): 0, ("l1-h100x8-001",): 1}


def test_what_runs_somewhere_on_a_leaf_has_nodes_of_its_own() -> None:
    """Three replicas of a whole node each."""
    of = case(
        Sizes({"s": [3, 2]}),
        on=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 3}}, spines={"l1": "s", "l2": "s"}),
        cyclic=False,
        current=[Running("w0", "e", "h100x8", "l2", ())] * 3,
    )
    packing = of.packed()
    assert faults(of, packing) == []
    assert {stay.leaf for stay in packing.stays} == {"l2"}


def test_who_must_stand_on_a_leaf_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two start at once, a node each; one may stand on either. No time is placed again."""
    monkeypatch.setattr(
        importlib.import_module("heteroplan.placement.day_sweep.sweep"), "RETRIES", ()
    )
    wide, narrow = Sizes({"s": [0, 1]}), Sizes({"l1": [0, 1]}, affinity=Affinity.LEAF)
    on = fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}, spines={"l1": "s", "l2": "s"})
    for loads in ((wide, narrow), (narrow, wide)):
        packing = case(*loads, on=on, cyclic=False).packed()
        assert packing.unplaced == ()
        assert len(packing.stays) == 2


def scattered_case(startup_s: float) -> Case:
    """After the first of seven hours each of two nodes is half empty; at the last one starts that
    needs a whole node.
    """
    small = Sizes({"s": [2] * 7}, gpus=4, startup_s=startup_s)
    early = Sizes({"s": [2] + [0] * 6}, gpus=4, startup_s=startup_s)
    large = Sizes({"s": [0] * 6 + [1]}, gpus=8, startup_s=startup_s)
    on = fleet({"l1": {"h100x8": 2}}, spines={"l1": "s"})
    current = [
        Running(f"w{w}", "e", "h100x8", "l1", (f"l1-h100x8-00{node}",))
        for w in (0, 1)
        for node in (1, 2)
    ]
    return case(small, early, large, on=on, cyclic=False, current=current)


@pytest.mark.parametrize("startup_s", [3600.0, 7200.0])
def test_a_small_replica_moves_where_a_large_one_would_find_no_room(startup_s: float) -> None:
    of = scattered_case(startup_s)
    packing = of.packed()
    assert faults(of, packing) == []
    assert packing.unplaced == ()
    assert [of.problem.pools[stay.pool].gpus for stay in packing.stays if stay.moved] == [4]


def full_case(seed: int, *, cyclic: bool) -> Case:
    """Sizes of replicas that fill eight nodes of 8 GPUs over a day, each where there was room.

    Starting takes an hour.
    """
    draw = np.random.default_rng(seed)
    gpus = (1, 1, 2, 2, 4, 8)
    hours = 24
    free = np.full((hours, 8), 8)
    sizes = np.zeros((len(gpus), hours), dtype=np.int64)
    for tried in range(700):
        pool = len(gpus) - 1 - tried // 150 if tried < 600 else int(draw.integers(2))
        first, length = int(draw.integers(hours)), int(draw.integers(2, 12))
        serves, holds = np.arange(first, first + length), np.arange(first - 1, first + length)
        if not cyclic:
            serves, holds = serves[serves < hours], holds[(holds >= 0) & (holds < hours)]
        room = np.flatnonzero((free[holds % hours] >= gpus[pool]).all(axis=0))
        if room.size:
            free[holds % hours, int(draw.choice(room))] -= gpus[pool]
            sizes[pool, serves % hours] += 1
    loads = [
        Sizes({"s": over_time.tolist()}, gpus=size, startup_s=3600.0)
        for size, over_time in zip(gpus, sizes, strict=True)
    ]
    return case(*loads, on=fleet({"l1": {"h100x8": 8}}, spines={"l1": "s"}), cyclic=cyclic)


@pytest.mark.parametrize("cyclic", [True, False])
def test_sizes_of_a_packing_are_packed_again(cyclic: bool) -> None:
    """Forty full days: of all GPU-hours, at most one in 1000 finds no room."""
    lost = held = 0
    for seed in range(40):
        of = full_case(seed, cyclic=cyclic)
        packing = of.packed()
        assert faults(of, packing) == []
        gpus = np.array([pool.gpus for pool in of.problem.pools])
        lost += sum(each.intervals * int(gpus[each.pool]) for each in packing.unplaced)
        held += int((gpus @ of.replicas).sum())
    assert held > 40 * 24 * 64 * 0.7
    assert lost <= held / 1000


def test_same_sizes_same_packing() -> None:
    assert full_case(3, cyclic=True).packed() == full_case(3, cyclic=True).packed()


def test_packing_that_is_stopped_keeps_every_rule() -> None:
    of = full_case(3, cyclic=True)
    packing = pack(of.scenario, of.candidates, of.problem, of.replicas, lambda: True)
    assert faults(of, packing) == []


def test_parts_that_are_known_are_not_packed_again() -> None:
    of = full_case(3, cyclic=True)
    known: Known = {}
    first = pack(of.scenario, of.candidates, of.problem, of.replicas, known=known)
    (kept,) = known.values()
    again = pack(of.scenario, of.candidates, of.problem, of.replicas, known=known)
    assert (first, [kept]) == (again, list(known.values()))


def crowded_case(seed: int) -> Case:
    """Sizes of replicas that fill eight nodes together: none need have the room that is left."""
    draw = np.random.default_rng(seed)
    gpus, hours = (1, 2, 4, 8), 24
    free, sizes = np.full(hours, 64), np.zeros((len(gpus), hours), dtype=np.int64)
    for _ in range(500):
        pool, first, length = (int(draw.integers(*each)) for each in ((4,), (hours,), (1, 7)))
        serves, holds = np.arange(first, first + length), np.arange(first - 1, first + length)
        if (free[holds % hours] >= gpus[pool]).all():
            free[holds % hours] -= gpus[pool]
            sizes[pool, serves % hours] += 1
    loads = [
        Sizes({"s": over_time.tolist()}, gpus=size, startup_s=3600.0)
        for size, over_time in zip(gpus, sizes, strict=True)
    ]
    return case(*loads, on=fleet({"l1": {"h100x8": 8}}, spines={"l1": "s"}))


def lost_gpu_hours(of: Case, packing: Packing) -> int:
    gpus = [pool.gpus for pool in of.problem.pools]
    return sum(each.intervals * gpus[each.pool] for each in packing.unplaced)


def test_more_laps_find_room_for_more_until_they_are_told_to_end() -> None:
    first = later = 0
    for seed in range(6):
        of, known = crowded_case(seed), dict[Any, Any]()
        inputs = of.scenario, of.candidates, of.problem, of.replicas
        packing = pack(*inputs, known=known)
        assert pack(*inputs, known=known, again=lambda: True) == packing
        again = pack(*inputs, known=known, again=lambda: False)
        assert faults(of, again) == []
        assert lost_gpu_hours(of, again) <= lost_gpu_hours(of, packing)
        first += lost_gpu_hours(of, packing)
        later += lost_gpu_hours(of, again)
    assert later < first
