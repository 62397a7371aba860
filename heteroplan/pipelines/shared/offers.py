"""What nodes can be had for: of a file, of the scenario, or at the prices of its fleet."""

import os
from typing import TYPE_CHECKING

from heteroplan.errors import UsageError
from heteroplan.pipelines.shared.arguments import Name

if TYPE_CHECKING:
    from heteroplan.entities.purchasing import Purchasing
    from heteroplan.inputs import Loaded


def check_one_stdin(scenario: Name, offers: Name | None) -> None:
    """Raises UsageError where both come from standard input."""
    if offers is not None and os.fspath(offers) == os.fspath(scenario) == "-":
        raise UsageError("-: only one of scenario and offers can come from standard input")


def terms_of(loaded: "Loaded", offers: Name | None, *, from_nothing: bool = False) -> "Purchasing":
    """Of the file `offers`, else of the one that the scenario names, else of its fleet.

    Raises InputError with every problem.
    """
    from heteroplan.inputs.offers import fleet_offers, load_offers

    source = loaded.offers if offers is None else os.fspath(offers)
    if source is None:
        return fleet_offers(loaded.scenario, from_nothing=from_nothing)
    return load_offers(source, loaded.scenario, from_nothing=from_nothing)
