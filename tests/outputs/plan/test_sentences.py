from dataclasses import replace
from typing import Any

import pytest

from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.plan import Calming, Calmness, EasierPromise, PromiseCost, Termination
from heteroplan.entities.scenario import Objective
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import LimitPart
from heteroplan.outputs.plan.sentences import (
    extrapolated_in_use,
    greedy_sentences,
    limit_sentence,
    limit_sentences,
    promise_sentence,
    router_notes,
    saved_text,
    serves_alike,
    solver_sentence,
    spells,
    used_engine_notes,
    used_engines,
    verdict,
)
from heteroplan.schedules.formats import ExportOptions, exported
from tests.plans import baseline, day_scenario, horizon, measured, plan, pool, shortage


def short_plan(*shortages: Any, workloads: Any = 1, **during: Any) -> Any:
    of = day_scenario(horizon(24, timezone="Asia/Singapore", **during), workloads=workloads)
    return plan(of, [pool([1] * 24)], shortages=[shortage(*s) for s in shortages])


def test_consecutive_intervals_are_one_spell() -> None:
    """Hours 18, 19 and 20 short, then 22: 18:00 to 21:00 (worst 4 of 10) and 22:00 to 23:00."""
    made = short_plan(
        ("chat-1", 18, 2.0, "h100x8"),
        ("chat-1", 20, 3.0, "h100x8"),
        ("chat-1", 19, 4.0, "l40sx8"),
        ("chat-1", 22, 1.0, "h100x8"),
    )
    first, second = spells(document_of(made))
    assert first.when(document_of(made).horizon) == "18:00 to 21:00"
    assert (first.worst_rps, first.worst_fraction) == (4.0, 0.4)
    assert first.limited_by == "h100x8 full in a-s1; l40sx8 full in a-s1"
    assert second.when(document_of(made).horizon) == "22:00 to 23:00"


def test_verdict_says_who_when_how_much_and_why() -> None:
    """4 of 240 requests/s-hours are unserved: 1.7 %."""
    made = short_plan(("chat-1", 18, 4.0, "h100x8"))
    assert verdict(document_of(made)) == (
        "Not covered: 1.7 % of requests unserved. chat-1: up to 4 requests/s (40.0 %) "
        "unserved 18:00 to 19:00, limited by h100x8 full in a-s1."
    )
    made = short_plan(("chat-1", 1, 4.0), ("chat-2", 2, 5.0), workloads=2)
    assert "2 workloads are affected, most of all chat-2: up to 5 requests/s" in verdict(
        document_of(made)
    )


def test_verdict_tells_what_is_proven_from_what_was_not_found() -> Any:
    """4 of 240 requests/s-hours: 1.7 %; half of them proven: 0.8 %; none: undecided."""
    made = short_plan(("chat-1", 18, 4.0, "h100x8"))

    def proven(share: float) -> str:
        bound = share * made.report.unserved_requests
        report = replace(made.report, unserved_requests_bound=bound)
        return verdict(document_of(replace(made, report=report)))

    assert proven(0.5).startswith(
        "Not covered: 1.7 % of requests unserved, at least 0.8 % in any plan. chat-1: up to"
    )
    assert proven(0.0) == (
        "Undecided: at most 1.7 % of requests unserved; the search ended before it was known "
        "whether a plan serves all. Best plan so far: chat-1: up to 4 requests/s (40.0 %) unserved "
        "18:00 to 19:00, limited by h100x8 full in a-s1. Raise --time-limit."
    )


def test_undecided_names_rules_of_stability_that_leave_demand_unserved() -> None:
    made = short_plan(("chat-1", 18, 4.0, "h100x8"))
    calming = Calming(Calmness(5, 3, 9.0), Calmness(1, 1, 8.0, made.report.unserved_requests))
    report = replace(made.report, unserved_requests_bound=0.0, calming=calming)
    told = verdict(document_of(replace(made, report=report)))
    assert "whether a plan serves all and keeps min_run and max_changes. Best plan" in told
    assert told.endswith(
        "Relax min_run and max_changes, without which more was served, or raise --time-limit."
    )


def test_a_bound_by_priority_holds_for_plans_that_serve_the_more_urgent_as_well() -> None:
    """A plan that gives those up may leave fewer requests unserved in all."""
    made = short_plan(("chat-1", 18, 4.0, "h100x8"), workloads=2)
    first, *others = made.scenario.workloads
    ranked = (replace(first, priority=2), *others)
    planned = tuple(replace(each, priority=2 - i) for i, each in enumerate(made.workloads))
    report = replace(made.report, unserved_requests_bound=0.5 * made.report.unserved_requests)
    made = replace(
        made,
        scenario=replace(made.scenario, workloads=ranked),
        workloads=planned,
        report=report,
    )
    assert "in any plan that serves higher priorities as much." in verdict(document_of(made))


def test_long_horizons_show_dates() -> None:
    made = short_plan(("chat-1", 1, 4.0), interval_s=86400)
    assert "2026-11-24 00:00 to 2026-11-25 00:00" in verdict(document_of(made))


def test_covered_plan() -> None:
    assert verdict(document_of(short_plan())).startswith("Covered")


@pytest.mark.parametrize(
    ("termination", "words"),
    [
        (Termination.OPTIMAL, "proven optimal"),
        (Termination.GAP_REACHED, "within the wanted gap"),
        (Termination.TIME_LIMIT, "stopped by its share of the time limit"),
        (Termination.EXHAUSTED, "ended without a further step to try"),
        (Termination.INTERRUPTED, "interrupted, best plan so far"),
    ],
)
def test_solver_sentence_never_calls_a_time_limit_optimal(termination: Any, words: Any) -> None:
    """24 h of 4 GPUs at 2 USD are 192 USD; the builder's bound is 0.8 % below."""
    made = plan(day_scenario(horizon(24)), [pool([1] * 24)], termination=termination)
    assert solver_sentence(document_of(made)) == (
        f"Solver: {words}, gap 0.8 % (192.00 USD, bound 190.46), 1.2 s"
    )


def saved(made: Any, against: Any) -> Any:
    """What is said of one baseline of a plan."""
    document = document_of(replace(made, savings=(against,)))
    return saved_text(document, against.name, document.savings[against.name])


def test_saved_only_against_what_serves_as_much() -> None:
    """At 2 times the plan's cost 50 % are saved; 1 request of 864,000 unserved is < 0.1 %."""
    made = short_plan()
    assert saved(made, baseline(made, "static_peak", 2.0)) == "50.0 %"
    greedy = baseline(made, "greedy_topology", 2.0, unserved_requests=1.0)
    assert saved(made, greedy) == "< 0.1 % unserved"
    short = short_plan(("chat-1", 18, 4.0))
    assert saved(short, baseline(short, "static_peak", 2.0)) == "0.0 % unserved"
    same = baseline(short, "greedy_topology", 2.0, unserved_requests=4.0 * 3600)
    assert saved(short, same) == "50.0 %"


def test_nothing_is_saved_against_a_bound_or_without_a_figure() -> None:
    made = short_plan()
    assert saved(made, baseline(made, "lower_bound", 0.5)) == ""
    document = document_of(replace(made, savings=(baseline(made, "lower_bound", 0.5),)))
    assert not serves_alike(document, "lower_bound", document.savings["lower_bound"])
    without = replace(baseline(made, "without_resilience", 2.0), saved_fraction=None)
    assert saved(made, without) == ""


def test_price_of_the_promise() -> None:
    """96 GPU-hours with it and 80 without: 0.2 of those 80 more."""
    made = short_plan()
    assert saved(made, baseline(made, "without_resilience", 80 / 96)) == "price 20.0 %"


def greedy_plan(own: Any, greedy: Any, stranded: Any = 0.0) -> Any:
    made = plan(day_scenario(horizon(24)), [pool([1] * 24)], gpu_hours_by_priority=own)
    algorithm_4 = baseline(
        made,
        "greedy_topology",
        1.0,
        gpu_hours_by_priority=greedy,
        stranded_replica_hours=stranded,
    )
    return replace(made, savings=(algorithm_4,))


HIGH, MEDIUM, LOW = SubgroupPriority.HIGH, SubgroupPriority.MEDIUM, SubgroupPriority.LOW


@pytest.mark.parametrize(
    ("own", "greedy", "words"),
    [
        ({HIGH: 120.0, MEDIUM: 9.0}, {HIGH: 340.0, MEDIUM: 7.0}, ("high-priority", "120", "340")),
        ({LOW: 120.0}, {HIGH: 340.0}, ("high-priority", "0", "340")),
        ({MEDIUM: 120.0}, {MEDIUM: 340.0}, ("medium-priority", "120", "340")),
    ],
)
def test_the_scarcest_hardware_in_use_is_compared(own: Any, greedy: Any, words: Any) -> None:
    priority, ours, theirs = words
    assert greedy_sentences(document_of(greedy_plan(own, greedy))) == (
        f"On {priority} hardware: {ours} GPU-hours, greedy {theirs}.",
    )


def test_low_priority_hardware_is_not_worth_a_line() -> None:
    assert greedy_sentences(document_of(greedy_plan({LOW: 120.0}, {LOW: 340.0}))) == ()


def test_stranded_replicas_are_said() -> None:
    assert greedy_sentences(document_of(greedy_plan({LOW: 1.0}, {LOW: 1.0}, 24.0))) == (
        "Greedy: 24 replica-hours idle (too little prefill or decode in the group).",
    )


def limit(first: Any, last: Any, *pools: Any) -> Any:
    return LimitPart(
        level=Affinity.SPINE,
        domain="a-s1",
        node_type="l40sx8",
        first=first,
        last=last,
        pools=pools,
    )


def test_limit_says_where_when_and_whom() -> None:
    during = HorizonPart.model_validate(horizon(48, interval_s=1800))
    assert limit_sentence(limit(36, 42, "decode of chat-70b"), during) == (
        "spine a-s1: l40sx8 full 18:00 to 21:30; decode of chat-70b limited by it"
    )
    assert limit_sentence(limit(0, 47, *"abcde"), during) == (
        "spine a-s1: l40sx8 full all the time; a, b, c and 2 more limited by it"
    )
    assert limit_sentence(limit(0, 0), during) == "spine a-s1: l40sx8 full 00:00 to 00:30"


def test_longest_limits_first() -> None:
    """2, 1 and 3 hours."""
    limits = [limit(0, 1, "a"), limit(3, 3, "b"), limit(5, 7, "c")]
    day = HorizonPart.model_validate(horizon(24))
    shown = [text.split("; ")[1] for text in limit_sentences(limits, day, 3)]
    assert shown == [f"{name} limited by it" for name in "cab"]
    assert limit_sentences(limits, day, 1)[1:] == ("and 2 more (heteroplan explain)",)


def test_candidates_in_use_are_those_of_the_span() -> None:
    """Group chat-1@a-s1 is one leaf: figures for groups on a leaf are used, not for a spine."""
    made = short_plan()
    one, *others = made.candidates
    decode = others[0]
    spans = tuple(replace(decode, span=span) for span in (Affinity.LEAF, Affinity.SPINE))
    document = document_of(replace(made, candidates=(one, *spans)))
    assert [each.span for each in used_engines(document)] == [Affinity.LEAF]


def extrapolated_plan() -> Any:
    """H100 decode runs beyond its range and with no bound on its KV cache; L40S is not used."""
    made = measured(short_plan())
    candidates = tuple(
        replace(
            each,
            points=tuple(tuple(replace(p, extrapolated=True) for p in row) for row in each.points),
        )
        for each in made.candidates
    )
    return replace(made, candidates=candidates)


def test_notes_name_the_engines_in_use() -> None:
    """The builder's engines have a given capacity, which no KV cache limits."""
    assert used_engine_notes(document_of(short_plan())) == ()
    assert used_engine_notes(document_of(extrapolated_plan())) == (
        "extrapolated: engine h100-tp4-decode (chat-1)",
        "KV memory is not limited (no kv_tokens): engine h100-tp4-decode (chat-1)",
    )


def test_notes_name_the_workloads_whose_router_must_know_classes() -> None:
    document = document_of(short_plan())
    assert router_notes(document) == ()
    first, *others = document.pools
    apart = first.model_copy(update={"class_share": {"short": (1.0,), "long": (0.5,)}})
    (note,) = router_notes(document.model_copy(update={"pools": (apart, *others)}))
    assert note.startswith(f"request classes go to different pools ({first.workload}): ")


def test_plan_json_and_schedules_say_so_too() -> None:
    document = document_of(extrapolated_plan())
    note = "extrapolated: engine h100-tp4-decode (chat-1)"
    assert extrapolated_in_use(document) == note
    assert [engine.notes[0][:12] for engine in document.engines] == ["extrapolated"] * 3
    for name in ("crontab", "keda"):
        assert f"# {note}\n" in exported(document, name, ExportOptions())
    assert extrapolated_in_use(document_of(short_plan())) == ""


@pytest.mark.parametrize(
    ("objective", "text"),
    [
        (Objective.COST, "72 USD at twice the TTFT (25.0 % less), 96 USD at P90 (0.0 % less)"),
        (
            Objective.GPU_HOURS,
            "40 GPU-hours at twice the TTFT (16.7 % less), 48 GPU-hours at P90 (0.0 % less)",
        ),
    ],
)
def test_what_the_promise_costs(objective: Objective, text: str) -> None:
    """48 GPU-hours of H100 at 2 USD; nothing is said where nothing was estimated."""
    made = plan(day_scenario(horizon(4), objective=objective), [pool([3] * 4)])
    assert promise_sentence(document_of(made)) == ""
    easier = (
        PromiseCost(EasierPromise.TWICE_THE_TTFT, 40.0, 72.0),
        PromiseCost(EasierPromise.P90, 48.0, 96.0),
    )
    assert promise_sentence(document_of(replace(made, easier=easier))) == (
        f"What the promise costs (estimates, the same engines): {text}."
    )
