"""Runs of whole requests -> what prefill and decode take, by inverting Little's law.

With B sequences decoding at a time on a replica and N requests in flight for each,

    TPOT [ms] = base + per_sequence * B + per_context_token * B * context
                + prefill_token * B * isl / (osl - 1)             (aggregated engines only)
    TTFT [ms] = base + per_token * isl + (per_request + per_request_token * isl) * N

The last term of TPOT is what prompts take from decode: r * TPOT * s requests' prefill of
s = prefill_token * isl fall into a token's time, and r * TPOT = B / (osl - 1). B is not known
beforehand: B = N * decoding / (TTFT + decoding), a fixed point that `predicted` solves. Engines of
one GPU type lend each other what a few runs leave open: the coefficients of all of them together,
as a + b / GPUs, are expected of each (shrinkage; Gelman et al., Bayesian Data Analysis, chapter 5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heteroplan.entities.workload import DecodeCoefficients, Span, TtftCoefficients
from heteroplan.profiles.fit import FitError
from heteroplan.profiles.measurement import Run
from heteroplan.profiles.regression import Prior, least

if TYPE_CHECKING:
    from heteroplan.profiles.regression import Floats

FEWEST_RUNS = 6
"""From which an engine gets coefficients of its own."""
FOLDS = 5
"""Every fifth run is left out, each in turn."""
TPOT_WEIGHT, TTFT_WEIGHT = 0.17, 0.32
"""Pull of the other engines; squared 0.03 and 0.1."""
LEAST_SHARE = 0.02
"""Of a latency that a term is expected to have at least."""
STARTS_MS = (20.0, 300.0)
"""TPOT and TTFT from which the fixed point is sought."""
ITERATIONS = 100
DAMPING = 0.5

type EngineKey = tuple[str, int, str, int | None]
"""GPU type, GPUs, variant, GPUs of a prefill replica."""
type Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RunFit:
    """What the runs of one engine say, and how well it holds."""

    gpu: str
    gpus: int
    variant: str
    prefill_gpus: int | None
    """None where the engine is aggregated."""
    runs: int
    decode: DecodeCoefficients
    prefill_ms_per_token: float
    """Taken from decode by a token of a prompt [ms]; 0 where engines are disaggregated."""
    ttft: TtftCoefficients
    tpot_seen: FitError
    ttft_seen: FitError
    tpot_held_out: FitError
    """Of runs left out, predicted from what was asked of the engine alone."""
    ttft_held_out: FitError
    isl_range: Span
    batch_range: Span
    context_range: Span
    most_prompts_rps: float
    """Of a prefill replica, as measured [requests/s]."""


def fit_runs(runs: Sequence[Run]) -> tuple[list[RunFit], list[str]]:
    """A fit for every engine with `FEWEST_RUNS` runs, and notes on the others."""
    import numpy as np

    ordered = sorted(runs, key=lambda run: (_key(run)[:3], run.isl, run.osl, run.concurrency))
    own = _by_engine(ordered)
    whole = _values(ordered)
    left_out = np.empty((len(ordered), 2))
    for fold in range(FOLDS):
        out = list(range(fold, len(ordered), FOLDS))
        values = _values([run for i, run in enumerate(ordered) if i % FOLDS != fold])
        left_out[out] = _errors([ordered[i] for i in out], values)
    index = {id(run): i for i, run in enumerate(ordered)}
    seen = _errors(ordered, whole)
    fits, few = [], 0
    for key, mine in own.items():
        places = [index[id(run)] for run in mine]
        if len(mine) < FEWEST_RUNS:
            few += 1
            continue
        fits.append(_fit(key, mine, whole[key], np.abs(seen[places]), np.abs(left_out[places])))
    notes = [f"{few} engines have fewer than {FEWEST_RUNS} runs and are not fitted"] if few else []
    return fits, notes


def predicted(run: Run, tpot: Values, ttft: Values) -> tuple[float, float]:
    """TPOT and TTFT [ms] of an engine with these coefficients under the load of `run`.

    Only lengths, requests in flight and numbers of replicas are taken from it.
    """
    tpot_ms, ttft_ms = STARTS_MS
    tokens = run.osl - 1.0
    for _ in range(ITERATIONS):
        share = tpot_ms * tokens / (ttft_ms + tpot_ms * tokens)
        batch = run.concurrency * share / run.replicas
        next_tpot = _dot(tpot, _tpot_factors(run, batch))
        next_ttft = _dot(ttft, _ttft_factors(run))
        tpot_ms += DAMPING * (next_tpot - tpot_ms)
        ttft_ms += DAMPING * (next_ttft - ttft_ms)
    return tpot_ms, ttft_ms


def _dot(values: Values, factors: Values) -> float:
    return sum(value * factor for value, factor in zip(values, factors, strict=True))


def _key(run: Run) -> EngineKey:
    return (run.gpu, run.gpus, run.variant, run.prefill_gpus)


def _by_engine(runs: Sequence[Run]) -> dict[EngineKey, list[Run]]:
    found: dict[EngineKey, list[Run]] = {}
    for run in runs:
        found.setdefault(_key(run), []).append(run)
    return found


def _tpot_factors(run: Run, batch: float) -> Values:
    stolen = batch * run.isl / (run.osl - 1.0) if run.prefill_gpus is None else 0.0
    return (1.0, batch, batch * run.context, stolen)


def _ttft_factors(run: Run) -> Values:
    replicas = run.replicas if run.prefill_gpus is None else run.prefill_replicas
    waiting = run.concurrency / replicas
    return (1.0, run.isl, waiting, waiting * run.isl)


def _values(runs: Sequence[Run]) -> dict[EngineKey, tuple[Values, Values]]:
    """Coefficients of TPOT and of TTFT for every engine."""
    found: dict[EngineKey, tuple[Values, Values]] = {}
    groups: dict[tuple[str, bool], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.gpu, run.prefill_gpus is None), []).append(run)
    for group in groups.values():
        expected = _expected(group)
        for key, mine in _by_engine(group).items():
            found[key] = _own(mine, expected)
    return found


type Expected = tuple["_Shared", "_Shared"]


@dataclass(frozen=True, slots=True)
class _Shared:
    """Coefficients a + b / GPUs of all engines together."""

    a: "Floats"
    b: "Floats"
    least: "Floats"
    """Below which none is expected."""
    weight: float

    def prior(self, gpus: int) -> Prior:
        import numpy as np

        return Prior(np.maximum(self.a + self.b / gpus, self.least), self.weight)


def _expected(runs: Sequence[Run]) -> Expected:
    import numpy as np

    gpus = np.array([float(_sized(run)) for run in runs])
    tpot, ttft = _systems(runs)
    return _shared(*tpot, gpus, TPOT_WEIGHT), _shared(*ttft, gpus, TTFT_WEIGHT)


def _shared(columns: "Floats", latency_ms: "Floats", gpus: "Floats", weight: float) -> _Shared:
    import numpy as np

    terms = columns.shape[1]
    both = np.hstack([columns, columns / gpus[:, None]])
    values = np.array(least(range(2 * terms), both, latency_ms))
    typical = np.median(columns, axis=0)
    smallest = LEAST_SHARE * float(np.median(latency_ms)) / np.maximum(typical, 1e-9)
    return _Shared(values[:terms], values[terms:], smallest, weight)


def _own(runs: Sequence[Run], expected: Expected) -> tuple[Values, Values]:
    size = _sized(runs[0])
    found = [
        least(range(columns.shape[1]), columns, latency_ms, shared.prior(size))
        for (columns, latency_ms), shared in zip(_systems(runs), expected, strict=True)
    ]
    return found[0], found[1]


def _sized(run: Run) -> int:
    return run.gpus


def _systems(
    runs: Sequence[Run],
) -> tuple[tuple["Floats", "Floats"], tuple["Floats", "Floats"]]:
    """Factors and latencies of TPOT and of TTFT, at the batches that were measured."""
    import numpy as np

    tpot = np.array([_tpot_factors(run, run.batch) for run in runs])
    ttft = np.array([_ttft_factors(run) for run in runs])
    return (
        (tpot, np.array([run.tpot_ms for run in runs])),
        (ttft, np.array([run.ttft_ms for run in runs])),
    )


def _errors(runs: Sequence[Run], values: Mapping[EngineKey, tuple[Values, Values]]) -> "Floats":
    """[run, (TPOT, TTFT)] relative errors; NaN where no engine like that was fitted."""
    import numpy as np

    off = np.full((len(runs), 2), np.nan)
    for i, run in enumerate(runs):
        if _key(run) in values:
            tpot_ms, ttft_ms = predicted(run, *values[_key(run)])
            off[i] = tpot_ms / run.tpot_ms - 1.0, ttft_ms / run.ttft_ms - 1.0
    return off


def _fit(
    key: EngineKey,
    runs: Sequence[Run],
    values: tuple[Values, Values],
    seen: "Floats",
    left_out: "Floats",
) -> RunFit:
    import numpy as np

    gpu, gpus, variant, prefill_gpus = key
    base, sequence, context, prompt = values[0]
    left_out = left_out[~np.isnan(left_out[:, 0])]
    return RunFit(
        gpu=gpu,
        gpus=gpus,
        variant=variant,
        prefill_gpus=prefill_gpus,
        runs=len(runs),
        decode=DecodeCoefficients(base, sequence, context),
        prefill_ms_per_token=prompt,
        ttft=TtftCoefficients(*values[1]),
        tpot_seen=FitError.of(seen[:, 0]),
        ttft_seen=FitError.of(seen[:, 1]),
        tpot_held_out=FitError.of(left_out[:, 0]),
        ttft_held_out=FitError.of(left_out[:, 1]),
        isl_range=Span.of(run.isl for run in runs),
        batch_range=Span.of(run.batch for run in runs),
        context_range=Span.of(run.context for run in runs),
        most_prompts_rps=max(run.rate_rps / run.prefill_replicas for run in runs),
    )
