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
    bound: float = 0.0
    """On the cost of plans that leave no more unserved than the best one."""
    unserved_bound: dict[int, float] = field(default_factory=dict)
    """Requests that no plan serves, by priority class."""
    interrupted: bool = False

    @property
    def plan(self) -> Incumbent:
        """The best plan; only after the first stage."""
        assert self.best is not None
        return self.best

    def out_of_time(self) -> bool:
        """Whether the clock or the user ends the search."""
        self.interrupted = self.interrupted or self.stop()
        return self.interrupted or monotonic() >= self.deadline

    def done(self) -> bool:
        """Gap reached, or time up with a plan in hand."""
        return self.best is not None and (self.closed(self.gap) or self.out_of_time())

    def closed(self, gap: float) -> bool:
        """Whether the best plan is proven within `gap`, its shortage included."""
        if self.best is None:
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
            self.best = tried
            self.report()
        return better

    def raise_bound(self, value: float) -> None:
        """Keep a proven bound if it is higher."""
        if np.isfinite(value) and value > self.bound:
            self.bound = value
            self.report()

    def report(self) -> None:
        """Tell whoever watches."""
        cost = self.best.cost if self.best is not None and self.best.covered else None
        self.progress(cost, self.bound, monotonic() - self.started)

    def effort(self, *, gap: float = 0.0, nodes: int | None = None) -> Effort:
        """Limits for one solver call inside this search."""
        return Effort(gap=gap, nodes=nodes, deadline=self.deadline, stop=self.out_of_time)
