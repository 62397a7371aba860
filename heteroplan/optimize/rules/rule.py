"""What every rule family says of itself."""

from abc import ABC, abstractmethod
from collections.abc import Set as AbstractSet
from typing import ClassVar

from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.mip import Model


class Rule(ABC):
    """A family of constraints of the program."""

    kept_by_bound: ClassVar[bool] = False
    """Whether the blocks of the bound keep the rule; a bound without it is valid but weaker.

    Cuts of programs that are not large keep all but those of stability and handover.
    """

    fields: ClassVar[str] = ""
    """Fields of a scenario that close pools to a workload, as a message names them."""

    @abstractmethod
    def define(self, model: Model) -> None:
        """Add the rule's rows to the MIP."""

    def broken(self, problem: Problem, replicas: Ints) -> float:
        """By how much pool sizes [P, T] break the rule, in its own unit.

        0 where every search keeps it anyway.
        """
        return 0.0

    def limits_pools(self, problem: Problem, w: int) -> bool:
        """Whether the rule keeps workload w from using all of its pools at once."""
        return False

    def open_pools(
        self, problem: Problem, w: int, replicas: Ints, *, opening: bool
    ) -> AbstractSet[int]:
        """Pools in which workload w may have replicas beside pool sizes [P, T].

        Without `opening`, only those that what it uses allows. Asked where `limits_pools`.
        """
        return frozenset(problem.workloads[w].pools)

    def choices(self, problem: Problem, w: int) -> list[AbstractSet[int]]:
        """Sets of pools of which workload w must choose one before it is placed, most promising
        first; empty where it need not choose.
        """
        return []
