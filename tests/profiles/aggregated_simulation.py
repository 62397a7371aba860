"""Aggregated replicas step by step, written to be read: each step decodes, and prefills a chunk."""

from dataclasses import dataclass, field
from math import inf

import numpy as np

from heteroplan.profiles.capacity.setting import Setting


@dataclass(slots=True)
class _Request:
    at_ms: float
    isl: int
    left: int
    """Of its prompt."""
    osl: int
    given: int = 0
    first_ms: float = 0.0


@dataclass(slots=True)
class _Replica:
    setting: Setting
    waiting: list[_Request] = field(default_factory=list)
    running: list[_Request] = field(default_factory=list)
    prefilled: list[_Request] = field(default_factory=list)
    """Whose prompts the step ends."""
    ends_ms: float = inf
    """The step; infinite without one."""

    @property
    def in_flight(self) -> int:
        return len(self.waiting) + len(self.running)

    def start(self, now_ms: float) -> None:
        """The next step, if there is anything to do."""
        self.ends_ms = inf
        if not self.in_flight:
            return
        length_ms, self.prefilled = _chunk(self.setting, self.waiting, len(self.running))
        if self.running:
            context = sum(each.isl + each.given for each in self.running)
            decode = self.setting.engine.decode
            assert decode is not None
            length_ms += decode.base_ms + decode.ms_per_sequence * len(self.running)
            length_ms += decode.ms_per_context_token * context
        self.ends_ms = now_ms + length_ms

    def end(self) -> list[_Request]:
        """Of the step: requests that have all of their tokens."""
        for each in self.running:
            each.given += 1
        for each in self.prefilled:
            self.waiting.remove(each)
            each.given, each.first_ms = 1, self.ends_ms
        decoding = [*self.running, *self.prefilled]
        self.running = [each for each in decoding if each.given < each.osl]
        return [each for each in decoding if each.given == each.osl]


def in_time(setting: Setting, rate_rps: float, requests: int, seed: int = 1) -> float:
    """Share of the requests of the first class that meet both targets, Poisson arrivals.

    `rate_rps` is that of a replica. Of several each request gets one with the fewest in flight.
    """
    random, shape, slo = np.random.default_rng(seed), setting.mix[0], setting.slo
    arrivals = np.cumsum(random.exponential(1000.0 / rate_rps / setting.servers, requests))
    cv = shape.isl_cv or 0.0
    lengths = random.gamma(1 / cv**2, cv**2, requests) if cv else np.ones(requests)
    isl = np.maximum(1, np.rint(shape.isl * lengths)).astype(int).tolist()
    coming = [
        _Request(at, tokens, tokens, round(shape.osl))
        for at, tokens in zip(arrivals.tolist(), isl, strict=True)
    ]
    coming.reverse()
    met = 0
    replicas = [_Replica(setting) for _ in range(setting.servers)]
    while coming or any(each.ends_ms < inf for each in replicas):
        first = min(replicas, key=lambda each: each.ends_ms)
        if coming and coming[-1].at_ms <= first.ends_ms:
            request = coming.pop()
            fewest = min(each.in_flight for each in replicas)
            tied = [each for each in replicas if each.in_flight == fewest]
            chosen = tied[int(random.integers(len(tied)))]
            chosen.waiting.append(request)
            if chosen.ends_ms == inf:
                chosen.start(request.at_ms)
            continue
        now_ms = first.ends_ms
        for each in first.end():
            itl_ms = (now_ms - each.first_ms) / max(1, each.osl - 1)
            met += each.first_ms - each.at_ms <= slo.ttft_ms and itl_ms <= slo.itl_ms
        first.start(now_ms)
    return met / requests


def _chunk(setting: Setting, waiting: list[_Request], running: int) -> tuple[float, list[_Request]]:
    """Time of the prefill of a step, and whose prompts it ends."""
    if not waiting:
        return 0.0, []
    values, most = setting.engine.prefill, setting.engine.max_batch_tokens
    assert values is not None
    if most is None:
        return values.overhead_ms + values.ms_per_token * waiting[0].isl, [waiting[0]]
    budget, tokens, done = max(1, most - running), 0, []
    for each in waiting:
        taken = min(each.left, budget - tokens)
        each.left -= taken
        tokens += taken
        if each.left == 0:
            done.append(each)
        if tokens == budget:
            break
    return values.overhead_ms + values.ms_per_token * tokens, done
