"""`size`: a scenario and what nodes can be had for -> the cheapest fleet, beside others."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from heteroplan.clock import LEAST_SHARE, Clock, Late, Progress, Stop, never, silent
from heteroplan.errors import NoPlanError
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names
from heteroplan.pipelines.shared.offers import check_one_stdin, terms_of
from heteroplan.pipelines.shared.solving import check_effort, compile_first, load

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.purchasing import Purchasing
    from heteroplan.inputs import Loaded
    from heteroplan.outputs.size.document import SizeDocument
    from heteroplan.outputs.size.figures import Answer
    from heteroplan.sizing.outcome import Sized
    from heteroplan.sizing.purchase.ahead import Ahead
    from heteroplan.sizing.purchase.alternatives import Alternative
    from heteroplan.sizing.purchase.quarters import Quarter
    from heteroplan.sizing.purchase.terms import Search
    from heteroplan.sizing.purchase.worth import Worth

SIZE_WEIGHT, QUARTER_WEIGHT, ALTERNATIVE_WEIGHT = 6.0, 2.0, 1.0
AHEAD_WEIGHT, WORTH_WEIGHT = 1.0, 0.5
"""How the time is divided: what one does not need the next ones have."""
MIN_AHEAD = 2
"""Quarters that a look ahead needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeOptions:
    """Keywords of `size`."""

    offers: Name | None = None
    """File of what nodes can be had for (or `-`); that of the scenario where not given, and where
    there is none either the node types of the fleet at its prices."""
    budget_usd_per_month: float | None = None
    """Most that all nodes may cost a month of 30.4 days; that of the offers where not given."""
    from_nothing: bool = False
    """Whether the nodes that the fleet has are left out."""
    compare: bool = True
    """Whether other fleets are sized to compare with."""
    overrides: str | Sequence[str] = ()
    """Fields of the scenario to set, such as `workloads.chat.headroom=0.2` (`--set`)."""
    interval: str | None = None
    """Planning step, such as `15min`; that of the scenario where not given."""
    gap: float = 0.01
    """Gap at which a search ends; 1 % is 0.01."""
    time_limit_s: float = 120.0
    """For all of it [s]."""
    folder: Name | None = None
    """Where `SizeResult.write` will put the files: made, and tried, before the search."""
    solver: str = "HiGHS"
    """MIP and LP solver: HiGHS or one that PuLP finds here, such as gurobi, copt, cplex, cbc."""
    stop: Stop = never
    """Asked during the search: whether it should end with the best fleet so far."""
    progress: Progress = silent
    """Told the best cost so far (or None), its bound and the seconds spent."""


@dataclass(frozen=True)
class SizeResult:
    """The cheapest fleet found, and what it looks like as files and frames."""

    answer: "Answer"

    @cached_property
    def document(self) -> "SizeDocument":
        """As `size --json` prints it."""
        from heteroplan.outputs.size.figures import document_of

        return document_of(self.answer)

    @property
    def covered(self) -> bool:
        """Whether the fleet covers all demand, and each quarter's fleet that of the quarter."""
        return self.document.covered and all(each.covered for each in self.document.quarters)

    @property
    def over_budget(self) -> bool:
        """Whether the fleet costs more than it may, or any that covers the demand is proven to."""
        from heteroplan.outputs.size.sentences import is_over, least_usd_per_month

        found = self.document
        short = not found.covered and is_over(found, least_usd_per_month(found))
        return short or is_over(found, found.cost_usd_per_month)

    def json_text(self) -> str:
        """The document as JSON."""
        from heteroplan.outputs.plan.document.parts import document_text

        return document_text(self.document)

    def nodes_frame(self) -> "DataFrame":
        """One row an offer and leaf: nodes, and what they cost."""
        from heteroplan.outputs.size.frames import nodes_frame

        return nodes_frame(self.document)

    def alternatives_frame(self) -> "DataFrame":
        """One row a fleet that the size is compared with."""
        from heteroplan.outputs.size.frames import alternatives_frame

        return alternatives_frame(self.document)

    def orders_frame(self) -> "DataFrame":
        """One row an order of the purchase plan."""
        from heteroplan.outputs.size.frames import orders_frame

        return orders_frame(self.document)

    def worth_frame(self) -> "DataFrame":
        """One row a node type on offer: what one more is worth."""
        from heteroplan.outputs.size.frames import worth_frame

        return worth_frame(self.document)

    @staticmethod
    def file_names() -> tuple[str, ...]:
        """What `write` writes into the folder."""
        return ("size.json", "fleet.yaml", "report.html")

    def write(self, folder: Name) -> None:
        """Write size.json, fleet.yaml and report.html, all or none. Raises UsageError."""
        from heteroplan.outputs.shared.files import try_folder, write_all
        from heteroplan.outputs.size.fleet_file import fleet_yaml
        from heteroplan.outputs.size.page import size_html

        out = Path(folder)
        try_folder(out)
        write_all(
            {
                out / "fleet.yaml": fleet_yaml(self.answer.sized.fleet),
                out / "report.html": size_html(self.document),
                out / "size.json": self.json_text(),
            }
        )


@keywords(SizeOptions)
def size(scenario: Name, options: SizeOptions) -> SizeResult:
    """The cheapest fleet that serves a scenario, of what can be bought, reserved and rented.

    With a proven bound, other fleets to compare with, and by the offers' growth a purchase plan by
    quarter. Where no fleet is found within the budget, the cheapest without it. Keywords are the
    fields of `SizeOptions`. Raises UsageError, InputError, NoPlanError, and KeyboardInterrupt where
    `stop` left no fleet.
    """
    check_effort(options.gap, options.time_limit_s)
    check_limits(options, limits.SIZE)
    source = os.fspath(scenario)
    check_one_stdin(source, options.offers)
    clock = Clock(options.time_limit_s)
    loaded = load(source, overrides=names(options.overrides), interval=options.interval)
    terms = _terms(loaded, options)
    from heteroplan.optimize.solvers.solver import using
    from heteroplan.outputs.shared.files import try_folder
    from heteroplan.outputs.size.figures import Answer

    if options.folder is not None:
        try_folder(Path(options.folder))
    compile_first()
    with using(options.solver):
        try:
            return SizeResult(_answer(loaded, terms, options, clock, Answer))
        except NoPlanError:
            if options.stop():
                raise KeyboardInterrupt from None
            raise


def _answer(
    loaded: "Loaded",
    terms: "Purchasing",
    options: SizeOptions,
    clock: Clock,
    answer: "type[Answer]",
) -> "Answer":
    """The size, then the quarters, then what it is compared with."""
    from heteroplan.sizing.purchase.alternatives import todo
    from heteroplan.sizing.purchase.terms import sized

    others = todo(terms) if options.compare else ()
    quarters = 0 if terms.growth is None else terms.growth.quarters
    weights = SIZE_WEIGHT + QUARTER_WEIGHT * quarters + ALTERNATIVE_WEIGHT * len(others)
    times = _Times(clock, weights + WORTH_WEIGHT + AHEAD_WEIGHT)
    search = _search(options, times.take(SIZE_WEIGHT), options.progress)
    found = sized(loaded.scenario, terms, search)
    made = answer(loaded.scenario, terms, found)
    ahead = _look_ahead(loaded, terms, options, times)
    planned = tuple(_quarters(loaded, terms, options, times, ahead))
    made = replace(made, quarters=planned, ahead=ahead)
    if others:
        made = replace(made, alternatives=tuple(_alternatives(loaded, terms, options, times)))
    made = replace(made, worth=_worth(loaded, terms, options, times.take(WORTH_WEIGHT)))
    return replace(made, sized=_best(made))


def _worth(
    loaded: "Loaded", terms: "Purchasing", options: SizeOptions, seconds: float
) -> "Worth | None":
    from heteroplan.optimize.solvers.solver import Effort
    from heteroplan.sizing.purchase.worth import node_worth

    effort = Effort(deadline=monotonic() + seconds, stop=options.stop)
    return None if options.stop() else node_worth(loaded.scenario, terms, effort)


def _best(answer: "Answer") -> "Sized":
    """The size, or a better one that was found of some of its offers; its bound holds for all."""
    from heteroplan.sizing.purchase.terms import better

    best = answer.sized
    for each in answer.alternatives:
        best = better(each.sized, best) or best
    if best is answer.sized:
        return best
    return replace(best, bound_usd=min(answer.sized.bound_usd, best.cost_usd))


def _look_ahead(
    loaded: "Loaded", terms: "Purchasing", options: SizeOptions, times: "_Times"
) -> "Ahead | None":
    """None without quarters to look at, or with a budget, which is one of the prices paid."""
    from heteroplan.optimize.solvers.solver import Effort
    from heteroplan.sizing.purchase.ahead import look_ahead

    seconds = times.take(AHEAD_WEIGHT)
    limited = terms.offers.limits.budget_usd is not None
    if terms.growth is None or terms.growth.quarters < MIN_AHEAD or limited or options.stop():
        return None
    effort = Effort(deadline=monotonic() + seconds, stop=options.stop)
    return look_ahead(loaded.scenario, terms, effort)


def _quarters(
    loaded: "Loaded",
    terms: "Purchasing",
    options: SizeOptions,
    times: "_Times",
    ahead: "Ahead | None",
) -> "Iterator[Quarter]":
    from heteroplan.sizing.purchase.quarters import Planning

    if terms.growth is None:
        return
    planning = Planning(loaded.scenario, terms, ahead)
    for number in range(terms.growth.quarters):
        yield planning.quarter(number, _search(options, times.take(QUARTER_WEIGHT)))


def _alternatives(
    loaded: "Loaded", terms: "Purchasing", options: SizeOptions, times: "_Times"
) -> "Iterator[Alternative]":
    from heteroplan.sizing.purchase.alternatives import alternative, todo

    in_time = Late(options.stop, times.clock.end)
    for kind, gpu in todo(terms):
        search = replace(_search(options, times.take(ALTERNATIVE_WEIGHT)), stop=in_time)
        yield alternative(loaded.scenario, terms, kind, gpu, search)


def _search(options: SizeOptions, seconds: float, progress: Progress = silent) -> "Search":
    from heteroplan.sizing.purchase.terms import Search

    return Search(gap=options.gap, time_limit_s=seconds, stop=options.stop, progress=progress)


@dataclass
class _Times:
    """Divides the time that is left by weights."""

    clock: Clock
    weights: float

    def take(self, weight: float) -> float:
        """Seconds for the next search."""
        share = weight / self.weights
        self.weights -= weight
        least = LEAST_SHARE * share * self.clock.seconds
        return max(least, share * (self.clock.end - monotonic()))


def _terms(loaded: "Loaded", options: SizeOptions) -> "Purchasing":
    terms = terms_of(loaded, options.offers, from_nothing=options.from_nothing)
    if options.budget_usd_per_month is None:
        return terms
    from heteroplan.inputs.offers import budget_of_hours

    horizon = loaded.scenario.horizon
    hours = horizon.intervals * horizon.interval_hours
    budget = budget_of_hours(options.budget_usd_per_month, hours)
    bounds = replace(terms.offers.limits, budget_usd=budget)
    return replace(terms, offers=replace(terms.offers, limits=bounds))
