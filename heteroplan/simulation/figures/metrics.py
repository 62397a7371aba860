"""Counts of the simulator -> the metrics that a monitoring system would tell of it.

`Meter.take` reads all counts at one moment; the rates of a window are the differences of two such
readings. Policies are told readings that are some time old.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from heteroplan.simulation.level import COUNTS, Counts, Level
from heteroplan.simulation.replicas.allocation import Allocator
from heteroplan.simulation.replicas.lifecycle import Cluster
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import DECODE, ROLES, Signals
from heteroplan.units import MS_PER_S

SM_FLOOR = 0.78
"""SM activity of a decode GPU with a small batch; assumed, as HeteroScale shows such a floor."""
SM_PREFILL = 0.9
"""SM activity of a GPU that prefills, assumed."""

MOST = float(np.finfo(np.float64).max)
"""In the place of infinity."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All counts at one moment."""

    at_s: float
    counts: Counts
    busy_s: Floats
    """[W, role] replica-seconds since the start."""
    ready_s: Floats
    """[W, role] replica-seconds since the start."""


class Meter:
    """Reads the counts of one simulation."""

    def __init__(self, simulator: Level, cluster: Cluster, allocator: Allocator) -> None:
        self._simulator, self._cluster, self._allocator = simulator, cluster, allocator
        options = cluster.system.options
        self._shape = (len(cluster.system.scenario.workloads), len(ROLES))
        cells = [each.workload * len(ROLES) + each.role for each in options]
        self._cell = np.array(cells, np.int64)
        deployments = cluster.system.deployments
        self._of = np.array([each.option for each in deployments], np.int64)
        self._ready_s = np.zeros(self._shape)
        self._last_s = 0.0
        self.readings: list[Reading] = []

    def take(self) -> Reading:
        """Read all counts now."""
        counts, now = self._simulator.counts(), self._simulator.now_s
        ready = self._by_role(np.bincount(self._of, self._cluster.ready(), len(self._cell)))
        self._ready_s = self._ready_s + ready * (now - self._last_s)
        self._last_s = now
        reading = Reading(now, counts, self._by_role(counts.busy_s), self._ready_s)
        self.readings.append(reading)
        return reading

    def signals(self, delay_s: float, window_s: float) -> Signals:
        """The newest reading at least `delay_s` old, with rates over `window_s` before it."""
        now = self._simulator.now_s
        self._forget(now - delay_s - window_s)
        late = [each for each in self.readings if each.at_s <= now - delay_s + 1e-9]
        new = late[-1] if late else self.readings[0]
        older = [each for each in late if each.at_s <= new.at_s - window_s + 1e-9]
        old = older[-1] if older else self.readings[0]
        return between(old, new)

    def _forget(self, before_s: float) -> None:
        keep = 0
        while keep + 1 < len(self.readings) and self.readings[keep + 1].at_s <= before_s:
            keep += 1
        del self.readings[:keep]

    def _by_role(self, of_option: Floats) -> Floats:
        return np.bincount(self._cell, of_option, prod(self._shape)).reshape(self._shape)


def between(old: Reading, new: Reading) -> Signals:
    """The metrics of the time between two readings."""
    window_s = new.at_s - old.at_s
    now, before = new.counts, old.counts
    counts = {name: now.totals[name] - before.totals[name] for name in COUNTS}
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = {name: value / window_s for name, value in counts.items()}
        busy = np.minimum(1.0, (new.busy_s - old.busy_s) / (new.ready_s - old.ready_s))
        filled = _used(now.running, now.most_running)
        sm_activity = busy * SM_PREFILL
        sm_activity[:, DECODE] = busy[:, DECODE] * (SM_FLOOR + (1.0 - SM_FLOOR) * filled[:, DECODE])
        return Signals(
            at_s=new.at_s,
            window_s=window_s,
            arrived_rps=rate["arrived"],
            isl=counts["arrived_isl"] / counts["arrived"],
            cached=counts["arrived_cached"] / counts["arrived"],
            osl=counts["finished_osl"] / counts["finished"],
            prefill_tokens_per_s=rate["prefilled_tokens"],
            decode_tokens_per_s=rate["decoded_tokens"],
            ttft_ms=counts["ttft_s"] / counts["first_tokens"] * MS_PER_S,
            itl_ms=counts["gaps_s"] / counts["gaps"] * MS_PER_S,
            busy=busy,
            sm_activity=sm_activity,
            waiting=now.waiting,
            running=now.present - now.waiting,
            concurrency=(now.present_s - before.present_s) / window_s,
            kv_used=_used(now.held, now.kv_tokens),
        )


def _used(held: Floats, room: Floats) -> Floats:
    """The share of the room that is used; 0 of none where nothing is held."""
    found: Floats = held / room
    found[np.isnan(found)] = 0.0
    return np.minimum(found, MOST, out=found)
