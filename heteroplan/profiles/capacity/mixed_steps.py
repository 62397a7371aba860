"""How an aggregated replica runs at a rate: decode steps, some of which prefill prompts as well.

Such a step is as long as that of its sequences and a prefill of its chunk of prompts together: of
one prompt, or of as many tokens as `max_batch_tokens` leaves beside the sequences.
"""

from dataclasses import replace
from functools import cached_property, lru_cache
from math import inf, sqrt
from typing import TYPE_CHECKING

from heteroplan.entities.capacity import Limit
from heteroplan.entities.slo import ItlOf
from heteroplan.entities.workload import RequestClass, Routing
from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.profiles.capacity.latency import normal_quantile, prefill_ms
from heteroplan.profiles.capacity.mixed_prompts import MixedPrompts, alone_ms, target_ms
from heteroplan.profiles.capacity.prefill import added_ms, coefficients, lengths
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.steps import ENDLESS, DecodeSteps, Load, Peak
from heteroplan.profiles.capacity.targets import slo_of
from heteroplan.queueing.batching import Batches, BatchesAt, BatchQueue, Prompts, moments
from heteroplan.queueing.bursts import Bursts
from heteroplan.queueing.gaps import Gaps, Steps
from heteroplan.queueing.lengths import Resolution, either_parts
from heteroplan.queueing.waiting import ReplicaPool, Service, lateness
from heteroplan.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from heteroplan.queueing.compound import Spectra
    from heteroplan.queueing.waiting import Floats

ANSWERS = Resolution(body=12, tail=4, finest=1e-3)
"""Parts of the lengths of answers."""
ACCURACY = 1e-4
"""Of a rate, as a share of the greatest."""
LEAST_RATE = 1e-9
"""Share of the greatest rate that counts as none."""
MOST_TURNS = {Routing.ROUND_ROBIN: 4, Routing.LEAST_LOADED: 2, Routing.SHARED: 2}
"""Replicas that are taken to get requests in turn; of more, each gets them more evenly. Fewer where
the numbers in flight decide, which follow the ends of answers."""
PACED = 0.85
"""Share of the requests that a replica of an endless pool gets as its own end, which they do with
its steps: the number in flight decides who gets one. By simulation of pools of 2 to 32."""
TIMES = 256
"""At which a TTFT is looked at, up to its target."""
WAITS = (1 / 16, 64.0, 32)
"""Times a service: shortest and longest wait that are told apart, and how many are."""
LEAST_SCALE_S = 1e-3
ROUNDS = 3
"""Of the time that prefill takes and the batch that it leads to, one from the other."""


@lru_cache(maxsize=256)
def _prompts(setting: Setting) -> MixedPrompts:
    """Those of a replica alone, which are those of any."""
    return MixedPrompts.of(setting)


class Replica:
    """One that serves a mix at whatever rate."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.steps = DecodeSteps.of(setting)
        self.prompts = _prompts(setting.alone)
        self.values = coefficients(setting)
        left_ms = float(self.prompts.shares @ (self.prompts.targets_ms - self.prompts.first_ms))
        self.bursts = self._bursts(left_ms, setting.slo.ttft_share)
        self._known: dict[float, Running] = {}
        self.turns = 1
        if setting.routing is not Routing.RANDOM and self.bursts.mean == 1.0:
            self.turns = min(setting.servers, MOST_TURNS[setting.routing])
        self.paced = 0.0
        chunked = setting.engine.max_batch_tokens is not None
        if chunked and setting.routing in (Routing.LEAST_LOADED, Routing.SHARED):
            self.turns = 1
            self.paced = PACED * (setting.servers - 1.0) / (setting.servers + 1.0)

    def _bursts(self, scale_ms: float, share: float) -> Bursts:
        """That come to it, as they matter for a share of the requests at a time scale."""
        scale_s = max(LEAST_SCALE_S, scale_ms / MS_PER_S)
        dispersion = self.setting.arrivals.prefill(scale_s, share)
        return Bursts.of(dispersion).split(self.setting.servers)

    @cached_property
    def stalls(self) -> Bursts:
        """That come together with a request and are behind it: all of the ITL of a short answer."""
        return self._bursts(self.setting.slo.itl_ms, self.setting.slo.itl_share)

    def at(self, rate_rps: float) -> "Running":
        """How it runs at `rate_rps`."""
        if rate_rps not in self._known:
            self._known[rate_rps] = Running(self, rate_rps)
        return self._known[rate_rps]

    @cached_property
    def added_ms(self) -> "Floats":
        """[prompt] prefill time without what each batch takes."""
        import numpy as np

        return np.maximum(0.0, self.prompts.own_ms - self.values.overhead_ms)

    def chunk_ms(self, batch: float) -> float:
        """Prefill time of a full chunk beside so many sequences, without what each takes.

        Infinite where a step prefills one prompt.
        """
        most = self.setting.engine.max_batch_tokens
        if most is None:
            return inf
        shares = self.prompts.shares
        each_ms = float(shares @ self.added_ms) / float(shares @ self.prompts.tokens)
        return each_ms * max(1.0, most - batch)

    @cached_property
    def chunks(self) -> "Floats":
        """[prompt] how many steps its prefill is spread over."""
        import numpy as np

        return np.maximum(1.0, np.ceil(self.added_ms / self.chunk_ms(0.0)))

    @cached_property
    def gaps(self) -> Gaps:
        """Requests and the prefill that falls between their tokens."""
        import numpy as np

        slo, parts = self.setting.slo, []
        for shape in self.setting.mix:
            shares, means = either_parts(shape.osl_cv or 0.0, ANSWERS)
            parts.append((shape.share * shares, np.rint(shape.osl * means) - 1.0))
        shares, gaps = np.concatenate(parts, axis=1)
        held = gaps > 0.0
        times_ms = (slo.itl_ms * gaps[held]).tolist()
        return Gaps(
            shares[held] / shares.sum(),
            gaps[held],
            self.prompts.shares,
            self.added_ms + self.values.overhead_ms * self.chunks,
            slo.itl_ms,
            self.chunk_ms(0.0) + self.values.overhead_ms,
            np.array([self._bursts(each_ms, slo.itl_share).mean for each_ms in times_ms]),
            self.turns,
            self.steps.slope_ms,
            self.paced,
        )


class Running:
    """A replica at a rate."""

    def __init__(self, replica: Replica, rate_rps: float) -> None:
        self.replica, self.rate_rps = replica, rate_rps
        self.setting = replica.setting
        most = 1.0 / replica.prompts.mean_ms
        self._rate_per_ms = max(rate_rps / MS_PER_S, LEAST_RATE * most)

    @cached_property
    def _balance(self) -> tuple[float, Load]:
        """Share of the time that prefill takes, and what is in flight with it."""
        replica, rate = self.replica, self._rate_per_ms
        overhead_ms = replica.values.overhead_ms
        added = rate * float(replica.prompts.shares @ replica.added_ms)
        share = added + rate * overhead_ms * float(replica.prompts.shares @ replica.chunks)
        if replica.chunk_ms(0.0) == inf:
            share = rate * replica.prompts.mean_ms
        held, most = ENDLESS, share
        for _ in range(ROUNDS):
            if share >= 1.0:
                return 1.0, ENDLESS
            held = replica.steps.load(self.rate_rps, stretch=1.0 / (1.0 - share))
            if held == ENDLESS or replica.chunk_ms(0.0) == inf:
                break
            each_ms = self._mean_step_ms(held)
            share = min(most, 1.0 - (1.0 - added) * each_ms / (each_ms + overhead_ms))
        return share, held

    def _mean_step_ms(self, held: Load) -> float:
        values = self.replica.steps.values
        root_ms = values.ms_per_root_sequence * sqrt(held.sequences)
        return max(self.replica.steps.lowest_ms, values.base_ms + root_ms + held.added_ms)

    @property
    def prefill_share(self) -> float:
        """Of the time."""
        return self._balance[0]

    @property
    def batch(self) -> float:
        """Mean number of sequences in flight."""
        return self._balance[1].sequences

    @cached_property
    def peak(self) -> Peak:
        """What decode steps hold at the percentile, prefill apart."""
        return self.replica.steps.peak(self._balance[1])

    @cached_property
    def step_ms(self) -> float:
        """Mean decode step, prefill apart."""
        return self._mean_step_ms(self._balance[1])

    @cached_property
    def lateness(self) -> float:
        """Above 0 where more requests are late than their percentile allows.

        Where one percentile is of TTFT and ITL both, late by either counts, as if none were by
        both.
        """
        slo, together = self.setting.slo, self.replica.prompts.joint
        if self.batch == inf or (self._chunks is not None and not self._chunks.stable):
            return lateness(1.0, slo.percentile)
        found = [] if together else [lateness(self._itl_late, slo.itl_share)]
        for percentile, late in self._ttft_late.items():
            both = late + self._itl_late if together else late
            found.append(lateness(both, percentile))
        return max(found)

    @property
    def limit(self) -> Limit:
        """The target that more requests miss."""
        share = self.setting.slo.percentile if self.replica.prompts.joint else None
        ttft = max(lateness(late, share or own) for own, late in self._ttft_late.items())
        itl = lateness(self._itl_late, share or self.setting.slo.itl_share)
        return Limit.ITL if itl > ttft else Limit.TTFT

    @cached_property
    def _ttft_late(self) -> dict[float, float]:
        """By percentile, of the requests that have it the share that miss their TTFT."""
        prompts = self.replica.prompts
        late = self._first_late(self.replica.added_ms, prompts.first_ms, prompts.targets_ms)
        return {percentile: float(shares @ late) for percentile, shares in prompts.alike.items()}

    def _first_late(self, added_ms: "Floats", first_ms: "Floats", targets_ms: "Floats") -> "Floats":
        """[prompt] P(TTFT > target)."""
        import numpy as np

        if self.setting.engine.ttft is not None:
            return self._measured_late(targets_ms - first_ms)
        if self._chunks is not None:
            if not self._chunks.stable:
                return np.ones(len(targets_ms))
            return self._chunks.late_shares(added_ms, targets_ms)
        left_ms = targets_ms - first_ms - self.step_ms
        moments_ms = moments() * self.step_ms
        found: Floats = self._beyond(left_ms - moments_ms[:, None]).mean(axis=0)
        return found

    @cached_property
    def _chunks(self) -> BatchesAt | None:
        """Steps as batches of prompts; None where each prefills one prompt."""
        return self._batches(self.replica.bursts)

    @cached_property
    def _stalled(self) -> BatchesAt | None:
        """The same steps, with the prompts that come together as short answers see them."""
        stalls = self.replica.stalls
        return self._chunks if stalls == self.replica.bursts else self._batches(stalls)

    def _batches(self, bursts: Bursts) -> BatchesAt | None:
        replica, values = self.replica, self.replica.values
        chunk_ms = replica.chunk_ms(self.batch)
        if chunk_ms == inf:
            return None
        batches = Batches(
            self.step_ms + values.overhead_ms,
            chunk_ms,
            self.step_ms + values.floor_ms,
            self.step_ms,
        )
        prompts = Prompts(replica.prompts.shares, replica.added_ms, replica.prompts.targets_ms)
        queue = BatchQueue(prompts, batches, bursts.mean, turns=replica.turns, paced=replica.paced)
        return queue.at(self._rate_per_ms, self._stretched(self.step_ms))

    def _stretched(self, step_ms: float) -> float:
        """A step of so long, with the prefill that falls into it on average."""
        return step_ms / max(LEAST_RATE, 1.0 - self.prefill_share)

    @cached_property
    def _pool(self) -> ReplicaPool:
        """One prompt a step."""
        mix = self.setting.mix
        step_ms = self.step_ms if self.setting.engine.ttft is None else 0.0
        values = self.replica.values
        found = []
        for shape in mix:
            for share, length in lengths(shape.isl_cv or 0.0):
                own_ms = prefill_ms(values, shape.missed_tokens * length)
                cv = own_ms / (own_ms + step_ms) if shape.isl_cv is None else 0.0
                found.append(Service(shape.share * share, own_ms + step_ms, cv))
        return ReplicaPool(
            found,
            self.replica.turns,
            routing=Routing.ROUND_ROBIN,
            dispersion=self.replica.bursts.dispersion,
        )

    @cached_property
    def _beyond(self) -> "Callable[[Floats], Floats]":
        """P(wait > each of some waits [ms] up to the longest that keeps a target)."""
        prompts = self.replica.prompts
        return self._waits_beyond(float((prompts.targets_ms - prompts.first_ms).max()))

    def _waits_beyond(self, longest_ms: float) -> "Callable[[Floats], Floats]":
        pool = self._pool
        utilization = self._rate_per_ms * pool.mean_ms
        if utilization >= 1.0:
            return lambda waits_ms: 0.0 * waits_ms + 1.0
        beyond = pool.beyond(longest_ms)
        return lambda waits_ms: beyond(utilization, waits_ms)

    def _measured_late(self, left_ms: "Floats") -> "Floats":
        """[prompt] P(wait > what is left for it) where TTFT was measured end to end.

        With rate * (TTFT + decoding) requests in flight it was so long on average (infinite where
        they grow faster than they are answered), and is taken to be exponential.
        """
        import numpy as np

        measured, prompts = self.setting.engine.ttft, self.replica.prompts
        queued = self._beyond(left_ms)
        if measured is None:
            return queued
        tokens = float(prompts.shares @ prompts.tokens)
        growth = measured.ms_per_request + measured.ms_per_request_token * tokens
        growth *= self._rate_per_ms
        if growth >= 1.0:
            return np.ones(len(left_ms))
        itl_ms = self.step_ms / (1.0 - self.prefill_share)
        answering_ms = float(prompts.shares @ prompts.first_ms)
        answering_ms += itl_ms * (self.replica.steps.osl - 1.0)
        mean_ms = growth * answering_ms / (1.0 - growth)
        if mean_ms <= 0.0:
            return queued
        waits = np.exp(-np.maximum(left_ms, 0.0) / mean_ms)
        return np.maximum(queued, np.where(left_ms < 0.0, 1.0, waits))

    @property
    def _itl_late(self) -> float:
        return self._gaps_late(self.setting.slo.itl_ms)

    def _gaps_late(self, target_ms: float) -> float:
        """Share of the requests, or of the tokens, whose ITL is longer than `target_ms`."""
        import numpy as np

        if self.setting.slo.itl_of is ItlOf.TOKEN:
            return self._token_late(target_ms)
        return float(np.interp(target_ms, self.replica.gaps.times_ms, self._gaps_beyond))

    @cached_property
    def _gaps_beyond(self) -> "Floats":
        """[part of a target] share of the requests whose ITL is longer."""
        return self.replica.gaps.beyond(self._rate_per_ms, self._left(), self._steps)

    def _left(self) -> "Spectra":
        """Of the prefill that waits when a request has its first token: what came behind it.

        While it waited for prompts ahead, for the end of the step under way, and in its own.
        """
        import numpy as np

        gaps, prompts, stalled = self.replica.gaps, self.replica.prompts, self._stalled
        if stalled is not None:
            works_ms = stalled.queue.points.step * np.arange(stalled.queue.points.size)
            up_to = np.cumsum(stalled.left_at_ends())
            return gaps.law(lambda waiting_ms: np.interp(waiting_ms, works_ms, up_to))
        edges_ms = np.append(0.0, self._pool.mean_ms * np.geomspace(*WAITS))
        late = self._waits_beyond(edges_ms[-1])(edges_ms)
        middle_ms = (edges_ms[1:] + edges_ms[:-1]) / 2.0
        times_ms = np.concatenate([[0.0], middle_ms, edges_ms[-1:]])
        waits = -np.diff(late, prepend=1.0, append=0.0)
        waiting = gaps.behind(self._rate_per_ms, waits, times_ms)
        shares, own_ms = prompts.coarse
        steps_ms = self.step_ms * (1.0 + float((1.0 - moments()).mean()))
        served = gaps.behind(self._rate_per_ms, shares, own_ms + steps_ms)
        return waiting * served * gaps.with_it()

    @cached_property
    def _seen_ms(self) -> float:
        """Mean decode step of a request, prefill apart."""
        steps, held = self.replica.steps, self._balance[1]
        if self.setting.slo.itl_of is ItlOf.TOKEN:
            return self.step_ms
        more = steps.swing.own + steps.swing.mates(held.dispersion)
        return self._mean_step_ms(
            replace(
                held,
                sequences=held.sequences + more,
                added_ms=held.added_ms + more * steps.slope_ms,
            )
        )

    @cached_property
    def _steps(self) -> Steps:
        """Decode steps as requests see them, of that mean and peak."""
        seen_ms, deviations = self._seen_ms, normal_quantile(self.setting.slo.itl_share)
        deviation_ms = (self.peak.itl_ms - seen_ms) / deviations if deviations > 0.0 else 0.0
        return Steps(seen_ms, deviation_ms, self._stretched(seen_ms))

    def _token_late(self, target_ms: float) -> float:
        """Share of the steps that are longer."""
        import numpy as np

        replica = self.replica
        if self._chunks is not None:
            queue, starts = self._chunks.queue, self._chunks.starts
            works_ms = queue.times_ms - self.step_ms
            weights = np.append(starts[: queue.each], starts[queue.each :].sum())
            late = self._steps.beyond(target_ms - works_ms)
            return float(weights @ late / weights.sum())
        prompts = replica.prompts
        steps_per_ms = (1.0 - self.prefill_share) / self.step_ms
        mixed = min(1.0, self._rate_per_ms / steps_per_ms)
        mixed_late = float(prompts.shares @ self._steps.beyond(target_ms - prompts.own_ms))
        alone = float(self._steps.beyond(np.array([target_ms]))[0])
        return mixed * mixed_late + (1.0 - mixed) * alone

    def itl_ms(self) -> float:
        """That the percentile stays within, at most the target [ms]."""
        slo = self.setting.slo
        return largest_meeting(
            lambda itl_ms: -lateness(self._gaps_late(itl_ms), slo.itl_share), slo.itl_ms, ACCURACY
        )

    def ttft_ms(self, shape: RequestClass) -> float:
        """That prompts of the mean length of a class stay within at its percentile [ms]."""
        import numpy as np

        tokens, late = shape.missed_tokens, 1.0 - slo_of(self.setting, shape).ttft_share
        each = np.ones(TIMES + 1)
        times_ms = target_ms(self.setting, shape, tokens) * np.linspace(0.0, 1.0, TIMES + 1)
        work_ms = added_ms(self.replica.values, tokens) * each
        found = self._first_late(work_ms, alone_ms(self.setting, tokens, 0.0) * each, times_ms)
        return float(np.interp(-late, -found, times_ms))
