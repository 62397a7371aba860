"""Fleets for the demand of shipped scenarios, from nothing: a Markdown table.

    uv run --no-sync python -m tests.benchmarks.sizes [SCENARIO...] [--time-limit 60]

All nodes are bought, or all are paid by the hour, at the prices of the scenario's fleet. Beside the
fleet: the best single node type, and what pools that never change need at least. About six minutes
for quickstart and heteroscale-day, each of five fleets a minute at most.
"""

import argparse
from pathlib import Path
from time import monotonic, perf_counter

from heteroplan.entities.offers import Offer, OfferKind, Offers
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.inputs import load
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.sizing import size
from heteroplan.sizing.outcome import Sized
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.program import node_model
from tests.benchmarks.markdown import header, row

SCENARIOS = Path(__file__).parents[2] / "scenarios"
STATIC_GAP = 1e-3


def offers_of(scenario: Scenario, kind: OfferKind, only: str | None = None) -> Offers:
    """Each node type of the fleet, or one, at its price."""
    return Offers(
        tuple(
            Offer(shape.name, shape.name, kind, shape.gpus * shape.usd_per_gpu_hour)
            for shape in scenario.fleet.node_types
            if only in (None, shape.name)
        )
    )


def static_usd(scenario: Scenario, seconds: float) -> float:
    """Least cost of bought nodes on which no pool ever changes, or its bound."""
    potential = Potential.of(Offered.of(scenario, offers_of(scenario, OfferKind.PURCHASE)))
    model = node_model(potential, potential.busiest(), constant=True)
    return model.least(Effort(gap=STATIC_GAP, deadline=monotonic() + seconds)).bound_usd


def one_type(scenario: Scenario, kind: OfferKind, seconds: float) -> tuple[str, Sized | None]:
    """The node type that serves all demand alone for least; none where no type does."""
    found: list[tuple[float, str, Sized]] = []
    for shape in scenario.fleet.node_types:
        try:
            made = size(scenario, offers_of(scenario, kind, shape.name), time_limit_s=seconds)
        except NoPlanError:
            continue
        if made.covered:
            found.append((made.cost_usd, shape.name, made))
    if not found:
        return "", None
    _, name, best = min(found, key=lambda each: each[:2])
    return name, best


def show(name: str, kind: OfferKind, seconds: float) -> None:
    """A row."""
    scenario = load(str(SCENARIOS / name)).scenario
    began = perf_counter()
    made = size(scenario, offers_of(scenario, kind), time_limit_s=seconds)
    took_s = perf_counter() - began
    type_name, alone = one_type(scenario, kind, seconds)
    static = static_usd(scenario, seconds)
    nodes = ", ".join(f"{each.nodes} {each.node_type}" for each in made.nodes)
    row(
        *(name, kind.value, nodes, f"{made.cost_usd:,.0f}", f"{made.bound_usd:,.0f}"),
        *(f"{100 * made.gap:.1f} %", "yes" if made.covered else "no", f"{took_s:.0f}"),
        "none" if alone is None else f"{alone.cost_usd:,.0f} ({type_name})",
        f"{static:,.0f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Sizes of shipped scenarios.")
    parser.add_argument("scenarios", nargs="*", default=["quickstart", "heteroscale-day"])
    parser.add_argument("--time-limit", type=float, default=60.0, help="of each size [s]")
    options = parser.parse_args()
    header(
        "Sizes",
        "Cost of the horizon in USD.",
        (
            *("scenario", "nodes are", "nodes", "cost", "bound", "gap", "covered", "s"),
            *("best single type", "static purchase, at least"),
        ),
    )
    for name in options.scenarios:
        for kind in (OfferKind.PURCHASE, OfferKind.ON_DEMAND):
            show(name, kind, options.time_limit)


if __name__ == "__main__":
    main()
