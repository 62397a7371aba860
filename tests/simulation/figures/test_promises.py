"""What requests were promised by their class, and what was kept, by hand."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np
import pytest

from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import IntervalDemand, RequestClass, Workload
from heteroplan.simulation.figures.latencies import attainment, of_items, of_requests
from heteroplan.simulation.figures.promises import promises
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import ClassAttainment
from tests.builders import workload
from tests.replays import requests, stream


def load(slo: Slo, *classes: RequestClass) -> Workload:
    own = classes or (RequestClass("all", 1.0, 1000.0, 100.0),)
    return replace(workload(), slo=slo, demand=(IntervalDemand(1.0, own),))


def kept(of: Workload, asked: RequestStream, **table: Sequence[float]) -> tuple[list[bool], ...]:
    """Of requests that arrive at 0: who kept TTFT and ITL."""
    first = table["first_s"]
    made = requests([0.0] * len(first), first, table["last_s"])
    more = {name: np.array(each) for name, each in table.items() if not name.endswith("t_s")}
    found = of_requests(promises([of], asked), asked, replace(made, **more), 3600.0)
    return found.in_ttft.tolist(), found.in_itl.tolist()


def test_targets_relative_to_the_request_alone() -> None:
    """Twice 100 ms and three times 20 ms; 100 gaps. A relative target alone, and the lesser."""
    times = {
        "first_s": [0.2, 0.21, 0.2],
        "last_s": [0.2 + 6.0, 0.21 + 6.1, 0.2 + 6.0],
        "first_alone_s": [0.1, 0.1, 0.05],
        "step_alone_s": [0.02, 0.02, 0.021],
    }
    relative = Slo(inf, inf, 0.9, ttft_slowdown=2.0, itl_slowdown=3.0)
    both = replace(relative, ttft_ms=150.0, itl_ms=59.0)
    asked = stream([0.0] * 3)
    assert kept(load(relative), asked, **times) == ([True, False, False], [True, False, True])
    assert kept(load(both), asked, **times) == ([False] * 3, [False] * 3)


def test_gaps_are_judged_one_by_one() -> None:
    """Of 100 gaps 10 may be late, of one token there are none; means do not count."""
    slo = Slo(1000.0, 20.0, 0.9, itl_percentile=0.9, itl_of=ItlOf.TOKEN)
    asked = stream([0.0] * 3, osl=[101, 101, 1])
    late: dict[str, Sequence[float]] = {
        "first_s": [0.1] * 3,
        "last_s": [9.0, 9.0, 0.1],
        "late_gaps": [10, 11, 0],
    }
    assert kept(load(slo), asked, **late) == ([True] * 3, [True, False, True])


def test_the_share_of_gaps_in_time_counts_requests_by_their_gaps() -> None:
    """10 late of 100 and 0 of 20: 110 of 120, though one of two requests is late."""
    slo = Slo(1000.0, 20.0, 0.95, itl_of=ItlOf.TOKEN)
    asked = stream([0.0] * 2, osl=[101, 21])
    table = replace(requests([0.0] * 2, [0.1] * 2, [1.0] * 2), late_gaps=np.array([10, 0]))
    found = attainment(of_requests(promises([load(slo)], asked), asked, table, 3600.0), 2)
    assert found.itl == pytest.approx(110 / 120)
    assert found.both == 0.5


SHORT = RequestClass("short", 0.5, 100.0, 10.0, slo=Slo(100.0, 60.0, 0.99))
LONG = RequestClass("long", 0.5, 4000.0, 10.0)
BY_CLASS = load(Slo(1000.0, 60.0, 0.9), SHORT, LONG)


def test_a_class_has_targets_of_its_own() -> None:
    asked = replace(stream([0.0] * 3), kind=np.array([0, 1, 0]))
    times = {"first_s": [0.1, 0.5, 0.5], "last_s": [1.0] * 3}
    assert kept(BY_CLASS, asked, **times)[0] == [True, True, False]


def test_requests_of_a_trace_are_of_the_nearest_class() -> None:
    """600 input tokens are 6 times 100 and 4,000 more than 6 times 600; 650 are nearer to 4,000."""
    asked = replace(stream([0.0] * 2, osl=10), isl=np.array([620, 650]))
    assert promises([BY_CLASS], asked).ttft_ms.tolist() == [100.0, 1000.0]


def test_requests_are_counted_by_class() -> None:
    asked = replace(stream([0.0] * 4), kind=np.array([0, 1, 0, 1]))
    sent, both = np.array([True, True, True, False]), np.array([True, True, False, False])
    assert promises([BY_CLASS], asked).classes(sent, both) == (
        ClassAttainment(0, "short", 0.99, 2, 1),
        ClassAttainment(0, "long", 0.9, 1, 1),
    )
    plain = load(Slo(1000.0, 60.0, 0.9))
    assert promises([plain], stream([0.0] * 4)).classes(sent, both) == ()


def test_gaps_have_limits_only_where_they_are_judged() -> None:
    by_gap = replace(SHORT, slo=Slo(100.0, 60.0, 0.99, itl_of=ItlOf.TOKEN, itl_slowdown=2.0))
    asked = replace(stream([0.0] * 2), kind=np.array([0, 1]))
    limits = promises([load(Slo(1000.0, 60.0, 0.9), by_gap, LONG)], asked).gap_limits()
    assert limits is not None
    assert (limits.gap_s.tolist(), limits.over_alone.tolist()) == ([0.06, inf], [2.0, inf])
    assert promises([BY_CLASS], asked).gap_limits() is None


def test_the_last_token_is_judged_against_the_request_alone() -> None:
    """100 ms and 100 gaps of 20 ms alone: 2.1 s; twice that is 4.2 s, however it is made up."""
    slo = Slo(inf, inf, 0.9, e2e_slowdown=2.0)
    asked = stream([0.0] * 3, osl=101)
    made = replace(
        requests([0.0] * 3, [0.1, 1.0, 0.1], [4.2, 4.2, 4.21]),
        first_alone_s=np.full(3, 0.1),
        step_alone_s=np.full(3, 0.02),
    )
    found = of_requests(promises([load(slo)], asked), asked, made, 3600.0)
    assert found.kept.tolist() == [True, True, False]
    assert attainment(found, 3).both == pytest.approx(2 / 3)


TWO = Slo(100.0, 60.0, 0.5, also=(Slo(1000.0, 60.0, 0.9),))


def test_each_of_several_slos_is_judged() -> None:
    asked = stream([0.0] * 2)
    table = requests([0.0] * 2, [0.1, 0.5], [1.0] * 2)
    by_item = [promises([load(TWO)], asked, item) for item in (0, 1)]
    found = [of_requests(each, asked, table, 3600.0) for each in by_item]
    assert [each.kept.tolist() for each in found] == [[True, False], [True, True]]
    assert of_items(found, np.array([0])).kept.tolist() == [True, False]
    assert of_items(found, np.array([1])).in_ttft.tolist() == [True, True]
    sent = np.array([True, True])
    counted = [each.classes(sent, of.kept) for each, of in zip(by_item, found, strict=True)]
    assert counted == [
        (ClassAttainment(0, "", 0.5, 2, 1),),
        (ClassAttainment(0, "", 0.9, 2, 2, item=1),),
    ]


def test_a_class_keeps_its_last_slo_beside_more_of_the_workload() -> None:
    asked = replace(stream([0.0] * 2), kind=np.array([0, 1]))
    made = promises([load(TWO, SHORT, LONG)], asked, 1)
    assert made.ttft_ms.tolist() == [100.0, 1000.0]
    assert made.whose == ((0, "short", 0.99), (0, "long", 0.9))
