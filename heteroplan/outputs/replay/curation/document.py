"""The JSON of `replay --curate --json` as a type: what is written, and its JSON Schema."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from heteroplan import __version__
from heteroplan.entities.scenario import Objective
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import (
    Amount,
    AmountOrNone,
    Count,
    Counts,
    DocumentPart,
    Number,
)
from heteroplan.outputs.plan.document.plan_document import PlanId
from heteroplan.outputs.replay.document import or_none
from heteroplan.simulation.curation.figures import PartFigures
from heteroplan.simulation.curation.pressure import PressureTest, SplitTest
from heteroplan.simulation.curation.results import Candidate, Curated, Curation

SCHEMA_VERSION: Literal[1] = 1


class PartPart(DocumentPart):
    """One policy on one part of the replay; lists are by workload."""

    gpu_hours: Amount
    cost_usd: Amount
    slo_kept: bool
    """Whether each workload reaches its percentile over the part."""
    requests: Counts
    in_time: Counts
    """Requests that kept both targets."""


class CandidatePart(DocumentPart):
    """A policy with one set of options."""

    options: dict[str, Number]
    """Those that were searched."""
    seen: PartPart
    """The part that the search saw."""
    unseen: PartPart


class TrialPart(DocumentPart):
    """One try of options on the seen part."""

    options: dict[str, Number]
    amount: Amount
    """Of the objective: USD or GPU-hours."""
    slo_shortfall: Amount
    """By which the shares in time miss what is wanted, all workloads together; 0 is kept."""


class CuratedPart(DocumentPart):
    """A policy as it was given and with the best options found."""

    policy: Text
    text: Text
    """With the options found, as `--policy` takes it."""
    gain_fraction: Number
    """Of the objective on the unseen part, curated against given."""
    given: CandidatePart
    curated: CandidatePart
    """The same as `given` where nothing was searched or nothing better found."""
    trials: tuple[TrialPart, ...]


class SplitPart(DocumentPart):
    """A group of replicas, loaded until the SLO broke."""

    prefill: Count
    """0 of an aggregated group."""
    decode: Count
    promised_rps: Amount
    """What plans count on."""
    rate_rps: Amount
    """The greatest at which the SLO was kept."""
    decode_tokens_per_s: Amount
    """Of each decode replica at that rate."""


class PressurePart(DocumentPart):
    """The pressure test of a workload."""

    workload: Name
    prefill: Name | None
    """Engine; null where aggregated replicas serve."""
    decode: Name
    planned_ratio: AmountOrNone
    """Prefill replicas a decode replica at equal capacity."""
    best: SplitPart
    """The split that serves most for what it takes."""
    splits: tuple[SplitPart, ...]


class CurationWorkloadPart(DocumentPart):
    """A workload and its SLO."""

    name: Name
    percentile: Amount
    ttft_ms: AmountOrNone
    itl_ms: AmountOrNone


class CurationDocument(DocumentPart):
    """What `replay --curate --json` prints."""

    schema_version: Literal[1]
    heteroplan_version: Text
    scenario: Name
    objective: Objective
    plan_id: PlanId | None
    seed: int
    start: datetime
    """Of the replay, with its offset."""
    interval_s: Annotated[int, Field(ge=1)]
    seen_s: Amount
    """Length of the seen part."""
    duration_s: Amount
    """Of the whole replay; what follows the seen part is unseen."""
    trials: Count
    """A policy."""
    workloads: tuple[CurationWorkloadPart, ...]
    notes: tuple[str, ...]
    pressure_tests: tuple[PressurePart, ...]
    policies: tuple[CuratedPart, ...]


def document_of(curation: Curation) -> CurationDocument:
    """The curation in the fields of its JSON, numbers rounded to 9 digits."""
    return CurationDocument(
        schema_version=SCHEMA_VERSION,
        heteroplan_version=__version__,
        scenario=curation.scenario,
        objective=Objective(curation.objective),
        plan_id=curation.plan_id,
        seed=curation.seed,
        start=curation.start,
        interval_s=curation.interval_s,
        seen_s=curation.cut_s,
        duration_s=curation.duration_s,
        trials=curation.most_trials,
        workloads=tuple(
            CurationWorkloadPart(
                name=name,
                percentile=curation.percentiles[w],
                ttft_ms=or_none(curation.ttft_slo_ms[w]),
                itl_ms=or_none(curation.itl_slo_ms[w]),
            )
            for w, name in enumerate(curation.workloads)
        ),
        notes=curation.notes,
        pressure_tests=tuple(_pressure(curation, each) for each in curation.tests),
        policies=tuple(_policy(curation, each) for each in curation.policies),
    )


def _policy(curation: Curation, policy: Curated) -> CuratedPart:
    return CuratedPart(
        policy=policy.policy,
        text=policy.text,
        gain_fraction=policy.gain(curation.objective),
        given=_candidate(curation, policy.given),
        curated=_candidate(curation, policy.found),
        trials=tuple(
            TrialPart(
                options=dict(each.options),
                amount=each.score.amount,
                slo_shortfall=each.score.shortfall,
            )
            for each in policy.trials
        ),
    )


def _candidate(curation: Curation, candidate: Candidate) -> CandidatePart:
    return CandidatePart(
        options=dict(candidate.options),
        seen=_part(curation, candidate.seen),
        unseen=_part(curation, candidate.unseen),
    )


def _part(curation: Curation, figures: PartFigures) -> PartPart:
    return PartPart(
        gpu_hours=figures.gpu_hours,
        cost_usd=figures.cost_usd,
        slo_kept=curation.keeps_slo(figures),
        requests=figures.requests,
        in_time=figures.in_time,
    )


def _pressure(curation: Curation, test: PressureTest) -> PressurePart:
    return PressurePart(
        workload=curation.workloads[test.workload],
        prefill=test.prefill,
        decode=test.decode,
        planned_ratio=test.planned_ratio,
        best=_split(test.best),
        splits=tuple(map(_split, test.splits)),
    )


def _split(split: SplitTest) -> SplitPart:
    return SplitPart(
        prefill=split.prefill,
        decode=split.decode,
        promised_rps=split.promised_rps,
        rate_rps=split.rate_rps,
        decode_tokens_per_s=split.decode_tokens_per_s,
    )
