from dataclasses import replace

import pytest

from heteroplan.entities.workload import Part, Source, SourceKind
from heteroplan.outputs.shared.words import candidate_notes, demand_sentences, figure, horizon_text
from heteroplan.text import percent
from tests.builders import candidates
from tests.plans import day_scenario, horizon


def test_percent_does_not_hide_a_little() -> None:
    assert [percent(x) for x in (0.0, 0.0001, 0.4123, 1.0, -0.02)] == [
        "0.0 %",
        "< 0.1 %",
        "41.2 %",
        "100.0 %",
        "-2.0 %",
    ]


def test_second_halves_hold_no_kv_cache() -> None:
    made = candidates(day_scenario(horizon(1)))[1]
    whole = replace(made.engine, capacity_rps=None)
    notes = [
        candidate_notes([replace(made, engine=replace(whole, part=Part("moe", name, i, None)))])
        for i, name in enumerate(("attention", "ffn"))
    ]
    assert [len(each) for each in notes] == [1, 0]


def test_what_was_not_measured_is_told() -> None:
    """By workload, as a fleet may run dozens of such engines."""
    modelled = [
        replace(each, engine=replace(each.engine, source=Source(SourceKind.MODELLED)))
        for each in candidates(day_scenario(horizon(1), workloads=2))
    ]
    assert candidate_notes(modelled) == ("modelled, not measured: engines of chat-1, chat-2",)


def test_figures_have_three_digits_and_no_exponent() -> None:
    values = (0.0, 3.333, 99.4, 99.96, 999.7, 1000.0, 15000.0)
    assert [figure(x) for x in values] == ["0", "3.33", "99.4", "100", "1,000", "1,000", "15,000"]


@pytest.mark.parametrize(
    ("interval_s", "step"), [(3600, "1 h"), (900, "15 min"), (90, "90 s"), (86400, "24 h")]
)
def test_step_in_the_largest_unit_that_divides_it(interval_s: int, step: str) -> None:
    assert horizon_text(horizon(24, interval_s=interval_s)).endswith(f", 24 x {step}")


def test_a_note_names_engines_once_with_their_workloads() -> None:
    """The builder's engines have a given capacity, which no KV cache limits."""
    given = candidates(day_scenario(horizon(1), workloads=2))
    assert candidate_notes(given) == ()
    bare = [replace(each, engine=replace(each.engine, capacity_rps=None)) for each in given]
    assert candidate_notes(bare) == (
        "KV memory is not limited (no kv_tokens): engines h100-tp4-decode (chat-1, chat-2), "
        "l40s-tp8-decode (chat-1, chat-2)",
    )


def test_what_is_told_of_several_workloads_is_told_once() -> None:
    """Notes of the same workloads stand in one sentence."""
    scenario = day_scenario(horizon(1))
    one = scenario.workloads[0]
    notes = {"a": ("from a trace", "assumed"), "b": ("assumed",), "c": ()}
    loads = [replace(one, name=name, demand_notes=told) for name, told in notes.items()]
    assert demand_sentences(loads) == ("Demand of a: from a trace.", "Demand of a, b: assumed.")
    assert demand_sentences(loads[:1]) == ("Demand of a: from a trace; assumed.",)


def test_of_many_workloads_the_first_are_named() -> None:
    one = day_scenario(horizon(1)).workloads[0]
    loads = [replace(one, name=f"w{i}", demand_notes=("assumed",)) for i in range(20)]
    assert demand_sentences(loads) == ("Demand of all 20 workloads: assumed.",)
    loads[-1] = replace(loads[-1], demand_notes=())
    assert demand_sentences(loads) == (
        "Demand of w0, w1, w2, w3, w4, w5, w6, w7 and 11 more: assumed.",
    )
