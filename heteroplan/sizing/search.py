"""The cheapest fleet: nodes by a program that proves a bound, and a plan that stands on them.

1. A program says which nodes would do, and that none cost less: of the intervals that cost most
   where nodes are paid for the whole horizon, of all where hours are paid (`rented`).
2. They are put on leaves (`site`), and a plan is made on them (`planned`). Where nodes that are all
   paid anyway leave demand unserved, in another interval than those of the program, that becomes
   part of it; then so many nodes more are tried as what is unserved calls for, and more than that
   the more have been tried. Once some have covered the demand, cheaper ones between, and then one
   less of each offer, or others for it.
3. With the fleet known, the time left goes to its plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from math import inf

from heteroplan.clock import Progress, Stop, never, silent
from heteroplan.entities.offers import Offers
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import ROUNDING, SOLVER_TOLERANCE
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.sizing.attempts import LEAST_TRIAL_S, Attempts, Fitted, Share, Tried
from heteroplan.sizing.counts import (
    Counts,
    exchanged,
    full_usd,
    grown,
    usd_of,
    with_lacking,
    with_more_hours,
    with_room,
)
from heteroplan.sizing.outcome import Limit, NoFleetError, Sized, binding
from heteroplan.sizing.potential import Offered, Potential, Rate
from heteroplan.sizing.program import Least, LoadModel, node_model
from heteroplan.sizing.rented import priced_bound, rented

PROGRAM_SHARE = 0.15
"""Of the time, at most, for the first program of nodes."""
PROVING_SHARE = 0.8
"""Of what is left of it, for the program of all intervals at the end."""
NEXT_SHARE = 0.05
"""Of the time, for each program after it."""
EXACT_CELLS = 400
"""Pools times intervals of a program that says what small pools serve."""
FIRST_STEP = 1e-6
"""Relative difference of costs of nodes that the program tries one after the other."""
MOST_NEXT = 3
"""Answers of the program that are tried after the first."""
GROWN, MOST_GROWN = 0.02, 8.0
"""Of the cost, by which nodes grow at first where nothing says what they lack; twice as much each
time, up to so many times."""
FAR = 0.05
"""Of the cost, between nodes that failed and those that covered, that is halved; below it nodes are
exchanged one by one."""
BETWEEN = 6
"""Times that it is halved at most."""
LEAST_SAVED, LEAST_OF_GAP = 1e-3, 0.125
"""Of the cost, and of its distance to the bound, that an exchange of nodes saves at least."""


def try_bought(attempts: Attempts) -> None:
    """Until nodes cover the demand within the gap, none are left to try, or time is over."""
    search = _Bought(attempts)
    for tried in chain(search.cheapest_first(), search.of_all()):
        attempts.attempt(tried)
        if attempts.over or attempts.closed:
            return


def larger(attempts: Attempts, counts: Counts) -> Iterator[Counts]:
    """More and more nodes than some that do not cover the demand, as far as there are any.

    As many as the plan tried last lacks, where those are few, and twice as many each time; else a
    part of the cost, which doubles too.
    """
    offered, step, times = attempts.offered, GROWN, 1
    while step <= MOST_GROWN:
        more = grown(offered, counts, 1 + step)
        if attempts.last is not None and attempts.last.plan.shortages:
            lacking = with_lacking(attempts.potential, counts, attempts.last.plan, times)
            if counts != lacking and full_usd(offered, lacking) < full_usd(offered, more):
                more = lacking
        if full_usd(offered, more) <= full_usd(offered, counts):
            return
        counts, step, times = more, 2 * step, 2 * times
        yield counts


@dataclass(frozen=True, eq=False)
class _Bought:
    attempts: Attempts
    failed: list[Counts] = field(default_factory=list)
    """Nodes on which no plan covered the demand."""

    def cheapest_first(self) -> Iterator[Tried]:
        """Nodes that would do, from the cheapest on; once some have covered, cheaper ones.

        First those that the interval which costs most needs. Where a plan on them goes short in
        another one, that becomes part of the program. After some of them, and where the program has
        no good answer in time, more of each: a plan on many nodes is found soon, that there is none
        on few nodes never.
        """
        attempts, failing_usd = self.attempts, 0.0
        for tried in chain(self._of_programs(), self._larger()):
            yield tried
            if attempts.covered:
                yield from self._between(max(attempts.bound_usd, failing_usd))
                yield from self._exchanged()
                return
            self.failed.append(with_room(attempts.offered, tried.counts))
            failing_usd = usd_of(attempts.offered, tried.counts)

    def of_all(self) -> Iterator[Tried]:
        """Those of the program of all intervals that no other outdoes, for what it proves too.

        Where they are many, the first program had few of them, and some nodes cover the demand.
        """
        attempts = self.attempts
        whole = attempts.potential
        if not attempts.covered or _is_exact(whole, self._busiest):
            return
        share = max(0.0, attempts.left_s) * PROVING_SHARE / attempts.time_limit_s
        found = self._solved(whole, self._busiest, share, by_size=False)
        usd = found.cost_usd
        if usd is not None and (attempts.best is None or usd < attempts.best_usd):
            yield Tried(found.counts)

    def _of_programs(self) -> Iterator[Tried]:
        """The nodes of programs, each time the cheapest that cost more than those before.

        What small pools serve is left out where all intervals are in the program: it would take
        much of the time, and prove less in it.
        """
        attempts = self.attempts
        whole, low_usd = attempts.potential, 0.0
        times, by_size = self._first(whole)
        found = self._solved(whole, times, PROGRAM_SHARE, by_size=by_size)
        attempts.impossible = found.verdict is Verdict.INFEASIBLE
        if all(each.potential is not whole for each in attempts.sections):
            yield from self._of_sections()
            return
        for _ in range(1 + MOST_NEXT):
            usd = found.cost_usd
            if usd is None or (low_usd > 0.0 and usd > (1 + attempts.gap) * low_usd):
                return
            yield Tried(found.counts)
            low_usd = usd_of(attempts.offered, found.counts) * (1 + FIRST_STEP)
            times = self._short_elsewhere(times) or times
            found = self._solved(whole, times, NEXT_SHARE, low_usd, by_size=by_size)

    def _of_sections(self) -> Iterator[Tried]:
        """The nodes that each section needs."""
        attempts = self.attempts
        found: dict[Potential, Least] = {}
        for each in attempts.sections:
            if each.potential not in found:
                times, by_size = self._first(each.potential)
                share = PROGRAM_SHARE / len(attempts.sections)
                found[each.potential] = self._solved(each.potential, times, share, by_size=by_size)
        if all(each.cost_usd is not None for each in found.values()):
            yield Tried.of(
                [Share(each, found[each.potential].counts) for each in attempts.sections]
            )

    def _larger(self) -> Iterator[Tried]:
        """More than the nodes that were tried last, if the program has any, while there is time
        for a plan on them."""
        attempts = self.attempts
        if attempts.impossible or not attempts.counts:
            return
        for counts in larger(attempts, attempts.counts):
            if attempts.left_s < LEAST_TRIAL_S:
                return
            yield Tried(counts)

    @cached_property
    def _busiest(self) -> list[int]:
        """Intervals that no other one outdoes, and those whose starts hold GPUs in them."""
        potential = self.attempts.potential
        return potential.with_starts(potential.busiest())

    def _first(self, potential: Potential) -> tuple[list[int], bool]:
        """Intervals of a first program, and whether it looks at what small pools serve."""
        busiest = potential.with_starts(potential.busiest())
        exact = _is_exact(potential, busiest)
        return busiest if exact else self._dearest(potential, busiest), not exact

    def _dearest(self, potential: Potential, busiest: list[int]) -> list[int]:
        """The interval for which most is paid, and those whose starts hold GPUs in it."""
        attempts = self.attempts
        prices = node_model(potential, busiest).duals(attempts.effort(attempts.left_s))
        if prices is None:
            return busiest
        if potential is attempts.potential:
            attempts.raise_bound(prices.bound_usd)
        worth = prices.usd.sum(axis=0)
        return potential.with_starts([busiest[int(worth.argmax())]])

    def _solved(
        self,
        potential: Potential,
        times: list[int],
        share: float,
        low_usd: float = 0.0,
        *,
        by_size: bool = True,
    ) -> Least:
        """The cheapest nodes of the program of some intervals that cost so much at least."""
        attempts = self.attempts
        by_size = by_size and potential.program.sized and _is_exact(potential, times)
        model = node_model(potential, times, by_size=by_size)
        if low_usd > 0.0:
            model.cost_at_least(low_usd)
        found = model.least(attempts.effort(share * attempts.time_limit_s))
        if low_usd == 0.0 and potential is attempts.potential:
            attempts.raise_bound(found.bound_usd)
        return found

    def _short_elsewhere(self, times: list[int]) -> list[int] | None:
        """The intervals, and that in which the last plan goes shortest of others; None where there
        is none, or they would be too many."""
        last = self.attempts.last
        if last is None:
            return None
        short: dict[int, float] = {}
        for each in last.plan.shortages:
            if each.interval not in times:
                short[each.interval] = short.get(each.interval, 0.0) + each.unserved_rps
        if not short:
            return None
        worst = max(short, key=lambda t: short[t])
        more = sorted({*times, *self.attempts.potential.with_starts([worst])})
        return more if _is_exact(self.attempts.potential, more) else None

    def _between(self, failing_usd: float) -> Iterator[Tried]:
        """Nodes that cost less than those that covered, and more than what did not."""
        attempts = self.attempts
        for _ in range(BETWEEN):
            best_usd = attempts.best_usd
            if best_usd - failing_usd <= max(FAR, attempts.gap / 2) * best_usd:
                return
            middle = (failing_usd + best_usd) / 2
            assert attempts.best is not None
            counts = grown(attempts.offered, attempts.best.counts, middle / best_usd)
            if usd_of(attempts.offered, counts) >= best_usd:
                return
            yield Tried(counts)
            if attempts.best_usd == best_usd:
                failing_usd = middle

    def _exchanged(self) -> Iterator[Tried]:
        """The nodes that covered with one less, or with others in its place that cost less.

        Those first that save most for what fewer nodes are loaded more; after each that covers
        again from there.
        """
        attempts, offered = self.attempts, self.attempts.offered
        loads, best = LoadModel.of(attempts.potential, self._busiest), attempts.best
        effort = attempts.effort(attempts.left_s)
        most = max((loads.load(counts, effort) for counts in self.failed), default=inf)
        while best is not None:
            usd, load = usd_of(offered, best.counts), loads.load(best.counts, effort)
            worth: list[tuple[float, Counts]] = []
            least_usd = max(LEAST_SAVED * usd, LEAST_OF_GAP * (usd - attempts.bound_usd))
            for counts in exchanged(offered, best.counts, least_usd):
                left_usd, more = usd_of(offered, counts), loads.load(counts, effort)
                if left_usd >= attempts.bound_usd and more < most and counts not in self.failed:
                    saved_usd = usd - left_usd
                    worth.append((saved_usd / max(more - load, SOLVER_TOLERANCE), counts))
            for _, counts in sorted(worth, key=lambda each: -each[0]):
                yield Tried(counts)
                if attempts.best is not best:
                    break
                self.failed.append(counts)
            else:
                return
            best = attempts.best


def _is_exact(potential: Potential, times: list[int]) -> bool:
    """Whether a program of so many intervals may look closely."""
    return len(times) * len(potential.program.pools) <= EXACT_CELLS


RENTED_SHARE, BOUND_SHARE = 0.5, 0.6
"""Of the time, at most, for the nodes of single intervals where hours are paid; of what is left
after a plan on them for the bound: the rest betters the plan."""
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
    Raises UsageError where offers do not fit the scenario, NoPlanError where no fleet was found,
    NoFleetError where it is proven that there is none.
    """
    attempts = Attempts(Offered.of(scenario, offers, rate), gap, time_limit_s, stop, progress)
    if not attempts.potential.servable:
        raise NoFleetError(
            "no offered node type serves all requests from prompt to last token; offer others, or "
            "relax the slo"
        )
    find(attempts)
    hurried = _until_covered(attempts)
    if attempts.best is None and attempts.impossible:
        raise NoFleetError(
            "the limits leave no fleet that serves all demand; raise most_nodes, rack_places, "
            "ports or power_kw, or offer other nodes"
        )
    if attempts.best is None:
        raise NoPlanError("no fleet of these offers was found; raise --time-limit")
    attempts.better_plan()
    attempts.give_back_idle(patient=bool(hurried))
    attempts.keep_what_stands()
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
    effort = attempts.effort(RENTED_SHARE * attempts.time_limit_s)
    whole, intervals = attempts.potential, attempts.potential.program.intervals
    prices = None
    if len(attempts.sections) > 1:
        prices = node_model(whole, range(intervals)).duals(effort)
    found = {each.potential: rented(each.potential, effort) for each in attempts.sections}
    if whole in found:
        prices = found[whole].prices
    if prices is not None:
        attempts.raise_bound(prices.bound_usd)
    if prices is None or any(each.least.cost_usd is None for each in found.values()):
        return
    shares = []
    for section in attempts.sections:
        mine = found[section.potential]
        least = mine.least
        share = Share(section, least.counts, range(intervals), least.replicas, mine.needed)
        shares.append(share)
    tried = Tried.of(shares)
    for _ in range(LONGER):
        attempts.attempt(tried)
        if attempts.closed or attempts.over:
            return
        more = _with_more_hours(attempts, tried)
        if more is None:
            break
        tried = more
    effort = attempts.effort(BOUND_SHARE * attempts.left_s)
    attempts.raise_bound(priced_bound(whole, prices.usd, effort))
    if not attempts.covered and not attempts.over:
        attempts.attempt(tried.all_there)


def _with_more_hours(attempts: Attempts, tried: Tried) -> Tried | None:
    """Where the plan on some nodes goes short, the same with more of those by the hour then."""
    last = attempts.last
    if last is None or last.plan.covered:
        return None
    shares = []
    for each in tried.shares:
        assert each.needed is not None
        needed = with_more_hours(each.section.potential, each.needed, last.plan) or each.needed
        most = {name: int(count.max(initial=0)) for name, count in needed.items()}
        shares.append(replace(each, counts=each.counts | most, needed=needed))
    if all(one.needed is other.needed for one, other in zip(shares, tried.shares, strict=True)):
        return None
    return Tried.of(shares, last.plan.pools)


def _until_covered(attempts: Attempts) -> tuple[Limit, ...]:
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
            words = (
                f"the {attempts.time_limit_s:.3g} s that the search had of the time limit ended "
                "before a fleet covered the demand, so nodes were added until one did; raise "
                "--time-limit"
            )
            return (Limit(words),)
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
        tried = Tried(found.counts)
        if len(attempts.sections) == 1:
            share = Share(attempts.sections[0], found.counts, times, found.replicas)
            tried = Tried.of([share])
        fitted = attempts.fitted(tried)
    if fitted is None or fitted.cost_usd > budget_usd * (1 + ROUNDING):
        raise NoPlanError(
            f"no fleet within budget_usd {budget_usd:g} was found; covering the demand costs "
            f"{attempts.best_usd:,.2f} USD; raise the budget or --time-limit"
        )
    return fitted
