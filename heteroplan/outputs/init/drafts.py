"""What a new scenario holds, before it is text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

type Place = str | Path
"""A file of the scenario's own folder as a text, another file as an absolute path."""


@dataclass(frozen=True, slots=True)
class NodesDraft:
    """Nodes of one GPU type."""

    gpu: str
    nodes: int
    gpus: int
    """Of a node."""
    nic_gbit_per_s: float
    """Of a node [Gbit/s]."""
    usd_per_gpu_hour: float
    examples: frozenset[str] = frozenset()
    """Fields that nobody gave."""


@dataclass(frozen=True, slots=True)
class TraceDraft:
    """Demand as a forecast from traces."""

    trace: Place
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of `demand`."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """Fields that nobody gave -> what they mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadDraft:
    """One workload; a value that nobody gave has its name in `examples`."""

    name: str
    model: str
    profile: Place
    demand: Place | TraceDraft
    requests: Mapping[str, float] | None
    slo: Mapping[str, float]
    headroom: float
    allow_extrapolation: bool = False
    examples: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ScenarioDraft:
    """A whole scenario."""

    name: str
    fleet: Place
    horizon: Mapping[str, Any]
    workloads: tuple[WorkloadDraft, ...]
