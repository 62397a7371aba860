"""Heaps against `heapq` and sorted lists."""

from heapq import heapify, heappop, heappush
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from heteroplan.simulation.events.heaps import (
    pop_transfer,
    push_running,
    push_transfer,
    remove_running,
    set_timer,
)
from heteroplan.simulation.events.world import DECODE
from tests.simulation.events.small_worlds import engine, simulator, stream

SIZE = 12
TIMES = st.one_of(st.sampled_from([1.0, 2.0, 3.0]), st.floats(0.0, 10.0))
WORLD = simulator(stream([0.0] * SIZE, [1] * SIZE), [engine(DECODE, SIZE)] * SIZE).world


@given(st.lists(st.tuples(st.integers(0, SIZE - 1), st.one_of(TIMES, st.just(inf))), max_size=60))
def test_timers(settings: list[tuple[int, float]]) -> None:
    """The earliest timer is on top, of equal ones that of the first replica."""
    timers: dict[int, float] = {}
    for replica in range(SIZE):
        set_timer(WORLD, replica, inf)
    for replica, time_s in settings:
        set_timer(WORLD, replica, time_s)
        timers[replica] = time_s
        finite = [(at_s, index) for index, at_s in timers.items() if at_s < inf]
        assert WORLD.clock[0]["timers"] == len(finite)
        if finite:
            assert tuple(WORLD.timers[0]) == min(finite)
            assert WORLD.places[WORLD.timers[0]["replica"]] == 0
    order = []
    while WORLD.clock[0]["timers"] > 0:
        order.append(int(WORLD.timers[0]["replica"]))
        set_timer(WORLD, order[-1], inf)
    assert order == [index for _, index in sorted(finite)] if settings else not order


@given(st.lists(st.one_of(TIMES, st.none()), max_size=60))
def test_transfers(events: list[float | None]) -> None:
    """In the order of time, then of requests; None takes the next one out."""
    wanted: list[tuple[float, int]] = []
    free = list(range(SIZE))
    for time_s in [*events, *[None] * SIZE]:
        if time_s is not None and free:
            heappush(wanted, (time_s, free[0]))
            push_transfer(WORLD, time_s, free.pop(0))
        elif time_s is None and wanted:
            assert pop_transfer(WORLD) == heappop(wanted)[1]
    assert WORLD.clock[0]["transfers"] == 0


@given(
    st.lists(
        st.one_of(st.integers(1, 30), st.tuples(st.integers(0, SIZE - 1), st.just("out"))),
        max_size=60,
    )
)
def test_running(events: list[int | tuple[int, str]]) -> None:
    """The sequence that ends first is on top; any can be taken out."""
    heap, record = WORLD.running[0], WORLD.replicas[0]
    inside: dict[int, int] = {}
    for event in events:
        if isinstance(event, int):
            request = min(set(range(SIZE)) - set(inside), default=-1)
            if request >= 0:
                push_running(WORLD, 0, event, request)
                inside[request] = event
        elif inside:
            place = event[0] % len(inside)
            step, request = int(heap[place]["step"]), int(heap[place]["request"])
            assert remove_running(WORLD, 0, place) == request
            assert inside.pop(request) == step
        assert record["running"] == len(inside)
        if inside:
            assert heap[0]["step"] == min(inside.values())
    steps = list(inside.values())
    heapify(steps)
    while steps:
        assert inside[remove_running(WORLD, 0, 0)] == heappop(steps)
