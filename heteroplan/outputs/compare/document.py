"""The JSON of `compare --json` as a type: two plans, a day of each, and what differs."""

from enum import StrEnum
from typing import Literal

from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Coverage
from heteroplan.entities.scenario import Objective
from heteroplan.entities.workload import Role
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import (
    Amount,
    Count,
    DocumentPart,
    HorizonPart,
    Number,
    NumberOrNone,
)
from heteroplan.outputs.plan.document.plan_document import PlanId

SCHEMA_VERSION: Literal[1] = 1
DAYS_A_MONTH = 30.4
"""Days of a month in all figures."""


class PoolChange(StrEnum):
    """What became of a pool."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    """Another size at some time."""
    SAME = "same"


class SidePart(DocumentPart):
    """One of the two plans."""

    source: str
    """As it was named: a plan.json, or the scenario that was planned."""
    scenario: Name
    plan_id: PlanId | None
    horizon: HorizonPart
    objective: Objective
    covered: bool
    coverage: Coverage | None
    gap: Number
    """Of the plan to its bound, as a share of its objective."""
    cost_usd_per_day: Amount
    cost_usd_per_month: Amount
    """Of 30.4 days."""
    gpu_hours_per_day: Amount
    peak_gpus: Count
    starts_per_day: Amount
    requests_per_day: Amount
    """Demand."""
    unserved_requests_per_day: Amount


class UsePart(DocumentPart):
    """What is held in one plan, on average a day."""

    gpu_hours_per_day: Amount
    cost_usd_per_day: Amount


class PoolUsePart(UsePart):
    """A pool in one plan."""

    least_replicas: Count
    peak_replicas: Count


class DifferencePart(DocumentPart):
    """After less before."""

    cost_usd_per_day: Number
    cost_usd_per_month: Number
    gpu_hours_per_day: Number
    cost_fraction: NumberOrNone
    """Of the cost before; null where that is 0."""
    gpu_hours_fraction: NumberOrNone


class ComparedPart(DocumentPart):
    """GPUs of one type that serve one workload."""

    workload: Name
    gpu: Name
    before: UsePart
    after: UsePart
    change: DifferencePart


class ComparedPoolPart(DocumentPart):
    """A pool that either plan has. Its identity is all that stands before `before`, but `what`."""

    what: PoolChange
    workload: Name
    role: Role
    engine: Name
    node_type: Name
    gpu: Name
    domain: Name
    level: Affinity
    before: PoolUsePart | None
    after: PoolUsePart | None
    change: DifferencePart


class InputPart(DocumentPart):
    """An input that differs."""

    field: Text
    """Such as `demand of chat-70b` or `price of h100x8`."""
    before: str
    """With its unit; empty where there is none."""
    after: str


class CountsPart(DocumentPart):
    """Pools by what became of them."""

    added: Count
    removed: Count
    changed: Count
    same: Count


class ComparisonDocument(DocumentPart):
    """Two plans. What costs money comes first in all lists, by the amount that it changed."""

    schema_version: Literal[1] = SCHEMA_VERSION
    heteroplan_version: Text
    before: SidePart
    after: SidePart
    change: DifferencePart
    prices_usd_per_day: Number
    """Part of `change` that comes from prices: of the GPU-hours after, on node types that both
    fleets have."""
    decided: bool
    """Whether the cheapest plans of the two inputs differ the same way: it is proven by their
    bounds. Otherwise the difference is within the gaps of the solves."""
    counts: CountsPart
    workloads: tuple[ComparedPart, ...]
    """By workload and GPU type."""
    pools: tuple[ComparedPoolPart, ...]
    inputs: tuple[InputPart, ...]
    notes: tuple[str, ...]
    """What limits the comparison."""
