"""What is promised, in words."""

from dataclasses import replace
from math import inf

import pytest

from heteroplan.entities.arrivals import Arrivals, ArrivalsSource, Dispersion
from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import IntervalDemand, Role, Routing
from heteroplan.outputs.shared.promises import (
    MOST_SENTENCES,
    arrivals_text,
    promises,
    routing_text,
    slo_text,
    special_sentences,
)
from tests.builders import SHAPE, workload

PLAIN = Slo(2000.0, 50.0, 0.99)


@pytest.mark.parametrize(
    ("slo", "text"),
    [
        (PLAIN, "99 %: TTFT 2,000 ms, ITL 50 ms"),
        (
            replace(PLAIN, percentile=0.95, itl_of=ItlOf.TOKEN, itl_percentile=0.999),
            "95 %: TTFT 2,000 ms, ITL of each token 50 ms (99.9 %)",
        ),
        (
            Slo(2000.0, inf, 0.9, ttft_slowdown=3.0, itl_slowdown=1.5),
            "90 %: TTFT 2,000 ms and 3 times alone, ITL 1.5 times alone",
        ),
        (
            replace(PLAIN, also=(Slo(inf, inf, 0.5, e2e_slowdown=5.0),)),
            "99 %: TTFT 2,000 ms, ITL 50 ms; 50 %: last token 5 times alone",
        ),
    ],
)
def test_slo(slo: Slo, text: str) -> None:
    assert slo_text(slo) == text


def test_routing_names_the_roles_that_there_are_where_they_differ() -> None:
    load = workload()
    assert routing_text(load) == "least loaded"
    decode = {**load.routing, Role.DECODE: Routing.ROUND_ROBIN}
    assert routing_text(replace(load, routing=decode)) == (
        "prefill least loaded, decode round robin"
    )
    others = {**load.routing, Role.AGGREGATED: Routing.RANDOM}
    assert routing_text(replace(load, routing=others)) == "least loaded"


def test_arrivals_tell_the_dispersion_over_the_scales_at_the_percentile() -> None:
    load = replace(workload(), slo=PLAIN)
    assert arrivals_text(load) == "Poisson"
    alike = Arrivals((Dispersion(1.0, 0.99, 13.0, 13.0),), ArrivalsSource.STATED)
    assert arrivals_text(replace(load, arrivals=alike)) == "13 times Poisson (stated)"
    points = tuple(
        Dispersion(scale, share, prefill, 4.0)
        for scale, at_90, at_99 in ((0.1, 1.5, 2.0), (10.0, 6.0, 8.25))
        for share, prefill in ((0.9, at_90), (0.99, at_99))
    )
    measured = Arrivals(points, ArrivalsSource.MEASURED)
    assert arrivals_text(replace(load, arrivals=measured)) == (
        "prefill 2 to 8.25, decode 4 times Poisson (measured)"
    )


def test_classes_with_their_own_slo_follow_their_workload() -> None:
    strict = replace(SHAPE, name="short", slo=replace(PLAIN, ttft_ms=500.0))
    plain = IntervalDemand(1.0, (SHAPE, strict))
    loads = [replace(workload(), demand=(plain, plain)), workload("other")]
    found = list(promises(loads))
    assert [each.to for each in found] == ["w", "w (short)", "other"]
    assert found[1].slo == "99 %: TTFT 500 ms, ITL 50 ms"


def test_only_what_is_special_is_told_in_sentences_and_alike_together() -> None:
    plain = replace(workload("plain"), slo=PLAIN)
    random = {**plain.routing, Role.PREFILL: Routing.RANDOM, Role.DECODE: Routing.RANDOM}
    loads = [plain, *(replace(plain, name=name, routing=random) for name in ("a", "b"))]
    assert special_sentences(loads) == (
        "Promise of a, b: 99 %: TTFT 2,000 ms, ITL 50 ms; random routing; arrivals Poisson.",
    )
    bursty = [
        replace(
            plain,
            arrivals=Arrivals((Dispersion(1.0, 0.99, float(n), 1.0),), ArrivalsSource.STATED),
        )
        for n in range(2, MOST_SENTENCES + 4)
    ]
    *_, last = found = special_sentences(bursty)
    assert len(found) == MOST_SENTENCES + 1
    assert last == "and 2 more promises (report.html)"
    listed = replace(plain, slo=replace(PLAIN, also=(PLAIN,)))
    classes = (replace(SHAPE, slo=replace(PLAIN, ttft_ms=500.0)),)
    classed = replace(plain, demand=(IntervalDemand(1.0, classes),))
    assert (len(special_sentences([listed])), len(special_sentences([classed]))) == (1, 2)
