"""A size as pandas frames, units in the column names."""

from typing import TYPE_CHECKING

from heteroplan.outputs.size.document import (
    AlternativePart,
    NodesPart,
    OrderPart,
    SizeDocument,
    WorthPart,
)

if TYPE_CHECKING:
    from pandas import DataFrame


def nodes_frame(document: SizeDocument) -> "DataFrame":
    """One row an offer and leaf."""
    from pandas import DataFrame

    rows = [each.model_dump(mode="json") for each in document.nodes]
    return DataFrame(rows, columns=list(NodesPart.model_fields))


def alternatives_frame(document: SizeDocument) -> "DataFrame":
    """One row a fleet; its nodes are in one column, such as `2 x h100x8, 3 x a100x8`."""
    from pandas import DataFrame

    rows = [
        each.model_dump(mode="json")
        | {"nodes": ", ".join(f"{count} x {name}" for name, count in each.nodes.items())}
        for each in document.alternatives
    ]
    return DataFrame(rows, columns=list(AlternativePart.model_fields))


def worth_frame(document: SizeDocument) -> "DataFrame":
    """One row a node type on offer: what one more is worth."""
    from pandas import DataFrame

    rows = [
        each.model_dump()
        | {"limits": ", ".join(f"{limit.kind} of {limit.of}" for limit in each.limits)}
        for each in document.worth
    ]
    return DataFrame(rows, columns=list(WorthPart.model_fields))


def orders_frame(document: SizeDocument) -> "DataFrame":
    """One row an order, in the order of time; moments have a time zone."""
    from pandas import DataFrame

    rows = [order.model_dump() for each in document.quarters for order in each.orders]
    return DataFrame(rows, columns=list(OrderPart.model_fields))
