"""The usual what-ifs of any scenario: one input at a time, a tenth less and a tenth more."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from heteroplan.entities.network import Leaf
from heteroplan.inputs.scenario import Loaded
from heteroplan.studies.case import Case, Value

SHARE = 0.1
"""Of each input, less and more."""
MOST_COUNTS = 24
"""Numbers of nodes that are varied; of more, the largest of each node type."""
_DIGITS = 9

type _Pair = tuple[str, Value, Value]
"""A path, and the lesser and the greater value."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Cases that each set one input."""

    cases: tuple[Case, ...]
    """The first sets nothing."""
    notes: tuple[str, ...]
    """What is left out, and why."""


def sensitivity(loaded: Loaded, share: float = SHARE) -> Sensitivity:
    """Demand, prices, speeds of engines and numbers of nodes, each `share` less and more.

    Of nodes at least one less and one more. What no plan can use is left out: node types without a
    node or without a price, and engines that serve nothing at the SLO.
    """
    counts = _counts(loaded)
    chosen = _largest(counts)
    factors = f"*{1 - share:g}", f"*{1 + share:g}"
    pairs = (
        ("demand", *factors),
        *_prices(loaded, share),
        *((f"profile.{name}.speed_factor", *factors) for name in _engines(loaded)),
        *_nodes(loaded, chosen, share),
    )
    inputs = [(), *(((path, value),) for path, *values in pairs for value in values)]
    notes = []
    if len(chosen) < len(counts):
        notes.append(
            f"{len(chosen)} of {len(counts):,} numbers of nodes are varied: of each node type the "
            "largest"
        )
    return Sensitivity(tuple(Case(place, each) for place, each in enumerate(inputs)), tuple(notes))


def _prices(loaded: Loaded, share: float) -> Iterator[_Pair]:
    placed = _placed(loaded)
    for each in loaded.scenario.fleet.node_types:
        if each.name in placed and each.usd_per_gpu_hour > 0:
            low, high = (each.usd_per_gpu_hour * factor for factor in (1 - share, 1 + share))
            path = f"fleet.node_types.{each.name}.usd_per_gpu_hour"
            yield path, _rounded(low), _rounded(high)


def _engines(loaded: Loaded) -> Iterable[str]:
    """Names of those that serve anything; of a divided engine the name of the whole."""
    placed = _placed(loaded)
    return dict.fromkeys(
        each.engine.part.of if each.engine.part else each.engine.name
        for each in loaded.candidates
        if each.usable and each.node_type in placed
    )


def _placed(loaded: Loaded) -> set[str]:
    """Node types of which there are nodes."""
    return {name for _, name, _ in _counts(loaded)}


def _counts(loaded: Loaded) -> list[tuple[Leaf, str, int]]:
    return [
        (leaf, name, count)
        for leaf in loaded.scenario.fleet.network.leaves
        for name, count in leaf.nodes.items()
        if count > 0
    ]


def _largest(counts: list[tuple[Leaf, str, int]]) -> list[tuple[Leaf, str, int]]:
    """As many as may be varied, in turn of each node type, in the order of the fleet."""
    ranks: dict[str, int] = defaultdict(int)
    ranked = []
    for place in sorted(range(len(counts)), key=lambda i: -counts[i][2]):
        name = counts[place][1]
        ranked.append((ranks[name], place))
        ranks[name] += 1
    return [counts[place] for place in sorted(place for _, place in sorted(ranked)[:MOST_COUNTS])]


def _nodes(loaded: Loaded, counts: list[tuple[Leaf, str, int]], share: float) -> Iterator[_Pair]:
    fleet = loaded.scenario.fleet
    one_domain = {(leaf.name, leaf.spine, leaf.cluster) for leaf in fleet.network.leaves} == {
        (fleet.name,) * 3
    }
    for leaf, name, count in counts:
        step = max(1, round(share * count))
        where = "nodes" if one_domain else leaf.name
        yield f"fleet.{where}.{name}", count - step, count + step


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
