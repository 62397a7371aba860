"""Traffic between regions: bytes, prices and what is said of both, by hand arithmetic."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from heteroplan.entities.network import Leaf, Network
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.workload import (
    IntervalDemand,
    Origin,
    Part,
    RequestClass,
    Role,
    Workload,
)
from heteroplan.errors import InputError
from heteroplan.outputs.compare.input_changes import input_changes
from heteroplan.outputs.plan.console import render_plan
from heteroplan.outputs.plan.document.egress import egress_part
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.document.plan_inputs import PlanInputs
from heteroplan.outputs.plan.document.plan_json import plan_text, read_plan
from heteroplan.outputs.plan.egress_lines import egress_sentences
from heteroplan.outputs.plan.report import report_html
from tests.builders import engine
from tests.plans import day_scenario, horizon, plan, pool

SHORT = RequestClass("short", 0.5, isl=1000, osl=200)
LONG = RequestClass("long", 0.5, isl=3000, osl=100, prefix_hit_rate=0.9)
EU = Origin("eu", bytes_per_input_token=4, bytes_per_output_token=250)
HOME, AWAY = "a-s1", "b-s1"
PRICE = {("eu", "us"): 0.09, ("us", "eu"): 0.09}


def flowing(rates_rps: Sequence[Sequence[float]], *, at: str, **others: object) -> Pool:
    """A pool at spine `at` that handles so many requests/s of each class in each interval."""
    made = pool([1] * len(rates_rps[0]), domain=at, **others)  # type: ignore[arg-type]
    return replace(made, flow_rps=tuple(map(tuple, rates_rps)))


def abroad(
    pools: Sequence[Pool],
    *,
    origin: Origin | None = EU,
    classes: Sequence[RequestClass] = (SHORT,),
    prices: Mapping[tuple[str, str], float] = PRICE,
    intervals: int = 2,
) -> Plan:
    """One workload on spine a-s1 in eu and b-s1 in us, in hours of 10 requests/s."""
    of = day_scenario(horizon(intervals))
    (load,) = of.workloads
    demand = tuple(IntervalDemand(10.0, tuple(classes)) for _ in range(intervals))
    nodes = {"h100x8": 40, "l40sx8": 20}
    leaves = (Leaf("a-s1-l1", HOME, "fra", nodes), Leaf("b-s1-l1", AWAY, "iad", nodes))
    fleet = replace(
        of.fleet,
        network=Network(leaves),
        regions={"fra": "eu", "iad": "us"},
        latency_ms={frozenset(("eu", "us")): 90.0},
        egress_usd_per_gb=prices,
    )
    load = replace(load, demand=demand, origin=origin)
    return plan(replace(of, fleet=fleet, workloads=(load,)), pools)


def prefill(rates_rps: Sequence[Sequence[float]], at: str) -> Pool:
    return flowing(rates_rps, at=at, role=Role.PREFILL, engine_name="h100-tp4-prefill")


ONE = (
    *(prefill([[10.0, 4.0]], HOME), flowing([[10.0, 4.0]], at=HOME)),
    *(prefill([[0.0, 6.0]], AWAY), flowing([[0.0, 6.0]], at=AWAY)),
)
"""6 of 10 requests/s go abroad in the second hour: 21,600 requests."""


def test_requests_go_and_answers_come_back() -> None:
    """21,600 requests of 1,000 * 4 bytes, answers of 200 * 250; two hours are 1/12 day."""
    found = egress_part(abroad(ONE))
    assert found is not None
    (pair,) = found.pairs
    assert (pair.workload, pair.origin, pair.region) == ("chat-1", "eu", "us")
    assert pair.requests == 21_600.0
    assert pair.request_gb == pytest.approx(0.0864)
    assert pair.answer_gb == pytest.approx(1.08)
    assert pair.gb == pytest.approx(1.1664)
    assert pair.usd == pytest.approx(0.104976)
    assert (pair.gb_a_day, pair.usd_a_day) == pytest.approx((13.9968, 1.259712))
    assert (found.gb, found.gb_a_day) == (pair.gb, pair.gb_a_day)
    assert (found.usd, found.usd_a_day) == (pair.usd, pair.usd_a_day)


def test_each_way_has_the_price_of_the_region_that_it_leaves() -> None:
    """0.0864 GB at 0.02 and 1.08 GB at 0.12: 0.001728 + 0.1296 USD."""
    two = {("eu", "us"): 0.02, ("us", "eu"): 0.12}
    found = egress_part(abroad(ONE, prices=two))
    assert found is not None
    (pair,) = found.pairs
    assert (pair.request_usd_per_gb, pair.answer_usd_per_gb, pair.usd_per_gb) == (0.02, 0.12, None)
    assert (pair.usd, found.usd) == pytest.approx((0.131328, 0.131328))
    half = egress_part(abroad(ONE, prices={("eu", "us"): 0.02}))
    assert half is not None
    assert (half.usd, half.pairs[0].usd, half.pairs[0].gb) == (None, None, pair.gb)


def test_classes_have_their_own_lengths_and_cached_tokens_cross_as_well() -> None:
    """3 short and 1 long request/s for an hour: 6,000 input tokens/s and 700 output tokens/s."""
    pools = [prefill([[3.0], [1.0]], AWAY), flowing([[3.0], [1.0]], at=AWAY)]
    found = egress_part(abroad(pools, classes=(SHORT, LONG), intervals=1))
    assert found is not None
    (pair,) = found.pairs
    assert pair.requests == 4 * 3600
    assert pair.request_gb == pytest.approx(6_000 * 4 * 3600 / 1e9)
    assert pair.answer_gb == pytest.approx(700 * 250 * 3600 / 1e9)


def test_both_parts_of_a_divided_engine_are_one_answer() -> None:
    halves = [
        engine(f"x-{name}", role=Role.DECODE, part=Part("x", name, i, None))
        for i, name in enumerate(("attention", "ffn"))
    ]
    made = abroad([flowing([[6.0, 0.0]], at=AWAY, engine_name=each.name) for each in halves])
    (load,) = made.scenario.workloads
    profile = replace(load.profile, engines=(*load.profile.engines, *halves))
    scenario = replace(made.scenario, workloads=(replace(load, profile=profile),))
    found = egress_part(replace(made, scenario=scenario))
    assert found is not None
    assert found.pairs[0].requests == 21_600.0


def test_a_second_workload_at_home_adds_nothing() -> None:
    made = abroad(ONE)
    (load,) = made.scenario.workloads
    other: Workload = replace(load, name="chat-2", origin=replace(EU, region="us"))
    scenario = replace(made.scenario, workloads=(load, other))
    pools = (*ONE, flowing([[6.0, 6.0]], at=AWAY, of="chat-2"))
    found = egress_part(plan(scenario, pools))
    assert found is not None
    assert [each.workload for each in found.pairs] == ["chat-1"]
    assert found.gb == pytest.approx(1.1664)


def shown(made: PlanDocument, width: int = 100) -> str:
    out = io.StringIO()
    render_plan(made, Console(file=out, width=width))
    return out.getvalue()


def test_the_total_stands_beside_the_cost_and_not_in_it() -> None:
    """4 pools of 4 GPUs for 2 h are 32 GPU-hours; their cost does not change."""
    made = document_of(abroad(ONE))
    assert made.totals.cost_usd == document_of(abroad(ONE, origin=None)).totals.cost_usd
    (sentence,) = egress_sentences(made)
    assert sentence == (
        "Egress between regions: 1.17 GB (14 a day), 0.10 USD (1.26 a day), beside the cost of "
        f"{made.totals.cost_usd:,.2f} USD and not in it; the choice of region ignores it."
    )
    text = " ".join(shown(made).split())
    assert sentence in text
    assert "chat-1 eu and us 1.17 14 0.10 1.26" in text
    page = report_html(made)
    assert "Egress between regions</h2>" in page
    assert sentence in page


@pytest.mark.parametrize("width", [40, 80])
def test_the_table_fits_the_width(width: int) -> None:
    assert max(map(len, shown(document_of(abroad(ONE)), width).splitlines())) <= width


def test_without_a_price_there_are_bytes_and_no_money() -> None:
    made = document_of(abroad(ONE, prices={}))
    assert made.egress is not None
    assert (made.egress.usd, made.egress.usd_a_day, made.egress.pairs[0].usd) == (None,) * 3
    total, remedy = egress_sentences(made)
    assert total.startswith("Egress between regions: 1.17 GB (14 a day), beside the cost")
    assert remedy == "No price is known between eu and us: give egress_usd_per_gb in the fleet."


def test_a_price_of_nothing_is_a_price() -> None:
    made = document_of(abroad(ONE, prices=dict.fromkeys(PRICE, 0.0)))
    assert made.egress is not None
    assert made.egress.usd == 0.0
    assert "0.00 USD" in egress_sentences(made)[0]


def test_all_at_home_is_said_and_without_an_origin_nothing() -> None:
    home = document_of(abroad([flowing([[10.0, 10.0]], at=HOME)]))
    assert home.egress is not None
    assert (home.egress.gb, home.egress.usd, home.egress.pairs) == (0.0, 0.0, ())
    assert egress_sentences(home) == [
        "No egress: workloads with an origin are served in their own region."
    ]
    nowhere = document_of(abroad(ONE, origin=None))
    assert nowhere.egress is None
    assert "egress of" in shown(document_of(abroad(ONE)))
    assert "egress of" not in shown(nowhere)
    assert "Egress between" not in report_html(nowhere)


@pytest.mark.parametrize("prices", [PRICE, PRICE | {("us", "eu"): 0.12}, {("us", "eu"): 0.12}, {}])
def test_plan_json_keeps_origins_regions_and_prices(prices: dict[tuple[str, str], float]) -> None:
    """Enough to say the same of the same plan."""
    made = abroad(ONE, prices=prices)
    of = made.scenario
    read = PlanInputs.model_validate_json(PlanInputs.of(of).model_dump_json(by_alias=True))
    again = read.scenario(of.inputs_sha256)
    assert again.workloads[0].origin == EU
    assert again.fleet.regions == of.fleet.regions
    assert again.fleet.latency_ms == of.fleet.latency_ms
    assert again.fleet.egress_usd_per_gb == prices
    assert egress_part(replace(made, scenario=again)) == egress_part(made)


def test_with_some_prices_the_known_part_is_a_least_amount() -> None:
    """A second workload comes from asia, to which no price is known."""
    made = abroad(ONE)
    (load,) = made.scenario.workloads
    other = replace(load, name="chat-2", origin=replace(EU, region="asia"))
    scenario = replace(made.scenario, workloads=(load, other))
    pools = (*ONE, flowing([[6.0, 6.0]], at=AWAY, of="chat-2"))
    partly = document_of(plan(scenario, pools))
    assert partly.egress is not None
    assert partly.egress.gb == pytest.approx(1.1664 * 3)
    assert partly.egress.usd is None
    total, remedy = egress_sentences(partly)
    assert ", at least 0.10 USD (1.26 a day), " in total
    assert "between asia and us" in remedy


def test_a_workload_that_the_plan_does_not_have_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    fields = json.loads(plan_text(document_of(abroad(ONE))))
    fields["plan_id"] = None
    file.write_text(json.dumps(fields), encoding="utf-8")
    assert read_plan(str(file)).egress == document_of(abroad(ONE)).egress
    fields["egress"]["pairs"][0]["workload"] = "chat-3"
    file.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(InputError, match=r"chat-3: no such workload; there are chat-1"):
        read_plan(str(file))


def test_another_price_is_a_change_of_inputs() -> None:
    dear = document_of(abroad(ONE, prices=PRICE | {("us", "eu"): 0.12}))
    (change,) = input_changes(document_of(abroad(ONE)), dear)
    assert (change.field, change.before, change.after) == (
        "egress from us to eu",
        "0.09 USD per GB",
        "0.12 USD per GB",
    )
