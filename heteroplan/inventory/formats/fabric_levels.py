"""Links of a fabric -> its levels: switches that serve the same hosts are one domain.

In a fat tree every leaf has links to all spines, and a node with several adapters has one at each
of several leaf switches. Switches whose hosts are mostly the same make up one leaf; the switches
above those make up one spine where the leaves below them are mostly the same; and so on. This
follows topograph, which joins switches whose hosts are all the same, but a port that is down or a
host that is plugged in elsewhere changes nothing here.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

SAME = 0.5
"""Share of the members of the smaller of two switches that both have, from which they are one."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Which domain each host and each domain is in; a domain has the name of its first switch."""

    leaf_by_host: Mapping[str, str]
    leaf_by_switch: Mapping[str, str]
    parent: Mapping[tuple[int, str], str]
    """Domain above, by level (0: leaves) and name."""

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return len(set(self.leaf_by_switch.values()))

    def path(self, host: str) -> tuple[str, ...]:
        """Domains above a host, the widest first."""
        above = [self.leaf_by_host[host]]
        while (parent := self.parent.get((len(above) - 1, above[-1]))) is not None:
            above.append(parent)
        return tuple(reversed(above))


def levels_of(hosts: Mapping[str, Counter[str]], neighbours: Mapping[str, Counter[str]]) -> Levels:
    """Levels of a fabric from the links of each switch to `hosts` and to its `neighbours`."""
    group = leaves = _groups(hosts)
    leaf_by_host = _chosen(hosts, group)
    seen = set(group)
    parent: dict[tuple[int, str], str] = {}
    level = 0
    while True:
        links: dict[str, Counter[str]] = defaultdict(Counter)
        for switch, below in group.items():
            for above, count in neighbours.get(switch, Counter[str]()).items():
                if above not in seen:
                    links[above][below] += count
        if not links:
            return Levels(leaf_by_host, leaves, parent)
        uppers = _groups(links)
        for below, above in _chosen(links, uppers).items():
            parent[level, below] = above
        group, level = uppers, level + 1
        seen |= set(uppers)


def _groups[M: Hashable](members: Mapping[str, Counter[M]]) -> dict[str, str]:
    """The first switch of the domain of each, where switches with mostly the same members join."""
    first: dict[str, str] = {}
    different: dict[frozenset[M], str] = {}
    """Of switches with the same members the first; a fabric has few that differ."""
    for switch in sorted(members):
        first[switch] = different.setdefault(frozenset(members[switch]), switch)
    having: dict[M, list[str]] = defaultdict(list)
    for switch in different.values():
        for member in members[switch]:
            having[member].append(switch)
    for switch in different.values():
        shared = Counter(
            other for member in members[switch] for other in having[member] if other > switch
        )
        for other, count in shared.items():
            if count >= SAME * min(len(members[switch]), len(members[other])):
                one, two = _first(first, switch), _first(first, other)
                first[max(one, two)] = min(one, two)
    return {switch: _first(first, switch) for switch in first}


def _first(first: dict[str, str], switch: str) -> str:
    while first[switch] != switch:
        switch = first[switch]
    return switch


def _chosen[M: Hashable](
    members: Mapping[str, Counter[M]], group: Mapping[str, str]
) -> dict[M, str]:
    """The domain of each member: the one with most links to it, of equal ones the first."""
    links: dict[M, Counter[str]] = defaultdict(Counter)
    for switch in sorted(members):
        for member, count in members[switch].items():
            links[member][group[switch]] += count
    return {
        member: min(counts, key=lambda each: (-counts[each], each))
        for member, counts in links.items()
    }
