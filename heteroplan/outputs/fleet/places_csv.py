"""Which node of an inventory is which node of the fleet, as CSV."""

from collections.abc import Iterable
from dataclasses import fields

from heteroplan.inventory.node_places import NodePlace
from heteroplan.outputs.shared.files import csv_text

COLUMNS = tuple(each.name for each in fields(NodePlace))


def places_csv(places: Iterable[NodePlace]) -> str:
    """One row a node."""
    return csv_text(COLUMNS, ([getattr(each, name) for name in COLUMNS] for each in places))
