"""Replicas on nodes of several offers of one type, hour by hour."""

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.optimize.program.problem import Ints
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.starts import divided
from tests.sizing.offers import BIG, offers, on_demand, purchase, two_types

SPOT = Offer("spot", BIG, OfferKind.SPOT, 4.0, most_share=0.5)
HOURLY = {f"{BIG}-on-demand": on_demand(), f"{BIG}-spot": SPOT}


def potential(rps: Sequence[float]) -> Potential:
    """A replica of 4 GPUs serves 10 requests/s, of prefill and of decode."""
    every = offers(purchase(BIG, 10.0), on_demand(BIG), SPOT)
    return Potential.of(Offered.of(two_types(rps, startup_s=360.0), every))


def on_offers(
    of: Potential, sizes: Sequence[int], there: Mapping[str, Sequence[int]]
) -> dict[str, Ints]:
    """[T] replicas of both roles on each type of `there` [T] GPUs, of `sizes` [T] of each role."""
    pools = [p for p, pool in enumerate(of.program.pools) if pool.node_type == BIG]
    replicas = np.zeros((len(of.program.pools), len(sizes)), dtype=np.int64)
    replicas[pools] = sizes
    found = divided(of, range(len(sizes)), replicas, pools, there, HOURLY)
    return {name: each[pools].sum(axis=0) for name, each in found.items()}


def test_replicas_stay_on_the_nodes_on_which_they_stood() -> None:
    """Two replicas, four, two: a bought node holds two. Two stand on a rented node while there are
    four, and the bought ones do not go there though it is empty first."""
    of = potential([10.0, 20.0, 10.0])
    gpus = {BIG: [8, 8, 8], f"{BIG}-on-demand": [8, 8, 8]}
    found = on_offers(of, [1, 2, 1], gpus)
    assert found[BIG].tolist() == [2, 2, 2]
    assert found[f"{BIG}-on-demand"].tolist() == [0, 2, 0]


def test_replicas_do_not_move_to_cheaper_nodes_that_come_later() -> None:
    """The bought node is away in the first hour; who began on the rented node stays there as long
    as it is there."""
    of = potential([10.0] * 4)
    gpus = {BIG: [0, 8, 8, 8], f"{BIG}-on-demand": [8, 8, 8, 0]}
    found = on_offers(of, [1, 1, 1, 1], gpus)
    assert found[f"{BIG}-on-demand"].tolist() == [2, 2, 2, 0]
    assert found[BIG].tolist() == [0, 0, 0, 2]


def test_what_a_limited_share_may_not_hold_stands_on_it_only_where_nothing_else_has_room() -> None:
    """Of 4 + 4 replicas half may stand on spot. 8 GPUs are bought: 2; 16 GPUs of spot hold 4; two
    are left for the rented node, or without one for spot."""
    of = potential([40.0])
    spot, rented = f"{BIG}-spot", f"{BIG}-on-demand"
    found = on_offers(of, [4], {BIG: [8], rented: [8], spot: [24]})
    assert {name: int(each[0]) for name, each in found.items()} == {BIG: 2, rented: 2, spot: 4}
    found = on_offers(of, [4], {BIG: [8], rented: [0], spot: [24]})
    assert {name: int(each[0]) for name, each in found.items()} == {BIG: 2, rented: 0, spot: 6}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), sizes=st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_no_replica_is_lost_that_finds_room_and_none_stands_where_there_is_none(
    data: st.DataObject, sizes: list[int]
) -> None:
    of = potential([10.0] * len(sizes))
    hour = st.lists(st.integers(0, 5), min_size=len(sizes), max_size=len(sizes))
    gpus = {name: [8 * n for n in data.draw(hour)] for name in (BIG, *HOURLY)}
    found = on_offers(of, sizes, gpus)
    for t, size in enumerate(sizes):
        standing = sum(int(each[t]) for each in found.values())
        assert standing == min(2 * size, sum(here[t] for here in gpus.values()) // 4)
        assert all(4 * each[t] <= gpus[name][t] for name, each in found.items())
