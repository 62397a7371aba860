"""The state of one solve: best plan, best bound, clock, and when enough is enough."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from heteroplan.optimize.primal import Incumbent
from heteroplan.optimize.problem import Problem
from heteroplan.optimize.solver import Effort, Stop

type Progress = Callable[[float | None, float, float], None]
"""(cost of the best plan, None while it leaves demand unserved; bound; seconds)"""


def silent(cost: float | None, bound: float, seconds: float) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Search:
    """What the stages of the method read and improve."""

    problem: Problem
    gap: float
    """Relative gap that is enough."""
    deadline: float
    """On the clock of time.monotonic [s]."""
    stop: Stop
    progress: Progress
    started: float = field(default_factory=monotonic)
    best: Incumbent | None = None
    covering_bound: float = 0.0
    """On the cost of plans that serve everything."""
    short_bound: float = 0.0
    """On the cost of plans that leave no more unserved than the best one, which leaves some."""
    unserved_bound: dict[int, float] = field(default_factory=dict)
    """Requests that no plan serves, by priority class."""
    interrupted: bool = False

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

    def out_of_time(self) -> bool:
        """Whether the clock or the user ends the search."""
        self.interrupted = self.interrupted or self.stop()
        return self.interrupted or monotonic() >= self.deadline

    def done(self) -> bool:
        """Gap reached, or time up with a plan in hand."""
        return self.closed(self.gap) or self.out_of_time()

    def closed(self, gap: float) -> bool:
        """Whether the best plan is proven within `gap`, its shortage included."""
        if self.best is None or self.best.broken:
            return False
        settled = all(
            lost <= self.unserved_bound.get(priority, 0.0) * (1 + gap) + 1e-6
            for priority, lost in self.best.unserved.items()
        )
        return settled and self.best.cost - self.bound <= gap * abs(self.best.cost) + 1e-12

    def offer(self, tried: Incumbent) -> bool:
        """Keep `tried` if it ranks better; says whether it did."""
        better = self.best is None or tried.rank < self.best.rank
        if better:
            if self.best is not None and tried.unserved != self.best.unserved:
                self.short_bound = 0.0
            self.best = tried
            self.report()
        return better

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

    def report(self) -> None:
        """Tell whoever watches."""
        cost = self.best.cost if self.best is not None and self.best.covered else None
        self.progress(cost, self.bound, monotonic() - self.started)

    def effort(self, *, gap: float = 0.0, nodes: int | None = None) -> Effort:
        """Limits for one solver call inside this search."""
        return Effort(gap=gap, nodes=nodes, deadline=self.deadline, stop=self.out_of_time)
