"""A size as JSON, in words, on a page and as a fleet file."""

import io
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from heteroplan.entities.fleet import Failures
from heteroplan.entities.network import Leaf, Network
from heteroplan.entities.offers import LimitKind, OfferKind
from heteroplan.entities.purchasing import Growth, Spares
from heteroplan.inputs.fleet_files import read_fleet
from heteroplan.outputs.plan.document.parts import document_text
from heteroplan.outputs.plan.document.plan_document import EgressPairPart, EgressPart
from heteroplan.outputs.size import sentences as words
from heteroplan.outputs.size.document import SizeDocument, UsedUpPart, WorthPart
from heteroplan.outputs.size.figures import Answer, document_of
from heteroplan.outputs.size.fleet_file import fleet_yaml
from heteroplan.outputs.size.frames import (
    alternatives_frame,
    nodes_frame,
    orders_frame,
    worth_frame,
)
from heteroplan.outputs.size.page import size_html
from heteroplan.outputs.size.text import render_size
from heteroplan.sizing.outcome import Limit
from heteroplan.sizing.purchase.alternatives import Alternative, AlternativeKind, alternative, todo
from heteroplan.sizing.purchase.quarters import Planning
from heteroplan.sizing.purchase.terms import sized
from heteroplan.sizing.purchase.worth import Worth
from tests.pages import addresses
from tests.sizes import OWN, QUICK, asking, offer, stands, terms

MONTH = 30.4 * 24


@pytest.fixture(scope="module")
def answer() -> Answer:
    """3 and 1 requests/s for an hour each, on two nodes that stand and one that is bought; a
    reservation ends after the horizon. One more node stands on which nothing runs."""
    made = asking(3.0, 1.0, standing={"c8": 2, "d8": 1})
    all_terms = terms(
        made,
        stands(2, 1.0),
        stands(1, 9.0, "d8"),
        offer(usd=2.0, days=30.0),
        offer("hour", "d8", OfferKind.ON_DEMAND, 9.0),
        payments={"own": OWN},
        spares={"c8": Spares(1.0, 100.0, 0.99)},
        growth=Growth(0.1, 2),
        today={"a": {"c8": 5}},
    )
    plan = Planning(made, all_terms)
    return Answer(
        made,
        all_terms,
        sized(made, all_terms, QUICK),
        tuple(alternative(made, all_terms, kind, gpu, QUICK) for kind, gpu in todo(all_terms)),
        tuple(plan.quarter(number, QUICK) for number in range(2)),
    )


@pytest.fixture(scope="module")
def document(answer: Answer) -> SizeDocument:
    return document_of(answer)


def shown(document: SizeDocument, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    render_size(document, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_costs_by_hand(document: SizeDocument) -> None:
    """2 x 1 + 1 x 2 USD an hour; 4 requests/s for an hour are 14,400 requests of 1,200 tokens."""
    assert document.cost_usd == pytest.approx(8.0)
    assert document.cost_usd_per_month == pytest.approx(4.0 * MONTH)
    assert document.requests == pytest.approx(14_400)
    assert document.usd_per_1000_requests == pytest.approx(8 / 14.4)
    assert document.usd_per_million_tokens == pytest.approx(8 / (14_400 * 1200 / 1e6))
    assert document.usd_per_million_output_tokens == pytest.approx(8 / (14_400 * 200 / 1e6))
    assert document.covered
    assert document.gap == pytest.approx(0.0, abs=1e-5)


def test_nodes_where_they_stand_and_how_they_are_paid(document: SizeDocument) -> None:
    rows = {each.offer: each for each in document.nodes}
    assert {name: each.nodes for name, each in rows.items()} == {"existing c8": 2, "own": 1}
    assert rows["own"].usd_once == pytest.approx(8766)
    assert rows["own"].lead_time_days == 30
    assert rows["existing c8"].usd_once == 0.0
    (back,) = document.returned
    assert (back.node_type, back.nodes) == ("d8", 1)
    assert back.saved_usd_per_month == pytest.approx(9 * MONTH)


def test_spares_and_what_they_cost(document: SizeDocument) -> None:
    """3 nodes, 100 h of repair a year: 0.034 away on average, so one is enough in 99 %."""
    (spare,) = document.spares
    assert (spare.nodes, spare.spare_nodes) == (3, 1)
    assert spare.cost_usd_per_month == pytest.approx(2 * MONTH)
    none = spare.model_copy(update={"nodes": 0, "spare_nodes": 0})
    both = document.model_copy(update={"spares": (none, spare)})
    assert [row[1] for row in words.spare_rows(both)] == ["3"]


def test_what_node_types_are_there_for(document: SizeDocument) -> None:
    (c8,) = (each for each in document.node_types if each.node_type == "c8")
    assert (c8.nodes, c8.gpus, c8.peak_gpus) == (3, 24, 24)
    assert (c8.first_full, c8.last_full) == (0, 0)
    assert [(use.workload, use.share) for use in c8.uses] == [("a", 1.0)]


def test_json_is_read_back(document: SizeDocument) -> None:
    text = document_text(document)
    assert SizeDocument.model_validate_json(text) == document


def test_the_terminal_says_what_to_do_and_what_else_there_is(document: SizeDocument) -> None:
    text = shown(document)
    assert "3 nodes for 2,918 USD a month serve all demand" in text
    assert "own serves 30 days after it is ordered" in text
    assert "Nodes that stand and are of no use: 1 d8" in text
    assert "today's nodes of each workload" in text
    assert "By quarter" in text
    assert "Orders" in text
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "2" in rows["keep"]
    assert "8,766" in rows["buy"]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(document: SizeDocument, width: int) -> None:
    assert max(map(len, shown(document, width).splitlines())) <= width


def test_savings_against_others(document: SizeDocument) -> None:
    """Today 5 nodes, which cost 1 USD an hour where they stand; the nodes that stand serve 3
    requests/s for 11 USD an hour."""
    kinds = {each.kind.value: each for each in document.alternatives}
    assert kinds["today"].cost_usd == pytest.approx(10.0)
    assert kinds["today"].saved_fraction == pytest.approx(0.2)
    standing = kinds["standing"]
    assert standing.cost_usd == pytest.approx((2 * 1 + 9) * 2)
    assert standing.covered is True
    assert standing.saved_fraction == pytest.approx(1 - 8 / 22)


def test_the_page_is_whole_and_loads_nothing(document: SizeDocument) -> None:
    page = size_html(document)
    assert not addresses(page)
    for text in ("what to buy or rent", "Instead of this fleet", "As demand grows", "Orders"):
        assert text in page


def test_a_fleet_that_serves_less_says_so(document: SizeDocument) -> None:
    short = document.model_copy(update={"covered": False, "served_fraction": 2 / 3})
    assert words.headline(short) == (
        "3 nodes for 2,918 USD a month serve 66.7 % of the demand: no fleet that serves all of it "
        "was found."
    )
    one = short.model_copy(update={"nodes": (short.nodes[0].model_copy(update={"nodes": 1}),)})
    assert words.headline(one).startswith("1 node for 2,918 USD a month serves 66.7 % of")
    assert words.served_text(None, None) == "not known"
    assert words.served_text(False, None) == "not all"


def test_a_budget_is_kept_or_broken(document: SizeDocument) -> None:
    kept = document.model_copy(update={"budget_usd_per_month": 3000.0})
    broken = document.model_copy(update={"budget_usd_per_month": 2000.0})
    assert "Of the budget of 3,000 USD a month 82 USD are left." in words.sentences(kept)
    assert "This is more than the budget of 2,000 USD a month." in words.sentences(broken)


def test_almost_all_is_not_all() -> None:
    assert words.most_of(0.99999) == "> 99.9 %"
    assert words.most_of(0.5) == "50.0 %"
    assert words.served_text(True, 1.0) == "all"
    assert words.served_text(None, 0.5) == "50.0 % at least"


def test_the_fleet_file_is_the_fleet(answer: Answer, tmp_path: Path) -> None:
    fleet = answer.sized.fleet
    file = tmp_path / "fleet.yaml"
    file.write_text(fleet_yaml(fleet), encoding="utf-8")
    read = read_fleet(str(file))
    assert [leaf.nodes for leaf in read.network.leaves] == [
        {name: nodes for name, nodes in leaf.nodes.items() if nodes}
        for leaf in fleet.network.leaves
    ]
    for shape in fleet.node_types:
        again = read.node_type(shape.name)
        assert again.usd_per_gpu_hour == pytest.approx(shape.usd_per_gpu_hour, abs=1e-6)
        assert (again.gpus, again.gpu.memory_gib) == (shape.gpus, shape.gpu.memory_gib)


def test_nodes_that_hold_nothing_leave_the_others_full() -> None:
    """Of 4 that stay 2 are in use in the first hour, and 1 in the second."""
    made = asking(2.0, 1.0, standing={"c8": 4})
    all_terms = terms(made, stands(4, 1.0), kept=["existing c8"])
    (c8,) = document_of(Answer(made, all_terms, sized(made, all_terms, QUICK))).node_types
    assert (c8.nodes, c8.peak_gpus, c8.gpus) == (2, 16, 16)
    assert (c8.first_full, c8.last_full) == (0, 0)


def test_fleets_beside_nodes_that_stay_are_of_new_nodes(document: SizeDocument) -> None:
    names = [words.alternative_name(document, each) for each in document.alternatives]
    assert names[:4] == ["all of C", "all of D", "all by the hour", "nothing by the hour"]
    kept = [each.model_copy(update={"kept": True}) for each in document.nodes]
    stay = document.model_copy(update={"nodes": tuple(kept)})
    names = [words.alternative_name(stay, each) for each in document.alternatives]
    assert names[:4] == [
        *("new ones of C", "new ones of D", "new ones by the hour", "nothing by the hour")
    ]


def test_a_quarter_of_which_nothing_is_proven_says_so(document: SizeDocument) -> None:
    def above(bound_usd: float) -> str:
        quarter = document.quarters[0].model_copy(
            update={"cost_usd_per_month": 100.0, "bound_usd_per_month": bound_usd}
        )
        (row,) = words.quarter_rows(document.model_copy(update={"quarters": (quarter,)}))
        return row[-1]

    assert (above(0.0), above(90.0), above(101.0)) == ("not proven", "10.0 %", "0.0 %")


def test_columns_in_which_nothing_stands_are_left_out(document: SizeDocument) -> None:
    """Nodes that stand have no offer, and nothing is paid for them once."""
    stand = [each for each in document.nodes if each.kind is OfferKind.EXISTING]
    assert stand
    some = document.model_copy(update={"nodes": tuple(stand), "quarters": ()})
    assert "USD once" in shown(document)
    assert "USD once" not in shown(some)
    heads = next(line for line in shown(some).splitlines() if line.startswith("do "))
    assert heads.split() == ["do", "node", "type", "on", "leaf", "nodes", "USD", "a", "month"]


def test_frames_have_a_row_each(document: SizeDocument) -> None:
    assert list(nodes_frame(document)["nodes"]) == [2, 1]
    assert len(alternatives_frame(document)) == len(document.alternatives)
    orders = orders_frame(document)
    assert orders["nodes"].sum() == sum(o.nodes for q in document.quarters for o in q.orders)
    assert orders["order_by"].iloc[0].tzinfo == ZoneInfo("UTC")


def test_an_alternative_that_does_not_exist_has_no_cost(answer: Answer) -> None:
    """Proven that there is none, none found in time, and what stands without a plan on it in
    time."""
    kind, _ = todo(answer.terms)[0]
    none = Alternative(kind, "C", covered=False)
    late = Alternative(kind, "D")
    stands_today = Alternative(AlternativeKind.STANDING, cost_usd=2.0)

    def with_(*others: Alternative) -> SizeDocument:
        return document_of(Answer(answer.scenario, answer.terms, answer.sized, others))

    found = with_(none, late, stands_today)
    assert [each.cost_usd for each in found.alternatives] == [None, None, 2.0]
    assert [row[2:] for row in words.alternative_rows(found)] == [
        ("", "", "none: proven"),
        ("", "", "none in time"),
        (f"{MONTH:,.0f}", "", "not known"),
    ]
    told = "the time limit ended first: raise --time-limit."
    assert told in " ".join(shown(found).split())
    assert told in size_html(found)
    assert words.unknown_alternatives(with_(none)) == ""


def test_what_is_proven_of_the_cost() -> None:
    assert words.gap_text(0.0).endswith("costs less")
    assert words.gap_text(0.02).endswith("costs 2.0 % less")
    assert words.gap_text(0.0002).endswith("costs 0.1 % less")
    assert words.gap_text(1.0) == "what a fleet costs at least was not proven in time"


def test_the_fleet_file_keeps_regions_egress_and_failures(answer: Answer, tmp_path: Path) -> None:
    fleet = answer.sized.fleet
    shapes = tuple(replace(each, failures=Failures(2.0, 48.0)) for each in fleet.node_types)
    far = replace(
        fleet,
        node_types=shapes,
        network=Network((*fleet.network.leaves, Leaf("l2", "s2", "far", {}))),
        regions={fleet.network.leaves[0].cluster: "eu", "far": "us"},
        latency_ms={frozenset(("eu", "us")): 90.0},
        egress_usd_per_gb={("eu", "us"): 0.02, ("us", "eu"): 0.09},
    )
    file = tmp_path / "fleet.yaml"
    file.write_text(fleet_yaml(far), encoding="utf-8")
    read = read_fleet(str(file))
    assert (read.regions, read.latency_ms) == (far.regions, far.latency_ms)
    assert read.egress_usd_per_gb == far.egress_usd_per_gb
    assert {each.failures for each in read.node_types} == {Failures(2.0, 48.0)}


def test_egress_of_the_plan_is_told_by_the_month_and_is_in_no_cost(answer: Answer) -> None:
    """1 GB and 0.5 USD a day are 30.4 GB and 15 USD a month of 30.4 days."""
    plain = document_of(answer)
    assert plain.egress is None
    pair = EgressPairPart(
        workload="chat",
        origin="eu",
        region="us",
        requests=1.0,
        request_gb=0.0,
        answer_gb=1.0,
        usd_per_gb=0.5,
        gb=1.0,
        usd=0.5,
        gb_a_day=1.0,
        usd_a_day=0.5,
    )
    egress = EgressPart(gb=1.0, usd=0.5, gb_a_day=1.0, usd_a_day=0.5, pairs=(pair,))
    found = plain.model_copy(update={"egress": egress})
    told = "Egress between regions: 30.4 GB a month, 15 USD, which are in no cost here."
    assert told in list(words.sentences(found))
    assert told in size_html(found)
    unknown = plain.model_copy(update={"egress": egress.model_copy(update={"usd_a_day": None})})
    assert any("give egress_usd_per_gb" in each for each in words.sentences(unknown))
    assert not any("Egress" in each for each in words.sentences(plain))


def test_spot_nodes_say_how_often_they_are_taken_away_and_what_that_costs() -> None:
    """2 nodes serve all the time, taken away every 5 h: 0.4 times an hour; half an hour of start-up
    at 2 USD each time."""
    made = asking(2.0, 2.0)
    spot = replace(
        offer("spot", kind=OfferKind.SPOT), startup_hours=0.5, interruptions_per_node_hour=0.2
    )
    all_terms = terms(made, spot)
    found = document_of(Answer(made, all_terms, sized(made, all_terms, QUICK)))
    (row,) = found.nodes
    assert row.interruptions_per_month == pytest.approx(0.4 * MONTH)
    assert row.restarts_usd_per_month == pytest.approx(0.4 * MONTH)
    assert "Nodes of spot are taken away 292 times a month on average" in " ".join(
        words.sentences(found)
    )


def test_one_more_node_is_worth_its_price_or_what_it_would_have_to_cost(answer: Answer) -> None:
    """Worth 4 and 3 USD in two hours; offers cost 1 and 9 USD an hour at least. Both nodes at 1
    USD are in the fleet, and others are not cheaper than the worth."""
    found = document_of(replace(answer, worth=Worth({"c8": 4.0, "d8": 3.0}, whole=True)))
    rows = words.worth_rows(found)
    assert [row[0] for row in rows] == ["c8", "d8"]
    assert rows[0][1:] == (
        f"{2 * MONTH:,.0f}",
        f"{MONTH:,.0f}",
        "worth more, limited by nodes that stand on l1",
    )
    assert [(limit.kind, limit.of) for limit in found.worth[0].limits] == [("standing", "l1")]
    assert worth_frame(found)["limits"].tolist() == ["standing of l1", ""]
    assert rows[1][3] == "worth it at 83.3 % less"
    none = document_of(replace(answer, worth=Worth({"c8": 0.0, "d8": 0.0}, whole=True)))
    assert [row[3] for row in words.worth_rows(none)] == ["of no use", "of no use"]
    assert "One more node" in shown(found)
    assert "One more node" in size_html(found)
    assert "limited by nodes that stand on l1" in size_html(found)


def test_a_node_that_has_room_and_is_worth_more_names_no_limit(answer: Answer) -> None:
    """Worth 3 USD an hour, and sold for 2."""
    found = document_of(replace(answer, worth=Worth({"c8": 6.0}, whole=True)))
    assert found.worth[0].limits == ()
    assert words.worth_rows(found)[0][3] == "worth more"


def test_node_types_of_which_no_time_was_left_to_tell_the_worth_are_named(answer: Answer) -> None:
    """The fleet has c8 alone."""
    found = document_of(replace(answer, worth=Worth({"d8": 3.0}, whole=True)))
    told = "There was no time to tell this of c8: raise --time-limit."
    assert words.without_worth(found) == told
    assert told in shown(found)
    assert told in size_html(found)
    for usd in ({}, {"c8": 3.0}):
        found = document_of(replace(answer, worth=Worth(usd, whole=True)))
        assert words.without_worth(found) == ""


def test_limits_of_a_kind_are_told_together(document: SizeDocument) -> None:
    limits = [(LimitKind.POWER_KW, f"s{i}") for i in range(5)]
    limits += [(LimitKind.RACK_PLACES, "l1"), (LimitKind.RACK_PLACES, "l2")]
    worth = WorthPart(
        node_type="c8",
        gpu="C",
        worth_usd_per_month=2.0,
        price_usd_per_month=1.0,
        whole=True,
        limits=tuple(UsedUpPart(kind=kind, of=of) for kind, of in limits),
    )
    ((*_, told),) = words.worth_rows(document.model_copy(update={"worth": (worth,)}))
    assert told == (
        "worth more, limited by power of s0, s1, s2 and 2 more, rack places of l1 and l2"
    )


def test_a_limit_of_nodes_that_are_worth_nothing_does_not_bind(answer: Answer) -> None:
    """What one more node is worth is not always known, and not all limits are on nodes."""
    limits = (Limit("no more than 6 c8 stand", "c8"), Limit("4 d8", "d8"), Limit("the budget"))
    limited = replace(answer, sized=replace(answer.sized, binding=limits))
    for usd, named in (
        ({"c8": 0.0, "d8": 3.0}, ("4 d8", "the budget")),
        ({"d8": 0.0}, ("no more than 6 c8 stand", "the budget")),
    ):
        assert document_of(replace(limited, worth=Worth(usd, whole=True))).binding == named
    assert len(document_of(replace(limited, worth=None)).binding) == 3
