"""Offers files: prices by the hour, what stands already, limits, and what is refused."""

from pathlib import Path

import pytest

from heteroplan.entities.offers import OfferKind
from heteroplan.entities.purchasing import HOURS_PER_YEAR, Growth, Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import InputError
from heteroplan.inputs import load
from heteroplan.inputs.offers import existing_name, fleet_offers, load_offers

QUICKSTART = str(Path(__file__).parents[2] / "scenarios" / "quickstart")


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load(QUICKSTART).scenario


def offers(tmp_path: Path, scenario: Scenario, text: str) -> Purchasing:
    file = tmp_path / "offers.yaml"
    file.write_text(text)
    return load_offers(str(file), scenario)


def refused(tmp_path: Path, scenario: Scenario, text: str) -> str:
    with pytest.raises(InputError) as caught:
        offers(tmp_path, scenario, text)
    return str(caught.value)


HOURLY = "offers:\n  - {name: hourly, node_type: a100x8, kind: on_demand, usd_per_gpu_hour: 1.5}\n"


def test_a_purchase_costs_its_price_over_its_years_and_what_it_takes_to_run(
    tmp_path: Path, scenario: Scenario
) -> None:
    found = offers(
        tmp_path,
        scenario,
        "offers:\n  - {name: own, node_type: h100x8, kind: purchase, usd_per_node: 280000, "
        "years: 4, usd_per_node_hour: 2.5}\n",
    )
    (own,) = (each for each in found.offers.offers if each.name == "own")
    assert own.kind is OfferKind.PURCHASE
    assert not own.hourly
    assert own.usd_per_node_hour == pytest.approx(280_000 / (4 * 8766) + 2.5)
    assert pytest.approx(365.25 * 24) == HOURS_PER_YEAR
    assert found.payments["own"].usd_per_node == 280_000


def test_a_price_of_a_gpu_is_that_of_a_node_of_eight(tmp_path: Path, scenario: Scenario) -> None:
    found = offers(tmp_path, scenario, HOURLY)
    assert found.offers.offers[-1].usd_per_node_hour == pytest.approx(12.0)
    assert found.offers.offers[-1].hourly


def test_nodes_that_stand_are_offers_of_their_leaves_at_the_price_of_the_fleet(
    tmp_path: Path, scenario: Scenario
) -> None:
    found = offers(tmp_path, scenario, HOURLY)
    standing = {
        (each.leaves[0], each.node_type): (each.most_nodes, each.usd_per_node_hour)
        for each in found.offers.offers
        if each.kind is OfferKind.EXISTING
    }
    wanted = {
        (leaf.name, name): (nodes, 8 * scenario.fleet.node_type(name).usd_per_gpu_hour)
        for leaf in scenario.fleet.network.leaves
        for name, nodes in leaf.nodes.items()
    }
    assert standing == wanted
    assert not found.kept


def test_from_nothing_leaves_the_nodes_out_and_keeps_the_places(
    tmp_path: Path, scenario: Scenario
) -> None:
    found = offers(tmp_path, scenario, HOURLY + "from_nothing: true\n")
    assert [each.kind for each in found.offers.offers] == [OfferKind.ON_DEMAND]
    assert [leaf.name for leaf in found.fleet.network.leaves] == [
        leaf.name for leaf in scenario.fleet.network.leaves
    ]
    assert found.fleet.gpus == 0


@pytest.mark.parametrize(("usd", "owned"), [(40_000, True), (400_000, False)])
def test_leased_nodes_are_bought_out_where_that_is_cheaper(
    tmp_path: Path, scenario: Scenario, usd: int, owned: bool
) -> None:
    """9.6 USD/h leased; owned 40,000 / 26,298 h + 1 = 2.52, or 400,000 / 26,298 + 1 = 16.2."""
    found = offers(
        tmp_path,
        scenario,
        HOURLY + f"existing: {{a100x8: {{keep: true, buyout_usd_per_node: {usd}, buyout_years: 3, "
        "owned_usd_per_node_hour: 1.0}}\n",
    )
    name = existing_name("a100x8", "a-s2-l2")
    assert (name in found.bought_out) is owned
    assert name in found.kept
    price = {each.name: each.usd_per_node_hour for each in found.offers.offers}[name]
    assert price == pytest.approx(usd / 26_298 + 1.0 if owned else 9.6)


def test_limits_are_those_of_the_horizon_in_nodes_and_watts(
    tmp_path: Path, scenario: Scenario
) -> None:
    """One day of a month of 30.4; 100 kW; 20 ports take 2 nodes of 8."""
    found = offers(
        tmp_path,
        scenario,
        HOURLY + "limits: {budget_usd_per_month: 304000, rack_places: {a-s1-l1: 9}, "
        "ports: {a-s1-l1: 20}, node_ports: {a100x8: 8, h100x8: 6}, power_kw: {a-s1: 100}, "
        "node_kw: {a100x8: 6.5, h100x8: 10.2}}\n",
    )
    limits = found.offers.limits
    assert limits.budget_usd == pytest.approx(10_000)
    assert limits.rack_places == (("a-s1-l1", 2),)
    assert limits.by_ports == {"a-s1-l1"}
    assert limits.power_w == (("a-s1", 100_000.0),)
    assert dict(limits.node_watts) == {"a100x8": 6_500.0, "h100x8": 10_200.0}
    assert not found.notes


def test_a_leaf_with_ports_for_all_of_its_places_is_limited_by_these(
    tmp_path: Path, scenario: Scenario
) -> None:
    text = "rack_places: {a-s1-l1: 2}, ports: {a-s1-l1: 20}, node_ports: {a100x8: 8, h100x8: 8}"
    limits = offers(tmp_path, scenario, f"{HOURLY}limits: {{{text}}}\n").offers.limits
    assert (limits.rack_places, limits.by_ports) == ((("a-s1-l1", 2),), frozenset())


def test_power_of_a_node_that_is_not_given_is_assumed_and_said(
    tmp_path: Path, scenario: Scenario
) -> None:
    """8 x 400 W x 1.8."""
    found = offers(tmp_path, scenario, HOURLY + "limits: {power_kw: {a-s1: 100}}\n")
    assert dict(found.offers.limits.node_watts)["a100x8"] == pytest.approx(5760)
    assert any("a100x8" in note and "5.76 kW" in note for note in found.notes)


def test_a_new_node_type_can_be_offered(tmp_path: Path, scenario: Scenario) -> None:
    found = offers(
        tmp_path,
        scenario,
        "node_types: [{name: l40sx8, gpu: L40S-48GB, gpus: 8, nic_gbit_per_s: 400.0, "
        "usd_per_gpu_hour: 0.8}]\n"
        "offers: [{name: l40s, node_type: l40sx8, kind: reserved, years: 1, "
        "usd_per_gpu_hour: 0.6}]\n",
    )
    assert found.fleet.node_type("l40sx8").gpu.power_w == 350


def test_places_are_leaves_below_what_is_named(tmp_path: Path, scenario: Scenario) -> None:
    text = HOURLY.replace("1.5}", "1.5, places: [a-s2, a-s1-l1]}")
    (offer,) = offers(tmp_path, scenario, text + "from_nothing: true\n").offers.offers
    assert offer.leaves == ("a-s1-l1", "a-s2-l1", "a-s2-l2")


def test_without_offers_nodes_of_the_fleet_are_had_at_its_prices(scenario: Scenario) -> None:
    found = fleet_offers(scenario, from_nothing=True)
    assert {each.node_type: each.usd_per_node_hour for each in found.offers.offers} == {
        each.name: each.gpus * each.usd_per_gpu_hour for each in scenario.fleet.node_types
    }
    assert "--offers" in found.notes[0]


def test_demand_that_shrinks_may_be_given_in_percent(tmp_path: Path, scenario: Scenario) -> None:
    found = offers(tmp_path, scenario, HOURLY + "growth: {per_month: -3%}\n")
    assert found.growth == Growth(-0.03, 4)


def test_growth_is_that_at_the_end_of_a_quarter() -> None:
    growth = Growth(0.05, 4)
    assert growth.factor(0) == pytest.approx(1.05**3)
    assert growth.factor(3) == pytest.approx(1.05**12)


@pytest.mark.parametrize(
    ("text", "field", "remedy"),
    [
        ("offers: []\n", "offers", "too few entries"),
        (
            "offers: [{name: a, node_type: h100x8, kind: purchase, usd_per_node: 1.0}]\n",
            "offers[0]",
            "purchase needs years",
        ),
        (
            "offers: [{name: a, node_type: h100x8, kind: spot, usd_per_gpu_hour: 1}]\n",
            "offers[0]",
            "spot needs interruptions_per_node_hour and most_share",
        ),
        (
            "offers: [{name: a, node_type: h100x8, kind: on_demand}]\n",
            "offers[0]",
            "has no price",
        ),
        (
            "offers: [{name: a, node_type: h100x8, kind: on_demand, usd_per_gpu_hour: 1, "
            "years: 1}]\n",
            "offers[0]",
            "years is for purchase and reserved only",
        ),
        (HOURLY.replace("a100x8", "a100x9"), "offers[0].node_type", "did you mean 'a100x8'"),
        (HOURLY + "limits: {power_kw: {b: 1.0}}\n", "limits.power_kw.b", "unknown spine"),
        (HOURLY + "limits: {ports: {a-s1-l1: 8}}\n", "limits.ports", "add node_ports"),
        (HOURLY + "today: {chat: {h100x8: 1}}\n", "today.chat", "did you mean 'chat-70b'"),
        (
            HOURLY + "from_nothing: true\nexisting: {a100x8: {keep: true}}\n",
            "existing",
            "remove one of the two",
        ),
        (
            HOURLY + "existing: {a100x8: {buyout_usd_per_node: 3}}\n",
            "existing.a100x8",
            "give both",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_field_and_remedy(
    tmp_path: Path, scenario: Scenario, text: str, field: str, remedy: str
) -> None:
    message = refused(tmp_path, scenario, text)
    assert field in message
    assert remedy in message


def test_another_kind_of_file_is_named(scenario: Scenario) -> None:
    with pytest.raises(InputError, match="looks like a scenario file; name an offers file"):
        load_offers(f"{QUICKSTART}/scenario.yaml", scenario)


FAILING = ["fleet.failures={nodes_per_1000_days: 2, repair_hours: 48}"]


def test_failures_of_the_fleet_are_those_that_spares_are_for(tmp_path: Path) -> None:
    """2 a day of 1,000 nodes are 0.002 x 365.25 a node and year; what the file says counts."""
    failing = load(QUICKSTART, overrides=FAILING).scenario
    stated = "spares: {h100x8: {failures_per_node_year: 9, repair_hours: 1}}\n"
    found = offers(tmp_path, failing, HOURLY + stated)
    assert set(found.spares) == {"a100x8", "h100x8"}
    assert found.spares["h100x8"].failures_per_node_year == 9
    fleets = found.spares["a100x8"]
    assert fleets.failures_per_node_year == pytest.approx(0.7305)
    assert (fleets.repair_hours, fleets.confidence) == (48, 0.99)
    (note,) = (each for each in found.notes if "Spares of" in each)
    assert "a100x8" in note


def test_without_failures_there_are_no_spares(tmp_path: Path, scenario: Scenario) -> None:
    assert not offers(tmp_path, scenario, HOURLY).spares


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            "rack_places: {a-s1-l1: 5}",
            "limits.rack_places.a-s1-l1: 5: 6 nodes stay there (existing: keep: true); write 6 or",
        ),
        (
            "ports: {a-s1-l1: 47}, node_ports: {h100x8: 8, a100x8: 4}",
            "limits.ports.a-s1-l1: 47: 6 nodes stay there (existing: keep: true); write 48 or more",
        ),
        (
            "power_kw: {a-s1: 100}",
            "limits.power_kw.a-s1: 100: nodes that stay there (existing: keep: true) take 100.8 kW",
        ),
        (
            "power_kw: {a-s1: 69}, node_kw: {h100x8: 7}",
            "limits.power_kw.a-s1: 69: nodes that stay there (existing: keep: true) take 70 kW",
        ),
    ],
)
def test_limits_that_nodes_which_stay_break_are_refused(
    tmp_path: Path, scenario: Scenario, limits: str, message: str
) -> None:
    """Six H100 nodes of 8 x 0.7 kW x 1.8 = 10.08 kW stand on a-s1-l1, four on a-s1-l2."""
    existing = "existing: {h100x8: {keep: true}}\n"
    text = refused(tmp_path, scenario, f"{HOURLY}{existing}limits: {{{limits}}}\n")
    assert message in text
    assert len(text.splitlines()) == 1


def test_limits_that_nodes_which_stay_just_keep_are_no_problem(
    tmp_path: Path, scenario: Scenario
) -> None:
    limits = "rack_places: {a-s1-l1: 6}, power_kw: {a-s1: 100.9}"
    found = offers(
        tmp_path,
        scenario,
        f"{HOURLY}existing: {{h100x8: {{keep: true}}}}\nlimits: {{{limits}}}\n",
    )
    assert dict(found.offers.limits.rack_places) == {"a-s1-l1": 6}


def test_keys_of_a_mapping_by_name_are_told(tmp_path: Path, scenario: Scenario) -> None:
    text = refused(tmp_path, scenario, f"{HOURLY}existing: {{h100x8: {{keeps: true}}}}\n")
    assert "existing.h100x8.keeps: true: unknown key; did you mean 'keep'?" in text
    text = refused(tmp_path, scenario, f"{HOURLY}existing: {{h100x8: {{stays: true}}}}\n")
    assert "unknown key; known are usd_per_node_hour, usd_per_gpu_hour, keep, " in text
