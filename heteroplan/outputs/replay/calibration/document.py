"""The file that `replay --calibrate` writes as a type: what is written, and its JSON Schema."""

from typing import Literal

from heteroplan import __version__
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import Amount, Amounts, Count, DocumentPart
from heteroplan.simulation.curation.calibrate import Calibration, Judging

SCHEMA_VERSION: Literal[1] = 1


class FactorPart(DocumentPart):
    """One engine on one node type, with one kind of requests."""

    workload: Name
    engine: Name
    role: Role
    node_type: Name
    requests_of: Text
    """A request class, or `mix` for those of the busiest interval together."""
    replicas: Count
    """Of the pool that is judged: those of the plan in the busiest interval, at most 8, or 1."""
    percentile: Amount
    """Share of the requests that the role is planned to serve in time: of TTFT for prefill, of ITL
    for decode, of both for aggregated engines; of the workload's SLO for a mix of several."""
    promised_rps: Amount
    """The greatest rate of a replica of such a pool that plans count on."""
    simulated_rps: Amount
    """The greatest of a replica at which simulated requests kept the SLO, mean of the draws."""
    drawn_rps: Amounts
    """One a draw."""
    factor: Amount
    """Simulated over promised."""
    standard_error: Amount
    """Of the factor."""


class SkippedPart(DocumentPart):
    """What was not judged, and why."""

    workload: Name
    engine: Name
    node_type: Name
    requests_of: Text
    reason: Text


class CalibrationDocument(DocumentPart):
    """Correction factors on capacity. Planning does not read them yet."""

    schema_version: Literal[1]
    heteroplan_version: Text
    scenario: Name
    seed: int
    requests: Count
    """Of each run, about."""
    draws: Count
    """Of the requests, from which the standard errors are."""
    burstiness: Amount
    """Coefficient of variation of the gaps between arrivals of workloads neither `traced` nor
    `bursty`."""
    bursty: tuple[Name, ...] = ()
    """Workloads whose requests were drawn with the dispersion that they are planned for."""
    traced: tuple[Name, ...]
    """Workloads whose arrivals follow one another as in their trace."""
    factors: tuple[FactorPart, ...]
    skipped: tuple[SkippedPart, ...]


def document_of(
    scenario: Scenario, calibration: Calibration, judging: Judging
) -> CalibrationDocument:
    """The calibration in the fields of its file, numbers rounded to 9 digits."""
    return CalibrationDocument(
        schema_version=SCHEMA_VERSION,
        heteroplan_version=__version__,
        scenario=scenario.name,
        seed=judging.seed,
        requests=judging.requests,
        draws=judging.draws,
        burstiness=1.0 if judging.burstiness is None else judging.burstiness,
        bursty=tuple(each.name for each in scenario.workloads if judging.draws_bursts(each)),
        traced=tuple(judging.gaps),
        factors=tuple(
            FactorPart(
                workload=each.workload,
                engine=each.engine,
                role=each.role,
                node_type=each.node_type,
                requests_of=each.requests_of,
                replicas=each.replicas,
                percentile=each.percentile,
                promised_rps=each.promised_rps,
                simulated_rps=each.simulated_rps,
                drawn_rps=each.drawn_rps,
                factor=each.factor,
                standard_error=each.standard_error,
            )
            for each in calibration.corrections
        ),
        skipped=tuple(
            SkippedPart(
                workload=each.workload,
                engine=each.engine,
                node_type=each.node_type,
                requests_of=each.requests_of,
                reason=each.reason,
            )
            for each in calibration.skipped
        ),
    )


def yaml_text(document: CalibrationDocument) -> str:
    """The document as YAML."""
    import yaml

    text: str = yaml.safe_dump(
        document.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100
    )
    return text
