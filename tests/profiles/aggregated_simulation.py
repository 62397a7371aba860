"""Aggregated replicas step by step, written to be read: each step decodes, and prefills a chunk."""

from dataclasses import dataclass

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


def in_time(setting: Setting, rate_rps: float, requests: int, seed: int = 1) -> float:
    """Share of the requests of the first class that meet both targets, Poisson arrivals."""
    random, shape, slo = np.random.default_rng(seed), setting.mix[0], setting.slo
    arrivals = np.cumsum(random.exponential(1000.0 / rate_rps, requests))
    cv = shape.isl_cv or 0.0
    lengths = random.gamma(1 / cv**2, cv**2, requests) if cv else np.ones(requests)
    isl = np.maximum(1, np.rint(shape.isl * lengths)).astype(int).tolist()
    coming = [
        _Request(at, tokens, tokens, round(shape.osl))
        for at, tokens in zip(arrivals.tolist(), isl, strict=True)
    ]
    coming.reverse()
    now, met = 0.0, 0
    waiting: list[_Request] = []
    running: list[_Request] = []
    while coming or waiting or running:
        if not waiting and not running:
            now = max(now, coming[-1].at_ms)
        while coming and coming[-1].at_ms <= now:
            waiting.append(coming.pop())
        length_ms, done = _chunk(setting, waiting, len(running))
        if running:
            context = sum(each.isl + each.given for each in running)
            decode = setting.engine.decode
            assert decode is not None
            length_ms += decode.base_ms + decode.ms_per_sequence * len(running)
            length_ms += decode.ms_per_context_token * context
        now += length_ms
        for each in running:
            each.given += 1
        for each in done:
            waiting.remove(each)
            each.given, each.first_ms = 1, now
        for each in [*running, *done]:
            if each.given == each.osl:
                itl_ms = (now - each.first_ms) / max(1, each.osl - 1)
                met += each.first_ms - each.at_ms <= slo.ttft_ms and itl_ms <= slo.itl_ms
        running = [each for each in [*running, *done] if each.given < each.osl]
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
