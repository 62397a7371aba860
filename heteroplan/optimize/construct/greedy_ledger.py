"""Replicas and GPUs left while a scheduler is replayed interval by interval."""

from collections.abc import Sequence

from heteroplan.optimize.program.problem import Ints, Problem


class Ledger:
    """Replicas so far, and the GPUs they leave over some days in a row.

    Beside others in `standing` [P, T] that stay as they are, in other pools than those `scaled`.
    """

    def __init__(self, problem: Problem, days: int, standing: Ints, scaled: Sequence[int]) -> None:
        self.pools = problem.pools
        self.standing = standing
        self.replicas = standing.copy()
        self.now = [0] * len(problem.pools)
        if problem.before is not None:
            for p in scaled:
                self.now[p] = int(problem.before[p])
        self.supplies = problem.supplies
        self.t = 0
        self._before = self.now
        self._moment = 0
        self._free = [left.tolist() * days for left in problem.residual(standing)]
        self._rows: list[list[list[int]]] = [[] for _ in problem.pools]
        for row, free in zip(problem.supplies, self._free, strict=True):
            for p in row.pools:
                self._rows[p].append(free)

    def advance(self, day: int, t: int) -> None:
        """Let everything run on into interval t of `day`."""
        self.t, self._moment = t, day * self.replicas.shape[1] + t
        self._before = self.now.copy()
        self.replicas[:, t] = self.standing[:, t] + self.now
        for p, count in enumerate(self.now):
            if count:
                for free in self._rows[p]:
                    free[self._moment] -= count * self.pools[p].gpus

    def room(self, p: int) -> int:
        """Replicas that can be added to pool p, start-up time included."""
        gpus = self.pools[p].gpus
        room: int = min(free[self._moment] for free in self._rows[p]) // gpus
        ahead = self._ahead(p)
        if room > 0 and ahead:
            past = min(free[m] for free in self._rows[p] for m in ahead) // gpus
            room = min(room, max(0, self._before[p] - self.now[p]) + past)
        return max(0, room)

    def add(self, p: int, count: int) -> None:
        """Change pool p by `count` replicas, which may be negative."""
        then = self.now[p] + count
        started = max(0, then - self._before[p]) - max(0, self.now[p] - self._before[p])
        self.now[p] = self.replicas[p, self.t] = then
        for free in self._rows[p]:
            free[self._moment] -= count * self.pools[p].gpus
            for m in self._ahead(p):
                free[m] -= started * self.pools[p].gpus

    def withdraw(self, order: Sequence[int]) -> bool:
        """Stop replicas where nodes are away, in the `order` of pools; says whether any stopped."""
        withdrawn = False
        for row, free in zip(self.supplies, self._free, strict=True):
            for p in order if free[self._moment] < 0 else ():
                if p in row.pools and self.now[p] and free[self._moment] < 0:
                    over = -(free[self._moment] // self.pools[p].gpus)
                    self.add(p, -min(self.now[p], over))
                    withdrawn = True
        return withdrawn

    def _ahead(self, p: int) -> range:
        """Moments in which a replica that serves from now on held its GPUs already."""
        return range(max(0, self._moment - self.pools[p].lead), self._moment)
