"""The state of one solve: best plan, best bound, clock, and when enough is enough."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self

import numpy as np

from heteroplan.clock import Progress, Stop
from heteroplan.numerics.tolerances import NOTHING, ROUNDING
from heteroplan.optimize.bound.least_short import least_unserved
from heteroplan.optimize.incumbent import NOISE, WHOLE, Incumbent, of_sizes
from heteroplan.optimize.program.prices import Prices
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.solvers.solver import Effort

EARLY_PROOF_SHARE, EARLY_PROOF_S = 0.02, 0.2
"""Of the time limit, and seconds at least, to prove early that demand cannot be covered."""
FINISH_SHARE, MOST_FINISH_S = 0.1, 5.0
"""Of the time limit, and seconds at most, kept to prove something where nothing is proven yet."""
PROVEN_SHARE = 0.2
"""Of that, kept where there is a proof."""

ONE_MIP_CELLS = 200
"""Pools times intervals up to which one MIP of the whole program comes first. Of 576 (6 pools, 96
intervals) 200 nodes take more than 30 s."""

INGREDIENTS = (
    "whole first",
    "one domain",
    "balance prices",
    "single intervals",
    "near guide",
    "sweeps",
    "regroup",
    "by class",
    "polish",
    "fewer changes",
)
"""What the method can do without, to see what each is worth: see `optimize`."""
FOR_A_TRIAL = frozenset({"fewer changes", "single intervals"})
"""Ingredients left out where a plan is only compared with others."""


@dataclass(frozen=True, slots=True)
class ShortageBound:
    """Least unserved requests of each priority class, given what classes before it lose."""

    least: dict[int, float]
    given: dict[int, float]
    """`least` of a class holds for plans whose classes before it lose at most this."""


@dataclass(slots=True)
class Search:
    """What the stages of the method read and improve."""

    problem: Problem
    gap: float
    """Relative gap that is enough."""
    end: float
    """Of the time limit, on the clock of time.monotonic [s]."""
    stop: Stop
    progress: Progress
    finish_s: float = 0.0
    """Kept at the end to prove something, and to spare scarce hardware."""
    started: float = field(default_factory=monotonic)
    best: Incumbent | None = None
    covering_bound: float = 0.0
    """On the cost of plans that serve everything."""
    short_bound: float = 0.0
    """On the cost of plans that leave no more unserved than the best one, which leaves some."""
    shortage_bounds: list[ShortageBound] = field(default_factory=list)
    least_unserved: float = 0.0
    """Requests of all classes together that any plan leaves unserved at least."""
    prices: Prices | None = None
    """Those at which a round of the bound proved most; None before the first."""
    interrupted: bool = False
    exhausted: bool = False
    """Whether the search ended before the clock: gap reached, or no step of the method left."""
    without: frozenset[str] = frozenset()
    """Ingredients that are left out."""
    steps: int | None = None
    """Of the method, after which the search ends; None where the clock alone ends it."""
    taken: int = 0
    """Steps so far."""

    @classmethod
    def within(cls, seconds: float, problem: Problem, gap: float, **others: Any) -> Self:
        """A search of so many seconds from now on, some of them kept for its end."""
        finish_s = min(MOST_FINISH_S, FINISH_SHARE * seconds)
        return cls(problem, gap, monotonic() + seconds, finish_s=finish_s, **others)

    @property
    def deadline(self) -> float:
        """When the search for better plans ends, on the clock of time.monotonic [s]."""
        proven = self.best is not None and self.best.covered and self.covering_bound > 0
        return self.end - self.finish_s * (PROVEN_SHARE if proven else 1.0)

    def left_s(self) -> float:
        """Until the deadline; negative after it."""
        return self.deadline - monotonic()

    @property
    def plan(self) -> Incumbent:
        """The best plan; only after the first stage."""
        assert self.best is not None
        return self.best

    @property
    def bound(self) -> float:
        """On the cost of plans that leave no more unserved than the best one."""
        if self.best is None or not any(self.best.unserved.values()):
            return self.covering_bound
        return self.short_bound

    def uses(self, ingredient: str) -> bool:
        """Whether an ingredient of the method takes part."""
        assert ingredient in INGREDIENTS
        return ingredient not in self.without

    def out_of_time(self) -> bool:
        """Whether the clock or the user ends the search."""
        self.interrupted = self.interrupted or self.stop()
        return self.interrupted or monotonic() >= self.deadline

    def done(self) -> bool:
        """Gap reached, or time up with a plan in hand."""
        return self.closed(self.gap) or self.out_of_time()

    def steps_left(self) -> int | None:
        """Until as many are taken as were asked for; None where nobody asked."""
        return None if self.steps is None else max(0, self.steps - self.taken)

    def closed(self, gap: float) -> bool:
        """Whether the best plan is proven within `gap`, its shortage included."""
        if self.best is None or self.best.broken:
            return False
        least = self.unserved_bound()
        settled = all(
            lost * (1 - NOISE) - WHOLE <= least[priority] * (1 + gap)
            for priority, lost in self.best.unserved.items()
        )
        return settled and self.best.cost - self.bound <= gap * abs(self.best.cost) + NOTHING

    def unproven_shortage(self) -> bool:
        """Whether the best plan leaves demand unserved that a better one might serve."""
        return self.least_unserved <= 0 and not any(self.unserved_bound().values())

    def unserved_bound(self) -> dict[int, float]:
        """Requests that no plan serves, class by class, at the best plan's loss before it."""
        lost = self.plan.unserved
        proven = dict.fromkeys(sorted(lost), 0.0)
        for found in self.shortage_bounds:
            for priority in proven:
                proven[priority] = max(proven[priority], found.least.get(priority, 0.0))
                if lost[priority] * (1 - NOISE) - WHOLE > found.given.get(priority, 0.0):
                    break
        return {priority: min(least, lost[priority]) for priority, least in proven.items()}

    def prove_early(self) -> None:
        """Where no plan so far covers demand, prove that none does.

        This takes part of the time at most, or where steps are counted LPs alone, so that the clock
        decides nothing: without a proof the search goes on. Where the best plan breaks limits, one
        that does not comes first.
        """
        if self.best is None or self.best.broken or self.best.covered:
            return
        if self.least_unserved <= 0:
            if self.steps is not None:
                self.prove_shortage(self.effort(), whole=False)
                return
            left_s = self.left_s()
            until = monotonic() + max(EARLY_PROOF_S, EARLY_PROOF_SHARE * left_s)
            effort = Effort(deadline=until, stop=self.out_of_time)
            self.prove_shortage(effort, whole=not self.problem.large)

    def prove_shortage(
        self, effort: Effort, *, whole: bool = True, of: Problem | None = None
    ) -> None:
        """What single intervals say of the demand that no plan serves.

        `of` another program than that of the search where it is given.
        """
        for requests in least_unserved(of or self.problem, self.plan, effort, whole=whole):
            self.least_unserved = max(self.least_unserved, requests)

    def offer_sizes(self, replicas: Ints) -> bool:
        """Offer a plan of these pool sizes [P, T]."""
        return self.offer(of_sizes(self.problem, replicas))

    def offer(self, tried: Incumbent) -> bool:
        """Keep `tried` if it ranks better, by more than noise; says whether it did."""
        if self.best is not None:
            noise = ROUNDING * abs(self.best.cost)
            if (*tried.rank[:-1], tried.cost + noise) >= self.best.rank:
                return False
        self.put(tried)
        self.report()
        return True

    def offer_each(self, tries: Iterable[Incumbent]) -> Generator[None, None, bool]:
        """Offer plans that are made one after another, a step each; says whether any was kept."""
        helped = False
        for tried in tries:
            helped = self.offer(tried) or helped
            yield
        return helped

    def raise_covering_bound(self, value: float) -> None:
        """Keep a proven bound on plans that serve everything, if it is higher."""
        if np.isfinite(value) and value > self.covering_bound:
            self.covering_bound = value
            self.report()

    def raise_short_bound(self, value: float) -> None:
        """Keep a proven bound on plans as short as the best one, if it is higher."""
        if value > self.short_bound:
            self.short_bound = value
            self.report()

    def raise_bound(self, value: float) -> None:
        """Keep a proven bound on plans that leave no more unserved than the best one."""
        raised = self.raise_covering_bound if self.plan.covered else self.raise_short_bound
        raised(min(value, self.plan.cost))

    def put(self, plan: Incumbent) -> None:
        """A plan of a program with more rules in the place of the best one, whatever it costs."""
        if self.best is not None and plan.unserved != self.best.unserved:
            self.short_bound = 0.0
        self.best = plan

    def report(self) -> None:
        """Report progress."""
        cost = self.best.cost if self.best is not None and self.best.covered else None
        self.progress(cost, self.bound, monotonic() - self.started)

    def effort(self, *, gap: float = 0.0, nodes: int | None = None) -> Effort:
        """Limits for one solver call inside this search."""
        return Effort(gap, nodes, self.deadline, self.out_of_time)
