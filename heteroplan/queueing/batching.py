"""A replica that works on several waiting prompts at a time.

Whenever a batch ends, the next takes what waits, at most so much work, and lasts a fixed time and
its work. A step of an engine that decodes as well is such a batch, and it goes on where nothing
waits. The work that waits when batches start is a Markov chain (Bailey, J. R. Stat. Soc. B 16,
1954: queues with bulk service), solved on evenly spaced points. A prompt that comes while a batch
runs waits for its end and for the full batches ahead; its own has also what comes behind it
until that starts, on average.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import inf
from typing import TYPE_CHECKING

from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.queueing.compound import Points, Stream
from heteroplan.queueing.waiting import UTILIZATION_CAP, lateness

if TYPE_CHECKING:
    import numpy as np

    from heteroplan.queueing.compound import Spectra

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

ACCURACY = 1e-4
"""Of a rate."""
POINTS = 64
"""Of the work that can be done within the longest budget."""
BEYOND = 2
"""Times that, which may wait."""
PACKED = 4096
"""Prompts that batches are made of to see how full they are."""
ROUNDING = 1e-12
BLOCK = 64
"""States of a Markov chain that are left out at a time."""
STABLE = 0.999
"""Busy share from which a queue counts as endless."""
MOMENTS = 4
"""Of a running batch at which a prompt may come, evenly spread."""


@dataclass(frozen=True, slots=True)
class Batches:
    """How long batches last."""

    fixed_ms: float
    """However much they work on."""
    most_ms: float
    """Work of a full batch."""
    floor_ms: float = 0.0
    idle_ms: float = 0.0
    """Of a step that has nothing to work on; 0: the replica rests until a prompt comes."""
    alone_ms: float = inf
    """Longer prompts have a batch of their own; where it is infinite, they are divided."""

    @property
    def full_ms(self) -> float:
        """Time of a full batch."""
        return max(self.floor_ms, self.fixed_ms + self.most_ms)


@dataclass(frozen=True, slots=True)
class Prompts:
    """Kinds of prompts; arrays [kind]."""

    shares: "Floats"
    """Sum to 1."""
    works_ms: "Floats"
    """What each adds to a batch."""
    budgets_ms: "Floats"
    """From arrival to the end of the batch that completes it."""


class BatchQueue:
    """One replica, and the prompts that come to it."""

    def __init__(
        self,
        prompts: Prompts,
        batches: Batches,
        together: float = 1.0,
        servers: int = 1,
        turns: int = 1,
        paced: float = 0.0,
    ) -> None:
        """`together` prompts come at a time, on average (a geometric number).

        With `turns` the replica gets each so-manieth prompt of a Poisson stream. Of several
        `servers` that share a queue, batches start so many times as often. A share `paced` of the
        prompts comes with batches, to each as many however long it is, not with time.
        """

        self.prompts, self.together, self.servers = prompts, together, servers
        self.paced = paced
        longest_ms = max(float(prompts.budgets_ms.max()), batches.fixed_ms + batches.floor_ms)
        self.own = replace(batches, most_ms=min(batches.most_ms, longest_ms))
        reach_ms = servers * longest_ms * self.own.most_ms / self.own.full_ms
        self.each = max(1, round(POINTS * self.own.most_ms / reach_ms))
        scale = max(1.0, reach_ms / POINTS / self.own.most_ms)
        self.batches = Batches(
            batches.fixed_ms * scale,
            self.own.most_ms * scale,
            batches.floor_ms * scale,
            batches.idle_ms * scale,
        )
        self.points = Points(self.batches.most_ms / self.each, max(POINTS, self.each) * BEYOND)
        works_ms = self._taken_ms(prompts.works_ms)
        self.mean_ms = float(prompts.shares @ works_ms)
        self.stream = Stream.of(self.points, prompts.shares, works_ms, together, turns)

    def _taken_ms(self, works_ms: "Floats") -> "Floats":
        """[prompt] work, of full batches, that takes as long as a prompt does."""
        import numpy as np

        batches = self.own
        part = batches.most_ms / (batches.fixed_ms + batches.most_ms)
        alone_ms = (batches.fixed_ms + works_ms) * part
        found: Floats = np.where(works_ms > batches.alone_ms, alone_ms, works_ms)
        return found

    @property
    def fine(self) -> bool:
        """Whether a prompt is at least a point's work, so that points tell whether any waits.

        Of a pool, they tell of the batches that begin by and by, not of replicas that are free.
        """
        return self.servers == 1 and self.points.step <= self.mean_ms

    @property
    def rests(self) -> bool:
        """Whether the replica rests where nothing waits."""
        return self.batches.idle_ms == 0.0

    @property
    def most_per_ms(self) -> float:
        """Rate that is not looked beyond: full batches, all the time that may be busy."""
        busy = UTILIZATION_CAP / self.batches.full_ms
        return busy * self.batches.most_ms / self.mean_ms

    def at(self, rate_per_ms: float, batch_ms: float = 0.0) -> "BatchesAt":
        """How it runs at a rate; `batch_ms` is the mean of its batches, for prompts `paced`."""
        return BatchesAt(self, rate_per_ms, batch_ms)

    @cached_property
    def times_ms(self) -> "Floats":
        """[work, to that of a full batch] how long batches last."""
        import numpy as np

        works_ms = self.points.step * np.arange(self.each + 1)
        found: Floats = np.maximum(self.batches.floor_ms, self.batches.fixed_ms + works_ms)
        found[0] = self.batches.idle_ms
        return found


class BatchesAt:
    """A replica at a rate."""

    def __init__(self, queue: BatchQueue, rate_per_ms: float, batch_ms: float = 0.0) -> None:
        self.queue, self.rate_per_ms = queue, rate_per_ms
        scale = queue.batches.full_ms / queue.own.full_ms
        self._paced_ms = queue.paced * scale * min(batch_ms, queue.own.full_ms)

    def _drawn_ms(self, time_ms: "Floats", batches: "Floats | float") -> "Floats":
        """Time in which as many prompts come as in `time_ms`, which holds so many batches."""
        return (1.0 - self.queue.paced) * time_ms + self._paced_ms * batches

    @cached_property
    def _coming_ms(self) -> "Floats":
        """[work] time in which as many prompts come as while the batch runs."""
        return self._drawn_ms(self.queue.times_ms, 1.0)

    @property
    def stable(self) -> bool:
        """Whether full batches work off what comes."""
        return self.rate_per_ms * UTILIZATION_CAP < self.queue.most_per_ms * STABLE

    @cached_property
    def _while(self) -> "Spectra":
        """[work of a batch] of the work that comes while it runs."""
        return self.queue.stream.within(self.rate_per_ms * self._coming_ms)

    @cached_property
    def _moves(self) -> "Floats":
        """[point, point] from the work that waits at a start to that at the next."""
        import numpy as np

        queue = self.queue
        size, each = queue.points.size, queue.each
        after = queue.points.laws(self._while)
        if queue.fine:
            nobody = queue.stream.nobody(self.rate_per_ms * self._coming_ms)
            after[:, 1] += after[:, 0] - nobody
            after[:, 0] = nobody
        moves = np.zeros((size, size))
        moves[: each + 1] = after
        for waiting in range(each + 1, size):
            left = waiting - each
            moves[waiting, left:] = after[each, : size - left]
            moves[waiting, -1] += after[each, size - left :].sum()
        if queue.rests:
            first = queue.points.laws(queue.stream.together)
            if queue.fine:
                first[1] += first[0]
                first[0] = 0.0
            moves[0] = first
        return moves

    @cached_property
    def starts(self) -> "Floats":
        """[point] shares of the batches by the work that waits when they start.

        Where the replica rests, the first of these is how often, in batches.
        """
        found = steady(self._moves)
        found[-1] += found @ self._beyond()
        return found

    def _beyond(self) -> "Floats":
        """[point] full batches that work off what comes beyond the points, on average."""
        import numpy as np

        queue = self.queue
        busy = self.rate_per_ms * queue.mean_ms
        works_ms = queue.points.step * np.arange(queue.points.size)
        times_ms = np.full(queue.points.size, self._coming_ms[-1])
        times_ms[: queue.each + 1] = self._coming_ms
        next_ms = np.maximum(0.0, works_ms - queue.batches.most_ms) + busy * times_ms
        if queue.rests:
            next_ms[0] = queue.together * queue.mean_ms
        spare_ms = queue.batches.most_ms - busy * self._coming_ms[-1]
        found: Floats = np.maximum(0.0, next_ms - self._moves @ works_ms) / spare_ms
        return found

    def left_at_ends(self) -> "Floats":
        """[point] law of the work that waits when the batch ends that completes a prompt.

        The work up to the prompt's own end is taken in full batches and a last one, which has also
        what came behind it.
        """
        import numpy as np

        queue = self.queue
        each, points, stream = queue.each, queue.points, queue.stream
        ahead, _, _, came = self._found
        found = np.tensordot(came, ahead, 2)
        up_to = points.laws(points.spectrum(found) * stream.one)
        batches = -(-(points.size - 1) // each)
        last = np.zeros((batches, points.size))
        padded = np.pad(up_to[1:], (0, batches * each - points.size + 1))
        last[:, 1 : each + 1] = padded.reshape(batches, each)
        last[0, 1] += up_to[0]
        rest_ms = float((came * self._coming_ms[:, None] * (1.0 - moments())).sum())
        until_ms = rest_ms + self._coming_ms[-1] * np.arange(batches)
        behind = stream.ahead * stream.within(self.rate_per_ms * until_ms)
        spectra = points.spectrum(last) * behind
        at_last = np.maximum(0.0, points.plain(spectra)).sum(axis=0)
        law: Floats = at_last @ self._moves / at_last.sum()
        return law

    @cached_property
    def _found(self) -> "tuple[Floats, Floats, Floats, Floats]":
        """What a prompt finds that comes in a moment of a batch of some work.

        [batch, moment, point] laws of the work ahead of it, [batch, 1, point] of all work of the
        next batch but its own, [batch, moment] time until that begins, shares of the prompts.
        """
        import numpy as np

        queue, starts = self.queue, self.starts
        each, points, stream = queue.each, queue.points, queue.stream
        rows = np.append(starts[:each], starts[each:].sum())
        before_ms = self._coming_ms[:, None] * moments()
        left = np.eye(1, points.size)[0]
        if rows[-1] > 0.0:
            left = np.pad(starts[each:] / rows[-1], (0, each))
        left_over = points.spectrum(left)
        ahead = stream.within(self.rate_per_ms * before_ms) * stream.ahead
        ahead[-1] *= left_over
        next_batch = (self._while * stream.ahead**2)[:, None]
        next_batch[-1] *= left_over
        came = (self.rate_per_ms * rows * self._coming_ms)[:, None] * np.full(MOMENTS, 1 / MOMENTS)
        if queue.rests:
            came[0, 0] = rows[0] * queue.together
        residual_ms = queue.times_ms[:, None] * (1.0 - moments())
        return points.laws(ahead), points.laws(next_batch), residual_ms, came / came.sum()

    def late_shares(self, works_ms: "Floats", budgets_ms: "Floats") -> "Floats":
        """[prompt] P(it is not within its budget)."""
        import numpy as np

        queue = self.queue
        batches, mean_ms = queue.own, queue.mean_ms
        ahead, next_batch, residual_ms, came = self._found
        if batches.alone_ms < inf:
            surplus_ms = np.maximum(0.0, works_ms - batches.most_ms)
            works_ms, budgets_ms = works_ms - surplus_ms, budgets_ms - surplus_ms
        begins_ms = residual_ms[..., None] / queue.servers
        left_ms, turn_ms = budgets_ms - begins_ms, queue.batches.full_ms / queue.servers
        full = np.maximum(0.0, np.floor((left_ms - batches.full_ms) / turn_ms) + 1.0)
        last_ms = left_ms - full * turn_ms
        last_ms = np.where(
            last_ms < batches.floor_ms, 0.0, np.maximum(0.0, last_ms - batches.fixed_ms)
        )
        until_ms = full * turn_ms + begins_ms
        if queue.paced:
            until_ms = self._drawn_ms(until_ms, full + 1.0 - moments()[:, None])
        behind_ms = (self.rate_per_ms * queue.servers * until_ms + queue.together - 1.0) * mean_ms
        own_ms = np.clip(last_ms - behind_ms, 0.0, batches.most_ms)
        most_ms = full * queue.batches.most_ms + own_ms - works_ms
        later = self._within(ahead, most_ms)
        soon = self._within(next_batch, last_ms - works_ms)
        early = np.where(full > 0.0, later, np.where(left_ms < 0.0, 0.0, soon))
        found: Floats = np.tensordot(came, 1.0 - early, 2)
        return found

    def late_share(self) -> float:
        """Share of the prompts that are not within their budget."""
        prompts = self.queue.prompts
        if not self.stable:
            return 1.0
        return float(prompts.shares @ self.late_shares(prompts.works_ms, prompts.budgets_ms))

    def within_ms(self, work_ms: float, percentile: float) -> float:
        """Time from arrival to the end of a prompt of such work that `percentile` keep to.

        At most the longest budget.
        """
        import numpy as np

        def spare(time_ms: float) -> float:
            late = self.late_shares(np.array([work_ms]), np.array([time_ms]))
            return -lateness(float(late[0]), percentile)

        return largest_meeting(spare, float(self.queue.prompts.budgets_ms.max()), ACCURACY)

    def _within(self, laws: "Floats", most_ms: "Floats") -> "Floats":
        """P(work <= each of `most_ms`) of laws [..., point], spread around all points but 0."""
        import numpy as np

        points = self.queue.points
        at = most_ms / points.step
        laws = np.broadcast_to(laws, (*at.shape[:-1], points.size))
        low = np.clip(np.floor(at + 0.5), 0, points.size - 1).astype(np.int64)
        up_to = np.take_along_axis(np.cumsum(laws, axis=-1), low, axis=-1)
        above = np.where(low == 0, 0.0, 1.0 - np.clip(at + 0.5 - low, 0.0, 1.0))
        found: Floats = up_to - above * np.take_along_axis(laws, low, axis=-1)
        return np.where(at < 0.0, 0.0, found)


def moments() -> "Floats":
    """Shares of a batch that have passed, evenly spread."""
    import numpy as np

    found: Floats = (np.arange(MOMENTS) + 0.5) / MOMENTS
    return found


def steady(moves: "Floats") -> "Floats":
    """[state] law of a Markov chain that a move does not change, from [state, state] `moves`.

    The last states are left out first: moves by way of them are added to those between the others
    (Stewart, Introduction to the Numerical Solution of Markov Chains, 1994, 1.10). No more than
    `BLOCK` at a time, as BLAS has threads for larger matrices, which wait longer than they work.
    """
    import numpy as np

    size = len(moves)
    if size <= BLOCK:
        balance = moves.T - np.eye(size)
        balance[-1] = 1.0
        return np.maximum(np.linalg.solve(balance, np.eye(size)[-1]), 0.0)
    kept = size - BLOCK
    leaving = np.eye(BLOCK) - moves[kept:, kept:]
    by_way = moves[:kept, kept:] @ np.linalg.solve(leaving, moves[kept:, :kept])
    first = steady(moves[:kept, :kept] + by_way)
    last = np.maximum(np.linalg.solve(leaving.T, first @ moves[:kept, kept:]), 0.0)
    found: Floats = np.concatenate([first, last])
    return found / found.sum()


def full_batch_ms(
    shares: "Floats", tokens: "Floats", works_ms: "Floats", most_tokens: float
) -> tuple[float, float]:
    """Mean work of a batch that is taken from many prompts that wait [ms], and their number.

    In the order of their arrival, as many as have no more than `most_tokens` together; prompts
    longer than that, which have batches of their own, are left out. (0, 0) where there are no
    others.
    """
    import numpy as np

    short = tokens <= most_tokens
    if not short.any():
        return 0.0, 0.0
    chosen = np.searchsorted(np.cumsum(shares[short]) / shares[short].sum(), _uniform())
    held = np.concatenate([[0.0], np.cumsum(tokens[short][chosen])])
    last = np.searchsorted(held, held[:-1] + most_tokens * (1.0 + ROUNDING), side="right") - 1
    ends, at = last.tolist(), 0
    count = 0
    while at < len(ends) and ends[at] < len(ends):
        at = ends[at]
        count += 1
    if count == 0:
        at, count = len(ends), 1
    return float(works_ms[short][chosen[:at]].sum()) / count, at / count


@lru_cache(maxsize=1)
def _uniform() -> "Floats":
    """Numbers between 0 and 1, by chance, always the same."""
    import numpy as np

    return np.random.default_rng(0).random(PACKED)
