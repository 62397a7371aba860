import pytest

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.sweep.labels import (
    coverage_label,
    input_label,
    served_label,
    settings_label,
    unit_label,
)
from heteroplan.studies.case import Value
from tests.case_results import case_result, short


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("demand", "demand"),
        ("growth", "demand"),
        ("weeks_ahead", "weeks from now"),
        ("growth_per_week", "growth a week"),
        ("workloads.chat.growth", "demand of chat"),
        ("slo.ttft_ms", "TTFT limit"),
        ("workloads.chat.slo.itl_ms", "ITL limit of chat"),
        ("fleet.node_types.h100x8.usd_per_gpu_hour", "price of h100x8"),
        ("fleet.nodes.h100x8", "nodes of h100x8"),
        ("fleet.a-s1-l1.h100x8", "nodes of h100x8 on a-s1-l1"),
        ("fleet.bandwidth.across_leaves", "fleet.bandwidth.across_leaves"),
        ("profile.h1p.speed_factor", "speed of h1p"),
        ("workloads.chat.headroom", "workloads.chat.headroom"),
    ],
)
def test_usual_inputs_have_a_name(path: str, label: str) -> None:
    assert input_label(path) == label


def test_settings_carry_units_and_factors_are_in_percent() -> None:
    settings: list[tuple[str, Value]] = [
        ("demand", "*0.9"),
        ("slo.ttft_ms", 1500),
        ("fleet.node_types.a.usd_per_gpu_hour", 2.25),
        ("affinity", "leaf"),
    ]
    assert settings_label(settings) == (
        "demand -10 %, TTFT limit 1,500 ms, price of a 2.25 USD/h, affinity leaf"
    )
    assert settings_label([]) == "as it is"


@pytest.mark.parametrize(
    ("hours", "unit"), [(24, "USD a day"), (168, "USD in 7 days"), (6, "USD in 6 h")]
)
def test_amounts_say_of_which_time_they_are(hours: float, unit: str) -> None:
    assert unit_label(Objective.COST, hours) == unit


def test_what_is_short_never_serves_100_percent() -> None:
    assert served_label(0.973) == "97.3 %"
    assert served_label(0.99996) == "99.996 %"
    assert served_label(1 - 1e-9) == "almost 100 %"


def test_coverage_in_words() -> None:
    cases = [case_result(1.0, {}), short(0.5, 1.0, {}), case_result(None, {})]
    assert list(map(coverage_label, cases)) == ["covered", "50.0 % served", "failed"]
