"""What would end a shortage, in a sentence and as JSON: nodes, or less demand for a while."""

import math
from collections.abc import Sequence
from typing import Any

from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.sentences import Spell
from heteroplan.planning.shortage_fix import NodesFix

MOST_SPELLS = 3
"""Times that a sentence names."""
MOST_LEAVES = 2
"""Leaves that a sentence names."""


def fix_sentence(nodes: NodesFix | None, spells: Sequence[Spell], horizon: HorizonPart) -> str:
    """Such as `To serve all: 2 more a100x8 on a-s2-l2 (19.20 USD/h), or 6 % less demand of chat
    11:15 to 12:45.`; empty where nothing is short."""
    if not spells:
        return ""
    less = [
        f"{less_percent(each)} less demand of {each.workload} {each.when(horizon)}"
        for each in sorted(spells, key=lambda each: -each.worst_fraction)
    ]
    more = len(less) - MOST_SPELLS
    demand = " and ".join(less[:MOST_SPELLS]) + (f", and {more} more times" if more > 0 else "")
    if nodes is None:
        return f"To serve all: {demand}."
    return f"To serve all: {nodes_text(nodes)}, or {demand}."


def nodes_text(fix: NodesFix) -> str:
    """Such as `2 more a100x8 on a-s2-l2 (19.20 USD/h)`."""
    named = " or ".join(fix.leaves[:MOST_LEAVES])
    others = len(fix.leaves) - MOST_LEAVES
    where = f"{named} or {others} more" if others > 0 else named
    return f"{fix.nodes:,} more {fix.node_type} on {where} ({fix.usd_per_hour:,.2f} USD/h)"


def less_percent(spell: Spell) -> str:
    """The unserved share in the worst interval, rounded up."""
    return f"{math.ceil(1000 * spell.worst_fraction - 1e-9) / 10:.1f} %"


def fix_json(nodes: NodesFix | None, spells: Sequence[Spell]) -> dict[str, Any]:
    """Both; `nodes` is null where none was found."""
    return {
        "nodes": None
        if nodes is None
        else {
            "node_type": nodes.node_type,
            "leaves": list(nodes.leaves),
            "nodes": nodes.nodes,
            "usd_per_hour": round(nodes.usd_per_hour, 6),
        },
        "less_demand": [
            {
                "workload": each.workload,
                "first": each.first,
                "last": each.last,
                "share": round(each.worst_fraction, 9),
            }
            for each in spells
        ],
    }
