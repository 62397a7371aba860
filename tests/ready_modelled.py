"""Prefill and decode engines that nobody measured, as AIConfigurator models them.

Its kernel times leave out scheduling and network. How far it is off is told where something near
was measured: whole requests of aggregated engines on the same GPUs, of which its prefill and decode
together predict TPOT as in `heteroplan.profiles.fitting.end_to_end`, or the phases of a model with
the same layers. Needs the extra `heteroplan[aic]`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from heteroplan.entities.workload import Engine, Role
from heteroplan.profiles.capacity.latency import prefill_ms, step_ms
from heteroplan.profiles.fitting.aic import modelled
from heteroplan.profiles.fitting.fit import settings_of
from heteroplan.profiles.fitting.fitted import Fitted
from heteroplan.profiles.fitting.report import fit_all
from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements

VARIANT = "bf16"
LEAST_KV_TOKENS = 32_768
"""A size that holds less is left out: 16 sequences of 2,048 tokens."""
MOST_OFF = 0.5
"""A size is left out where prefill or decode are further off on average."""
FEW = 4
"""Requests in flight up to which TTFT is taken to be a prompt's own prefill and a step."""

type Errors = Mapping[Role, Sequence[float]]
"""Absolute relative errors, at least one of each role; no roles where nothing near was measured."""


@dataclass(frozen=True, slots=True)
class Near:
    """What was measured that is nearest to an engine."""

    file: Path
    words: str
    """What it is, for a reader of the profile."""
    phases: bool = False
    """Whether prefill batches and decode steps were measured, not whole requests."""
    model: str = ""
    """Of the whole requests, as the file calls it."""
    variant: str = ""
    """Their variants begin so."""
    modelled: str = ""
    """The tool's name for it; that of the engine where it is empty."""
    backend: str = "vllm"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a model is modelled."""

    model: str
    """The tool's name."""
    sizes: Mapping[str, Sequence[int]]
    """GPUs of a replica by GPU type."""
    near: Mapping[str, Near]
    """By GPU type."""


def modelled_engines(wanted: Wanted) -> Iterator[Fitted]:
    """Prefill and decode engines of the sizes that hold a batch and are not too far off."""
    for gpu, sizes in wanted.sizes.items():
        for gpus in sizes:
            reading = modelled(wanted.model, gpu, gpus)
            if reading.kv_tokens[gpu, gpus] < LEAST_KV_TOKENS:
                continue
            pair = fit_all([(reading.origin, reading)]).fitted
            near = wanted.near.get(gpu)
            errors = _errors(near, [each.engine for each in pair], wanted.model) if near else {}
            if all(fmean(each) <= MOST_OFF for each in errors.values()):
                words = near.words if near and errors else ""
                yield from (_told(each, errors.get(each.engine.role, ()), words) for each in pair)


def _told(fitted: Fitted, errors: Sequence[float], words: str) -> Fitted:
    """With the errors against what was measured in place of those of the fit."""
    source = fitted.engine.source
    origin = source.origin.replace(" for ", " (Apache-2.0) for ", 1)
    told = f"error against {words}" if errors else "error not known, as nothing near was measured"
    source = replace(
        source,
        origin=f"{origin}; kernel times only; {told}",
        error_mape=fmean(errors) if errors else None,
        error_worst=max(errors, default=None),
    )
    return replace(fitted, engine=replace(fitted.engine, source=source), variant=VARIANT)


def _errors(near: Near, pair: Sequence[Engine], model: str) -> Errors:
    gpu, gpus = pair[0].gpu, pair[0].gpus
    reading = read_measurements(near.file, given=Given(model=near.model or None))
    if near.phases:
        return {
            engine.role: [
                abs(
                    _phase_ms(engine, point.tokens, point.batch, point.context) / point.latency_ms
                    - 1
                )
                for point in settings_of(
                    [
                        p
                        for p in reading.points
                        if (p.gpu, p.gpus, p.phase) == (gpu, gpus, engine.role)
                    ]
                )
            ]
            for engine in pair
        }
    runs = [
        run
        for run in reading.runs
        if (run.gpu, run.gpus, run.prefill_gpus) == (gpu, gpus, None)
        and run.variant.startswith(near.variant)
    ]
    if not runs:
        return {}
    if near.modelled or near.backend != "vllm":
        compared = modelled(near.modelled or model, gpu, gpus, near.backend)
        pair = [each.engine for each in fit_all([(compared.origin, compared)]).fitted]
    return _of_runs(runs, pair)


def _of_runs(runs: Sequence[Run], pair: Sequence[Engine]) -> Errors:
    """TPOT, in which both take part; of prefill TTFT where that is further off."""
    tpot, ttft = [], []
    for run in runs:
        prompt_ms, decode_ms = (_phase_ms(each, run.isl, run.batch, run.context) for each in pair)
        said_ms = decode_ms + run.batch * prompt_ms / (run.osl - 1)
        tpot.append(abs(said_ms / run.tpot_ms - 1))
        if run.concurrency <= FEW:
            ttft.append(abs((prompt_ms + decode_ms) / run.ttft_ms - 1))
    worse = ttft if ttft and fmean(ttft) > fmean(tpot) else tpot
    return {Role.PREFILL: worse, Role.DECODE: tpot}


def _phase_ms(engine: Engine, tokens: float, batch: float, context: float) -> float:
    """A prefill of one prompt, or a decode step [ms]."""
    if engine.prefill is not None:
        return prefill_ms(engine.prefill, tokens)
    assert engine.decode is not None
    return step_ms(engine.decode, batch, context)
