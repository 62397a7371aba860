from dataclasses import replace

import numpy as np
import pytest

from heteroplan.outputs.replay.figures import (
    Kept,
    best,
    best_sentence,
    heading,
    keeps_slo,
    missed_classes,
    most_missed,
    notes,
    policy_columns,
    rejected_sentences,
    slo_sentence,
    verdict,
    workload_columns,
    worst_intervals,
)
from heteroplan.outputs.replay.rows import came_rps, missed, share_in_time
from heteroplan.simulation.results import ClassAttainment, PolicyReplay, Replay
from tests.replays import intervals, policy, replay

ALL = intervals([[1000, 2000]], [[990, 1980]])
HALF = intervals([[1000, 2000]], [[900, 2000]])
"""90 % of the first interval and all of the second: 2900 of 3000 together."""
LATE = intervals([[1000, 2000]], [[500, 1900]])
"""2400 of 3000: 80 %."""


def cells(of: Replay, head: str) -> tuple[str, ...]:
    return next(each.cells for each in policy_columns(of) if each.head.startswith(head))


def test_the_slo_is_missed_in_intervals_with_too_small_a_share_in_time() -> None:
    made = replay([policy("plan", HALF)])
    assert share_in_time(made.policies[0]).tolist() == [[0.9, 1.0]]
    assert missed(made, made.policies[0]).tolist() == [[True, False]]


def test_an_interval_without_requests_misses_nothing() -> None:
    made = replay([policy("plan", intervals([[0, 100]], [[0, 100]]))])
    assert np.isnan(share_in_time(made.policies[0])[0, 0])
    assert not missed(made, made.policies[0]).any()
    assert cells(made, "missed") == ("0",)


def test_a_share_that_is_the_percentile_keeps_it() -> None:
    """0.95 of 20 and of 60 requests are 19 and 57, whatever floats make of it."""
    made = replay([policy("plan", intervals([[20, 60]], [[19, 57]]))])
    assert not missed(made, made.policies[0]).any()
    assert keeps_slo(made, made.policies[0])


def test_classes_of_one_percentile_keep_it_together() -> None:
    """95 of 100 and 85 of 100 are 90 %; the strict class has 99 % of its own; all of them 93 %."""
    alike = [ClassAttainment(0, "a", 0.9, 100, 95), ClassAttainment(0, "b", 0.9, 100, 85)]
    strict = ClassAttainment(0, "strict", 0.99, 100, 99)
    table = intervals([[300]], [[279]])
    made = replay([replace(policy("plan", table), classes=(*alike, strict))])
    assert keeps_slo(made, made.policies[0])
    worse = replace(strict, attained_both=98)
    made = replay([replace(policy("plan", table), classes=(*alike, worse))])
    assert not keeps_slo(made, made.policies[0])
    assert missed_classes(made.policies[0]) == [worse]
    assert "98.0 % of the requests of class strict of chat in time, 99 % wanted" in verdict(made)[1]


def test_each_of_several_slos_is_kept() -> None:
    """Figures are of the second, P50, which 60 of 100 keep; P90 of the first is missed by one."""
    table = intervals([[100]], [[60]])
    slos = (ClassAttainment(0, "", 0.9, 100, 90), ClassAttainment(0, "", 0.5, 100, 60, item=1))
    made = replay([replace(policy("plan", table), classes=slos, percentiles=(0.5,))])
    assert keeps_slo(made, made.policies[0])
    assert not missed(made, made.policies[0]).any()
    worse = (replace(slos[0], attained_both=89), slos[1])
    made = replay([replace(made.policies[0], classes=worse, percentiles=(0.9,))])
    assert not keeps_slo(made, made.policies[0])
    assert "89.0 % of the requests of chat by SLO 1 in time, 90 % wanted" in verdict(made)[1]


def test_rates_of_an_interval_cut_short_are_over_its_own_time() -> None:
    """Intervals of 3600 s of which the second ends after 1800 s."""
    made = replay([policy("plan", HALF)], duration_s=5400.0)
    assert came_rps(made, made.policies[0]).tolist() == [[1000 / 3600, 2000 / 1800]]


@pytest.mark.parametrize(
    ("table", "kept", "text"),
    [
        (ALL, Kept.ALWAYS, "plan keeps the SLO in all 2 intervals with requests."),
        (
            HALF,
            Kept.ON_THE_WHOLE,
            "plan keeps the SLO over the whole replay (96.7 % of the requests in time), but not "
            "in 1 of 2 intervals with requests, worst 00:00 (90.0 % of 1,000 requests).",
        ),
        (
            LATE,
            Kept.NOT,
            "plan misses the SLO: 80.0 % of the requests of chat in time, 95 % wanted; it is "
            "missed in 1 of 2 intervals with requests, worst 00:00 (50.0 % of 1,000 requests).",
        ),
    ],
)
def test_the_verdict_is_on_the_plan(table: object, kept: Kept, text: str) -> None:
    made = replay([policy("hpa", ALL), policy("plan", table)])  # type: ignore[arg-type]
    assert verdict(made) == (kept, text)


def test_without_the_plan_the_verdict_is_on_the_first_policy() -> None:
    assert verdict(replay([policy("hpa", ALL)]))[1].startswith("hpa keeps the SLO")


def test_one_workload_that_falls_short_is_enough_to_miss_the_slo() -> None:
    """990 of 1000 and 90 of 100: 98 % of all requests, but 90 % of those of the second."""
    two = intervals([[1000], [100]], [[990], [90]])
    made = replay([policy("plan", two)], workloads=("chat", "code"))
    kept, text = verdict(made)
    assert kept is Kept.NOT
    assert "90.0 % of the requests of code in time, 95 % wanted" in text
    assert "1 of 2 intervals with requests (2 workloads), worst code 00:00" in text


def test_no_request_at_all_is_said() -> None:
    nothing = intervals([[0]], [[0]])
    made = replay([replace(policy("plan", ALL), intervals=nothing)])
    assert verdict(made) == (Kept.ALWAYS, "No request arrived.")


def of_costs(**costs: tuple[object, float, float]) -> Replay:
    """Policies by name: their intervals, cost and GPU-hours."""
    made: list[PolicyReplay] = [
        policy(name, table, cost_usd=usd, gpu_hours=hours)  # type: ignore[arg-type]
        for name, (table, usd, hours) in costs.items()
    ]
    return replay(made)


def test_the_best_policy_is_the_cheapest_of_those_that_keep_the_slo() -> None:
    made = of_costs(cheap=(LATE, 10, 10), fair=(ALL, 30, 40), dear=(ALL, 40, 30))
    assert best(made) is made.policies[1]
    assert cells(made, "policy") == ("  cheap", "* fair", "  dear")
    assert cells(made, "SLO") == ("missed", "kept", "kept")
    assert best_sentence(made).startswith("* fair keeps the SLO over the whole replay for the")
    by_hours = replace(made, objective="gpu_hours")
    assert best(by_hours) is made.policies[2]
    assert "least GPU-hours" in best_sentence(by_hours)


def test_where_no_policy_keeps_the_slo_the_nearest_is_named() -> None:
    made = of_costs(a=(LATE, 10, 10), b=(intervals([[100]], [[90]]), 30, 40))
    assert best(made) is None
    assert best_sentence(made) == (
        "No policy keeps the SLO over the whole replay; nearest is b with 90.0 % of the requests "
        "in time."
    )


def test_the_worst_intervals_come_first_and_of_like_ones_the_larger() -> None:
    table = intervals([[100, 100, 200], [100, 100, 0]], [[90, 50, 100], [100, 20, 0]])
    made = replay([policy("plan", table)], workloads=("chat", "code"))
    found = worst_intervals(made, made.policies[0], 3)
    assert [(each.workload, each.interval, each.share) for each in found] == [
        (1, 1, 0.2),
        (0, 2, 0.5),
        (0, 1, 0.5),
    ]
    assert cells(made, "worst") == ("20.0 01:00",)


def test_the_workload_with_most_misses_is_drawn_or_else_the_busiest() -> None:
    misses = policy("plan", intervals([[900, 900], [100, 100]], [[900, 900], [100, 10]]))
    keeps = policy("plan", intervals([[100, 100], [900, 900]], [[100, 100], [900, 900]]))
    assert most_missed(replay([misses], workloads=("a", "b")), misses) == 1
    assert most_missed(replay([keeps], workloads=("a", "b")), keeps) == 1


def test_workloads_tell_what_came_at_the_peak_and_what_was_planned_then() -> None:
    made = replay([policy("plan", HALF)], planned_rps=[[0.25, 0.5]])
    found = {each.head: each.cells for each in workload_columns(made)}
    assert found["peak\nrequests/s"] == ("0.556",)
    assert found["at"] == ("01:00",)
    assert found["planned\nthen"] == ("0.5",)
    assert found["plan\n% in time"] == ("96.7",)


def test_rejected_requests_are_told_by_reason_and_by_policy_where_they_differ() -> None:
    made = replay(
        [
            policy("plan", ALL, rejected={"too long": 3, "no replica": 1}),
            policy("hpa", ALL, rejected={"too long": 3}),
        ]
    )
    assert rejected_sentences(made) == [
        "Rejected by every policy: 3 (too long)",
        "Rejected (no replica): plan 1",
    ]
    assert cells(made, "re-") == ("4", "3")


def test_a_note_of_several_policies_is_told_once() -> None:
    made = replay(
        [
            policy("plan", ALL, notes=("no GPUs were free 3 times",)),
            policy("hpa", ALL, notes=("no GPUs were free 3 times", "assumed: SM activity")),
        ],
        notes=("Requests were drawn.",),
    )
    assert notes(made) == [
        "Requests were drawn.",
        "no GPUs were free 3 times",
        "hpa: assumed: SM activity",
    ]


def test_what_is_not_known_is_a_dash() -> None:
    made = replay([policy("plan", ALL, saved_fraction=None), policy("hpa", ALL, saved_fraction=0)])
    assert cells(made, "saved") == ("-", "0.0")
    busy = replace(made.policies[0], utilization={"prefill": 0.614, "aggregated": 0.3})
    two = replace(made, policies=(busy, made.policies[1]))
    column = next(each for each in policy_columns(two) if each.head.startswith("busy"))
    assert column.head == "busy %\nP/D/A"
    assert column.cells == ("61/-/30", "61/55/-")


@pytest.mark.parametrize(
    ("duration_s", "told"),
    [
        (7200.0, "2026-11-23 00:00 to 2026-11-23 02:00 Asia/Singapore, 2 x 1 h, 20 requests"),
        (5400.0, "00:00 to 2026-11-23 01:30 Asia/Singapore, 2 x 1 h, the last one cut short, 20 "),
        (3610.5, "00:00 to 2026-11-23 01:00:11 Asia/Singapore, 2 x 1 h, the last one cut short"),
    ],
)
def test_the_heading_says_when_the_replay_ends(duration_s: float, told: str) -> None:
    made = replay([policy("plan", intervals([[10, 10]], [[10, 10]]))], duration_s=duration_s)
    assert told in heading(made)


def test_requests_that_reach_no_policy_are_told() -> None:
    """Two without tokens beside ten in the interval."""
    rows = intervals([[10]], [[10]])
    some = replay([policy("plan", rows, rejected={"no output tokens": 2})])
    assert "Requests without input or output tokens reach no policy" in slo_sentence(some)
    assert "reach no policy" not in slo_sentence(replay([policy("plan", rows)]))
