"""The cheapest fleet: nodes by a program that proves a bound, and a plan that stands on them.

1. A program says which nodes would do, and that none cost less: of the intervals that cost most
   where nodes are paid for the whole horizon (`bought`), of all where hours are paid (`rented`).
2. They are put on leaves (`site`), and a plan is made on them (`planned`); what is unserved then
   says which others are tried (`attempts`).
3. With the fleet known, the time left goes to its plan.
"""

from dataclasses import replace
from itertools import chain

from heteroplan.clock import Progress, Stop, never, silent
from heteroplan.entities.offers import Offers
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.sizing.attempts import Attempts, Fitted, Tried
from heteroplan.sizing.bought import larger, try_bought
from heteroplan.sizing.counts import Counts, with_more_hours
from heteroplan.sizing.offered import Offered, Rate
from heteroplan.sizing.outcome import NO_FLEET, Sized, binding
from heteroplan.sizing.program import node_model
from heteroplan.sizing.rented import priced_bound, rented

RENTED_SHARE, PROVING_SHARE = 0.5, 0.7
"""Of the time, at most, for the nodes of single intervals where hours are paid; of what is left
after a plan on them for the bound."""
LONGER = 3
"""Times that nodes by the hour are tried: each time with those that the plan before lacked."""
BUDGET_SHARE = 0.5
"""Of the time limit, beyond it, for a fleet within a budget that does not cover the demand."""


def size(
    scenario: Scenario,
    offers: Offers,
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = never,
    progress: Progress = silent,
    rate: Rate = candidates_of,
) -> Sized:
    """The cheapest fleet of some offers that serves a scenario, with a plan on it and a bound.

    The nodes that the scenario's fleet has play no part: those that may be kept are offers. Its
    network says where nodes may stand. What runs when the horizon starts is not known of a fleet
    that does not stand yet, so its replicas begin ready. `progress` is told the cost of the best
    fleet, the bound and the seconds. `rate` says what engines serve on the nodes of a scenario.
    Raises UsageError where offers do not fit the scenario, NoPlanError where no fleet was found.
    """
    attempts = Attempts(Offered.of(scenario, offers, rate), gap, time_limit_s, stop, progress)
    if not attempts.potential.servable:
        raise NoPlanError(
            "no offered node type serves all requests from prompt to last token; offer others, or "
            "relax the slo"
        )
    find(attempts)
    hurried = _until_covered(attempts)
    if attempts.best is None:
        raise NoPlanError(NO_FLEET[attempts.impossible])
    attempts.better_plan()
    best = _within_budget(attempts) or attempts.best
    bound_usd, covered = attempts.bound_usd, best.plan.covered
    return Sized(
        nodes=best.nodes,
        fleet=best.built.fleet,
        plan=best.plan,
        cost_usd=best.cost_usd,
        bound_usd=min(bound_usd, best.cost_usd) if covered else bound_usd,
        covered=covered,
        binding=(
            *binding(attempts.offered, best.standing, bound_usd, covered=covered),
            *hurried,
        ),
    )


def find(attempts: Attempts) -> None:
    """Try nodes until a fleet covers the demand within the gap, or time is over."""
    if attempts.offered.hourly:
        _try_rented(attempts)
    else:
        try_bought(attempts)


def _try_rented(attempts: Attempts) -> None:
    """Nodes by the hour: as many in each interval as it needs, or any at any time."""
    found = rented(attempts.potential, attempts.effort(RENTED_SHARE * attempts.time_limit_s))
    attempts.raise_bound(found.least.bound_usd)
    if found.least.cost_usd is None:
        return
    tried = Tried(
        found.least.counts,
        range(attempts.potential.program.intervals),
        found.least.replicas,
        found.needed,
    )
    for _ in range(LONGER):
        attempts.attempt(tried)
        if attempts.closed or attempts.over:
            return
        more = _with_more_hours(attempts, tried)
        if more is None:
            break
        tried = more
    effort = attempts.effort(PROVING_SHARE * attempts.left_s)
    attempts.raise_bound(priced_bound(attempts.potential, found.prices_usd, effort))
    if not attempts.closed and not attempts.over:
        attempts.attempt(replace(tried, needed=None))


def _with_more_hours(attempts: Attempts, tried: Tried) -> Tried | None:
    """Where the plan on some nodes goes short, the same with more of those by the hour then."""
    last = attempts.last
    if last is None or last.plan.covered or tried.needed is None:
        return None
    needed = with_more_hours(attempts.potential, tried.needed, last.plan)
    if needed is None:
        return None
    most = {name: int(count.max(initial=0)) for name, count in needed.items()}
    return replace(tried, counts=tried.counts | most, needed=needed, pools=last.plan.pools)


def _until_covered(attempts: Attempts) -> tuple[str, ...]:
    """Where no fleet that was tried in time covers the demand: larger ones than the best.

    However long that takes, as a plan with room is soon found: else a machine that is busy with
    other work would have no answer at all. Says so, in words.
    """
    if attempts.covered or attempts.impossible:
        return ()
    known = attempts.best.counts if attempts.best is not None else attempts.counts
    first = known or _rounded_up(attempts)
    for counts in chain((first,), larger(attempts, first)):
        if attempts.stop():
            break
        attempts.attempt(Tried(counts, patient=True))
        if attempts.covered:
            return (
                f"the time limit of {attempts.time_limit_s:g} s: it ended before a fleet covered "
                "the demand, so nodes were added until one did; raise --time-limit",
            )
        if attempts.full:
            break
    return ()


def _rounded_up(attempts: Attempts) -> Counts:
    """Nodes of the program in which they may be fractional; all there are, and one of those
    without a limit, where it has no answer."""
    model = node_model(attempts.potential, attempts.potential.busiest())
    if model.duals(Effort(stop=attempts.stop)) is None:
        return {each.name: each.most_nodes or 1 for each in attempts.offered.offers}
    return model.rounded_up()


def _within_budget(attempts: Attempts) -> Fitted | None:
    """Where the best fleet costs more than the budget, what serves most for the budget."""
    budget_usd = attempts.offered.limits.budget_usd
    if budget_usd is None or attempts.best is None or attempts.best_usd <= budget_usd:
        return None
    times = list(range(attempts.potential.program.intervals))
    model = node_model(attempts.potential, times, allow_short=True)
    attempts.time_limit_s *= 1.0 + BUDGET_SHARE
    found = model.most_served(budget_usd, attempts.effort(attempts.left_s / 2))
    fitted = None
    if found.cost_usd is not None:
        fitted = attempts.fitted(Tried(found.counts, times, found.replicas))
    if fitted is None or fitted.cost_usd > budget_usd * (1 + ROUNDING):
        raise NoPlanError(
            f"no fleet within budget_usd {budget_usd:g} was found; covering the demand costs "
            f"{attempts.best_usd:,.2f} USD; raise the budget or --time-limit"
        )
    return fitted
