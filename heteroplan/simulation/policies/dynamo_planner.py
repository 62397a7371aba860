"""`dynamo_planner`: the planner of NVIDIA Dynamo, by throughput, by load, or by both.

Source: ai-dynamo/dynamo components/src/dynamo/planner: core/throughput_scaling.py,
core/load_scaling.py, config/defaults.py. Its TTFT and ITL are the SLO's of the workload. It
estimates the latency of each engine; here the measured means stand for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.bounds import bounded, in_use
from heteroplan.simulation.policies.shared.metrics import METRICS, per_target
from heteroplan.simulation.policies.shared.options import Options, Searched, choice, number
from heteroplan.simulation.replicas.allocation import ROUNDING
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import DECODE, PREFILL, ReplicaState, Signals

type Flags = NDArray[np.bool_]

_PREFILL_UP, _PREFILL_DOWN = 1.0, 0.1
"""Waiting prompts of an engine, in prompts of the mean length (theirs: of the context length)."""
_KV_UP, _KV_DOWN = 1.0, 0.6
"""Share of the KV cache that running and waiting requests want."""


@dataclass(frozen=True, slots=True)
class DynamoOptions(Options):
    """Of the planner; defaults are those of defaults.py unless said otherwise."""

    mode: str = choice("throughput", ("throughput", "load", "both"))
    """enable_throughput_scaling is on, enable_load_scaling off; with both, throughput is the least
    that load may choose."""
    metric: str = choice("requests_per_s", ("requests_per_s", "decode_tokens_per_s"))
    """What throughput predicts."""
    predictor: str = choice("constant", ("constant", "kalman"))
    """load_predictor: the last value, or level and trend. Theirs is ARIMA by default, which we do
    not imitate (our choice)."""
    target_share: float = number(1.0, 0.01, 10.0)
    """Load that a replica should bear, of that which it bears at the SLO."""
    load_rule: str = choice("sla", ("sla", "throughput"))
    """optimization_target: by latency against the SLO, or by queues and the KV cache."""
    down_sensitivity: float = number(0.8, 0.0, 1.0)
    """load_scaling_down_sensitivity: latency over the SLO below which a replica goes."""
    throughput_period_s: float = number(180.0, 1.0)
    """throughput_adjustment_interval"""
    load_period_s: float = number(5.0, 1.0)
    """load_adjustment_interval"""


class DynamoPlanner:
    """Replicas for the requests that the next time is predicted to bring, or by what engines say.

    Throughput goes by the means of all that was measured since it was last asked.
    """

    name = "dynamo_planner"
    SEARCHED: Mapping[str, Searched] = {
        "target_share": Searched(0.5, 1.2),
        "down_sensitivity": Searched(0.3, 0.95),
        "throughput_period_s": Searched(30.0, 600.0, log=True),
    }

    def __init__(self, setting: PolicySetting, options: DynamoOptions) -> None:
        by_load = options.mode != "throughput"
        self.period_s = options.load_period_s if by_load else options.throughput_period_s
        self.window_s = self.period_s
        self._setting = setting
        self._options = options
        self._least = np.full_like(setting.min_replicas, np.nan)
        """[W, role] of throughput; NaN until something was measured."""
        self._due_s = 0.0
        self._measured: list[tuple[Floats, Floats, Floats]] = []
        """Demand, missed and output tokens, each [W], since throughput was last asked."""
        self._predictor = Kalman(len(setting.split))

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """By throughput when its time has come, by load when that is asked for."""
        mode, sizes = self._options.mode, state.desired
        if mode != "load":
            demand = METRICS[self._options.metric].read(signals, self._setting.split)[:, 0]
            self._measured.append((demand, signals.isl - signals.cached, signals.osl))
        if mode != "load" and state.now_s >= self._due_s:
            self._due_s += self._options.throughput_period_s
            means = [_mean(figures) for figures in zip(*self._measured, strict=True)]
            found = self._by_throughput(*means)
            self._measured.clear()
            self._least = np.where(np.isnan(found), self._least, found)
            sizes = self._least if mode == "throughput" else sizes
        if mode != "throughput":
            sizes = np.fmax(self._by_load(signals, state), self._least)
        return RoleTargets(bounded(self._setting, sizes, state.desired))

    def _by_throughput(self, demand: Floats, missed: Floats, osl: Floats) -> Floats:
        """[W, role] predicted demand over what a replica serves of such requests."""
        setting = self._setting
        if self._options.predictor == "kalman":
            demand = self._predictor.next(demand)
        capacity = METRICS[self._options.metric].targets(setting, self._options.target_share)
        capacity[:, PREFILL] *= setting.missed / np.maximum(1.0, _known(missed, setting.missed))
        if self._options.metric == "requests_per_s":
            capacity[:, DECODE] *= setting.osl / np.maximum(1.0, _known(osl, setting.osl))
        return np.ceil(per_target(np.maximum(0.0, demand)[:, None], capacity) - 1e-9)

    def _by_load(self, signals: Signals, state: ReplicaState) -> Floats:
        """[W, role] one replica more, or fewer, of a role none of whose replicas starts."""
        up, down = self._thresholds(signals, state)
        settled = (state.starting == 0.0) & (state.ready >= state.desired - ROUNDING)
        settled &= in_use(self._setting)
        both = settled[:, PREFILL] & settled[:, DECODE]
        both |= ~self._setting.split
        settled[:, PREFILL] &= both
        settled[:, DECODE] &= both
        step = np.where(up, 1.0, np.where(down & (state.desired > 1.0), -1.0, 0.0))
        return state.desired + np.where(settled, step, 0.0)

    def _thresholds(self, signals: Signals, state: ReplicaState) -> tuple[Flags, Flags]:
        """[W, role] whether more is wanted, and whether less will do."""
        setting, low = self._setting, self._options.down_sensitivity
        if self._options.load_rule == "sla":
            ttft = signals.ttft_ms / METRICS["ttft_ms"].at_capacity(setting)[:, 0]
            itl = signals.itl_ms / METRICS["itl_ms"].at_capacity(setting)[:, 0]
            worst = np.stack([ttft, itl, np.fmax(ttft, itl)], axis=1)
            return worst > 1.0, worst < low
        with np.errstate(divide="ignore", invalid="ignore"):
            queued = signals.waiting / state.ready
            held = signals.kv_used * (1.0 + signals.waiting / signals.running)
        held = np.where(signals.running > 0.0, held, np.where(signals.waiting > 0.0, np.inf, 0.0))
        up, down = held > _KV_UP, held < _KV_DOWN
        up[:, PREFILL] = queued[:, PREFILL] >= _PREFILL_UP
        down[:, PREFILL] = queued[:, PREFILL] < _PREFILL_DOWN
        return up, down


def _mean(values: tuple[Floats, ...]) -> Floats:
    """[W] mean of what was measured; NaN where nothing was."""
    seen = np.stack(values)
    measured = ~np.isnan(seen)
    counts = measured.sum(axis=0)
    sums = np.where(measured, seen, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _known(measured: Floats, expected: Floats) -> Floats:
    """[W] what was measured, and what was expected where nothing was."""
    return np.where(np.isnan(measured), expected, measured)


class Kalman:
    """Level and trend of a series by a Kalman filter; arrays [W].

    Noise and the fewest points are kalman_q_level, kalman_q_trend, kalman_r and kalman_min_points
    of defaults.py; until there are enough points the last value is the prediction.
    """

    LEVEL_NOISE, TREND_NOISE, NOISE, LEAST_POINTS = 1.0, 0.1, 10.0, 5

    def __init__(self, series: int) -> None:
        self._state = np.zeros((series, 2))
        self._cov = np.tile(np.eye(2) * 1e3, (series, 1, 1))
        self._points = np.zeros(series, dtype=np.int64)

    def next(self, measured: Floats) -> Floats:
        """[W] the value after `measured`; NaN in, NaN out, and nothing learnt."""
        move = np.array([[1.0, 1.0], [0.0, 1.0]])
        noise = np.diag([self.LEVEL_NOISE, self.TREND_NOISE])
        found = measured.copy()
        for w in np.flatnonzero(~np.isnan(measured)):
            if self._points[w] == 0:
                self._state[w, 0] = measured[w]
            state = move @ self._state[w]
            cov = move @ self._cov[w] @ move.T + noise
            gain = cov[:, 0] / (cov[0, 0] + self.NOISE)
            self._state[w] = state + gain * (measured[w] - state[0])
            self._cov[w] = cov - np.outer(gain, cov[0])
            self._points[w] += 1
            if self._points[w] >= self.LEAST_POINTS:
                found[w] = max(0.0, self._state[w].sum())
        return found
