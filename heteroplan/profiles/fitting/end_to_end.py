"""Runs of whole requests -> what prefill and decode take, by inverting Little's law.

With B sequences decoding at a time on a replica and N requests in flight for each,

    TPOT [ms] = base + per_sequence * B + per_context_token * B * context
                + prefill_token * B * isl / (osl - 1)             (aggregated engines only)
                + per_root_sequence * sqrt(B)
    TTFT [ms] = base + per_token * isl + (per_request + per_request_token * isl) * N
                + queue * decoding * max(0, N - M) / M

M sequences fit the KV cache or the engine's limit: N - M wait, and M leave in each decoding time.
The last but one term of TPOT is what prompts take from decode: r * TPOT * s requests' prefill of
s = prefill_token * isl fall into a token's time, and r * TPOT = B / (osl - 1). B is not known
beforehand: B = N * decoding / (TTFT + decoding), a fixed point that `predicted` solves. Engines of
one GPU type lend each other what a few runs leave open: the coefficients of all of them together,
as a + b / GPUs, are expected of those of one variant together, and these of each engine (shrinkage;
Gelman et al., Bayesian Data Analysis, chapter 5).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf, sqrt
from statistics import fmean, median, pstdev
from typing import TYPE_CHECKING

from heteroplan.entities.workload import (
    DecodeCoefficients,
    PrefillCoefficients,
    Span,
    TtftCoefficients,
)
from heteroplan.profiles.fitting.fit import BEYOND, SHAPE, FitError, reach
from heteroplan.profiles.fitting.regression import Prior, least
from heteroplan.profiles.measurement import Run
from heteroplan.units import MS_PER_S

if TYPE_CHECKING:
    from heteroplan.profiles.fitting.regression import Floats

FEWEST_RUNS = 3
"""From which an engine gets coefficients of its own."""
FOLDS = 5
"""Every fifth curve is left out, each in turn."""
FEWEST_CURVES = 3
"""From which whole ones are left out."""
TPOT_WEIGHT, TTFT_WEIGHT = 0.2, 0.5
"""Pull of the other engines."""
VARIANT_WEIGHT = 0.5
"""Share of that pull which all of the GPU type have on those of a variant."""
LEAST_SHARE = 0.02
"""Of a latency that a term is expected to have at least."""
QUEUED = 0.25
"""Share of its decoding time that a request waits for its first token once replicas are full."""
MANY, FEWEST_FULL = 8, 2
"""Requests in flight, and runs like that, from which one can tell."""
TINY = 1e-9
"""Expected of a term that no run has."""
STARTS_MS = (20.0, 300.0)
"""TPOT and TTFT from which the fixed point is sought."""
ITERATIONS = 100
DAMPING = 0.5

type EngineKey = tuple[str, int, str, int | None]
"""GPU type, GPUs, variant, GPUs of a prefill replica."""
type Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Latencies:
    """What TPOT and TTFT of an engine are made of."""

    tpot: Values
    ttft: Values
    sequences: float = inf
    """That decode at a time, at most; infinite where no limit was seen."""
    kv_tokens: float = inf
    """Contexts of the sequences decoding at a time, at most [tokens]; infinite without a limit."""

    def limit(self, run: Run) -> float:
        """Sequences that decode at a time, at most."""
        return min(self.sequences, self.kv_tokens / run.context)


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
    """Of curves left out, predicted from what was asked of the engine alone."""
    ttft_held_out: FitError
    isl_range: Span
    batch_range: Span
    context_range: Span
    kv_tokens_range: Span
    beyond: float | None
    """Mean error of TPOT at the largest batches, of a fit without them; None without smaller."""
    unqueued: PrefillCoefficients
    """What a prompt takes of a prefill replica: TTFT with nobody waiting, but no more than leaves
    room for the requests/s that were measured."""
    latencies: Latencies
    """As `predicted` takes them."""

    def is_of(self, run: Run) -> bool:
        """Whether `run` is of the engine."""
        return _key(run) == (self.gpu, self.gpus, self.variant, self.prefill_gpus)


def fit_runs(runs: Sequence[Run]) -> tuple[list[RunFit], list[str]]:
    """A fit for every engine with `FEWEST_RUNS` runs, and notes on the others."""
    import numpy as np

    ordered = sorted(runs, key=lambda run: (_key(run)[:3], run.isl, run.osl, run.concurrency))
    whole, places = _values(ordered), _places(ordered)
    seen = np.abs(_errors(ordered, whole))
    curve = curves(ordered)
    left_out = np.abs(errors_left_out(ordered, lambda place, run: curve[place]))
    beyond = np.abs(_errors_beyond(ordered))
    large = {key: found for key, found in places.items() if len(found) >= FEWEST_RUNS}
    fits = [
        _fit(
            key,
            [ordered[i] for i in found],
            whole[key],
            seen[found],
            left_out[found],
            beyond[found],
        )
        for key, found in large.items()
    ]
    few = len(places) - len(large)
    notes = [f"{few} engines have fewer than {FEWEST_RUNS} runs and are not fitted"] if few else []
    single = sum(
        all(_alike(ordered[found[0]], ordered[place]) for place in found)
        for found in large.values()
    )
    if single:
        notes.append(
            f"of {single} engines one request shape was measured: they are used within "
            f"{SHAPE:.0%} of it; measure shorter and longer prompts and answers"
        )
    return fits, notes


def curves(runs: Sequence[Run]) -> list[int]:
    """[run] number of its curve: runs of one engine whose lengths are within `SHAPE` of the first.

    Of an engine with fewer than `FEWEST_CURVES` each run is one: what is left says nothing of
    lengths in between.
    """
    numbers, count = [0] * len(runs), 0
    for places in _places(runs).values():
        found: list[list[int]] = []
        for place in places:
            mine = next((each for each in found if _alike(runs[each[0]], runs[place])), None)
            if mine is None:
                found.append([place])
            else:
                mine.append(place)
        for curve in found if len(found) >= FEWEST_CURVES else [[place] for place in places]:
            for place in curve:
                numbers[place] = count
            count += 1
    return numbers


def _alike(one: Run, other: Run) -> bool:
    off = (other.isl / one.isl - 1.0, other.osl / one.osl - 1.0)
    return max(map(abs, off)) <= SHAPE


def errors_left_out(runs: Sequence[Run], part: Callable[[int, Run], int]) -> "Floats":
    """[run, (TPOT, TTFT)] relative errors of fits that did not see it; NaN of unseen engines.

    `part` of a run's place and the run says what is left out together, in turn of `FOLDS`.
    """
    import numpy as np

    folds = np.array([part(place, run) % FOLDS for place, run in enumerate(runs)])
    off = np.full((len(runs), 2), np.nan)
    for fold in range(FOLDS):
        out = np.flatnonzero(folds == fold)
        values = _values([run for run, at in zip(runs, folds, strict=True) if at != fold])
        off[out] = _errors([runs[int(i)] for i in out], values)
    return off


def _errors_beyond(runs: Sequence[Run]) -> "Floats":
    """[run] relative errors of TPOT at the largest batches of each engine, of fits without them.

    NaN at the others.
    """
    import numpy as np

    off = np.full(len(runs), np.nan)
    batches = np.array([run.batch for run in runs])
    large = np.zeros(len(runs), dtype=bool)
    for found in _places(runs).values():
        large[found] = batches[found] > BEYOND * batches[found].max()
    values = _values([run for run, out in zip(runs, large, strict=True) if not out])
    off[large] = _errors([run for run, out in zip(runs, large, strict=True) if out], values)[:, 0]
    return off


def predicted(run: Run, latencies: Latencies) -> tuple[float, float]:
    """TPOT and TTFT [ms] of an engine under the load of `run`.

    Only lengths, requests in flight and numbers of replicas are taken from it.
    """
    tpot_ms, ttft_ms = STARTS_MS
    tokens = run.osl - 1.0
    for _ in range(ITERATIONS):
        share = tpot_ms * tokens / (ttft_ms + tpot_ms * tokens)
        batch = run.concurrency * share / run.replicas
        next_tpot = _dot(latencies.tpot, _tpot_factors(run, batch))
        next_ttft = _dot(latencies.ttft, _ttft_factors(run, next_tpot, latencies.limit(run)))
        tpot_ms += DAMPING * (next_tpot - tpot_ms)
        ttft_ms += DAMPING * (next_ttft - ttft_ms)
    return tpot_ms, ttft_ms


def _dot(values: Values, factors: Values) -> float:
    return sum(value * factor for value, factor in zip(values, factors, strict=True))


def _key(run: Run) -> EngineKey:
    return (run.gpu, run.gpus, run.variant, run.prefill_gpus)


def _places(runs: Sequence[Run]) -> dict[EngineKey, list[int]]:
    """Where the runs of each engine stand."""
    found: dict[EngineKey, list[int]] = {}
    for place, run in enumerate(runs):
        found.setdefault(_key(run), []).append(place)
    return found


def _by_engine(runs: Sequence[Run]) -> dict[EngineKey, list[Run]]:
    return {key: [runs[i] for i in found] for key, found in _places(runs).items()}


def _tpot_factors(run: Run, batch: float) -> Values:
    stolen = batch * run.isl / (run.osl - 1.0) if run.prefill_gpus is None else 0.0
    return (1.0, batch, batch * run.context, stolen, sqrt(batch))


def _ttft_factors(run: Run, tpot_ms: float, limit: float) -> Values:
    each = run.concurrency / (run.replicas if run.prefill_gpus is None else run.prefill_replicas)
    waiting = max(0.0, run.concurrency / run.replicas / limit - 1.0)
    return (1.0, run.isl, each, each * run.isl, waiting * tpot_ms * (run.osl - 1.0))


def _limits(runs: Sequence[Run]) -> tuple[float, float]:
    """Sequences and tokens in flight at which the rest waits outside the batch.

    Seen where a first token takes long beside the others. Which of the two it is that fills up is
    the one that differs less over request shapes; both where it cannot be told. Of disaggregated
    engines neither: there prompts wait for prefill.
    """
    full = [
        run
        for run in runs
        if run.prefill_gpus is None
        and run.ttft_ms > QUEUED * run.decoding_ms
        and run.concurrency >= MANY * run.replicas
    ]
    if len(full) < FEWEST_FULL:
        return inf, inf
    sequences = [run.batch for run in full]
    tokens = [run.batch * run.context for run in full]
    several = len({run.context for run in full}) > 1
    apart = [pstdev(values) / fmean(values) for values in (sequences, tokens)]
    return (
        median(sequences) if not several or apart[0] <= apart[1] else inf,
        median(tokens) if not several or apart[1] < apart[0] else inf,
    )


def _values(runs: Sequence[Run]) -> dict[EngineKey, Latencies]:
    """Coefficients of every engine."""
    found: dict[EngineKey, Latencies] = {}
    for group in _grouped(runs, lambda run: (run.gpu, run.prefill_gpus is None)):
        expected = _expected(group)
        for variant in _grouped(group, lambda run: run.variant):
            engines = _by_engine(variant)
            lent = _expected(variant, expected) if len(engines) > 1 else expected
            found |= {key: _own(mine, lent) for key, mine in engines.items()}
    return found


def _grouped(runs: Sequence[Run], kind: Callable[[Run], Hashable]) -> list[list[Run]]:
    groups: dict[Hashable, list[Run]] = {}
    for run in runs:
        groups.setdefault(kind(run), []).append(run)
    return list(groups.values())


type Expected = tuple["_Shared", "_Shared"]


@dataclass(frozen=True, slots=True)
class _Shared:
    """Coefficients a + b / GPUs of several engines together."""

    a: "Floats"
    b: "Floats"
    least: "Floats"
    """Below which none is expected."""
    weight: float

    def prior(self, gpus: int) -> Prior:
        import numpy as np

        return Prior(np.maximum(self.a + self.b / gpus, self.least), self.weight)

    def of_both(self) -> Prior:
        """Of a and b of a part of the engines."""
        import numpy as np

        values = np.maximum(np.concatenate([self.a, self.b]), np.tile(self.least / 2.0, 2))
        return Prior(values, VARIANT_WEIGHT * self.weight)


def _expected(runs: Sequence[Run], of_all: Expected | None = None) -> Expected:
    """TPOT and TTFT of `runs` together; `of_all` are those of the GPU type."""
    import numpy as np

    gpus = np.array([float(run.gpus) for run in runs])
    limits = {key: _limits(mine) for key, mine in _by_engine(runs).items()}
    tpot, ttft = _systems(runs, [limits[_key(run)] for run in runs])
    of_tpot, of_ttft = of_all or (None, None)
    return (
        _shared(*tpot, gpus, TPOT_WEIGHT, of_tpot),
        _shared(*ttft, gpus, TTFT_WEIGHT, of_ttft),
    )


def _shared(
    columns: "Floats",
    latency_ms: "Floats",
    gpus: "Floats",
    weight: float,
    of_all: _Shared | None,
) -> _Shared:
    import numpy as np

    terms = columns.shape[1]
    both = np.hstack([columns, columns / gpus[:, None]])
    prior = None if of_all is None else of_all.of_both()
    values = np.array(least(range(2 * terms), both, latency_ms, prior))
    if of_all is not None:
        return replace(of_all, a=values[:terms], b=values[terms:])
    typical = columns.mean(axis=0)
    share_ms = LEAST_SHARE * float(np.median(latency_ms))
    smallest = np.where(typical > 0.0, share_ms / np.maximum(typical, TINY), TINY)
    return _Shared(values[:terms], values[terms:], smallest, weight)


def _own(runs: Sequence[Run], expected: Expected) -> Latencies:
    size, limits = runs[0].gpus, _limits(runs)
    tpot, ttft = [
        least(range(columns.shape[1]), columns, latency_ms, shared.prior(size))
        for (columns, latency_ms), shared in zip(
            _systems(runs, [limits] * len(runs)), expected, strict=True
        )
    ]
    return Latencies(tpot, ttft, *limits)


def _systems(
    runs: Sequence[Run], limits: Sequence[tuple[float, float]]
) -> tuple[tuple["Floats", "Floats"], tuple["Floats", "Floats"]]:
    """Factors and latencies of TPOT and of TTFT, at the batches and TPOTs that were measured."""
    import numpy as np

    tpot = np.array([_tpot_factors(run, run.batch) for run in runs])
    ttft = np.array(
        [
            _ttft_factors(run, run.tpot_ms, min(sequences, tokens / run.context))
            for run, (sequences, tokens) in zip(runs, limits, strict=True)
        ]
    )
    return (
        (tpot, np.array([run.tpot_ms for run in runs])),
        (ttft, np.array([run.ttft_ms for run in runs])),
    )


def _errors(runs: Sequence[Run], values: Mapping[EngineKey, Latencies]) -> "Floats":
    """[run, (TPOT, TTFT)] relative errors; NaN where no engine like that was fitted."""
    import numpy as np

    off = np.full((len(runs), 2), np.nan)
    for i, run in enumerate(runs):
        if _key(run) in values:
            tpot_ms, ttft_ms = predicted(run, values[_key(run)])
            off[i] = tpot_ms / run.tpot_ms - 1.0, ttft_ms / run.ttft_ms - 1.0
    return off


def _fit(
    key: EngineKey,
    runs: Sequence[Run],
    values: Latencies,
    seen: "Floats",
    left_out: "Floats",
    beyond: "Floats",
) -> RunFit:
    import numpy as np

    gpu, gpus, variant, prefill_gpus = key
    base, sequence, context, prompt, root = values.tpot
    left_out = left_out[~np.isnan(left_out[:, 0])]
    return RunFit(
        gpu=gpu,
        gpus=gpus,
        variant=variant,
        prefill_gpus=prefill_gpus,
        runs=len(runs),
        decode=DecodeCoefficients(base, sequence, context, 0.0, root),
        prefill_ms_per_token=prompt,
        ttft=TtftCoefficients(*values.ttft[:-1]),
        tpot_seen=FitError.of(seen[:, 0]),
        ttft_seen=FitError.of(seen[:, 1]),
        tpot_held_out=FitError.of(left_out[:, 0]),
        ttft_held_out=FitError.of(left_out[:, 1]),
        isl_range=_whole(reach(run.isl for run in runs)),
        batch_range=Span.of(run.batch for run in runs),
        context_range=_contexts(runs),
        kv_tokens_range=Span.of(run.batch * run.context for run in runs),
        beyond=float(np.nanmean(beyond)) if np.isfinite(beyond).any() else None,
        unqueued=_unqueued(runs, values.ttft),
        latencies=values,
    )


def _unqueued(runs: Sequence[Run], ttft: Values) -> PrefillCoefficients:
    base, token, *_ = ttft
    load = max(
        run.rate_rps / run.prefill_replicas * (base + token * run.isl) / MS_PER_S for run in runs
    )
    return PrefillCoefficients(base / max(1.0, load), token / max(1.0, load), 0.0)


def _contexts(runs: Sequence[Run]) -> Span:
    """That sequences had, from their prompts to their last tokens; of one shape `SHAPE` beyond."""
    reached = max(run.isl + run.osl for run in runs)
    more = SHAPE if all(_alike(runs[0], run) for run in runs) else 0.0
    return _whole(Span((1.0 - more) * min(run.isl for run in runs), (1.0 + more) * reached))


def _whole(span: Span) -> Span:
    """To whole tokens outwards."""
    return Span(floor(span.low), ceil(span.high))
