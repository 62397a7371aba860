"""Decode steps of a mix of classes: how long they take with a batch that swings."""

from dataclasses import dataclass, replace
from math import inf, sqrt

from heteroplan.entities.arrivals import POISSON
from heteroplan.entities.capacity import Limit
from heteroplan.entities.slo import ItlOf
from heteroplan.entities.workload import DecodeCoefficients, Engine
from heteroplan.profiles.capacity.latency import (
    SHORTEST_MS,
    batch_within,
    gamma_quantile,
    slope_ms,
    step_ms,
)
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.swing import Factors, Swing, averaged
from heteroplan.units import MS_PER_S

ROOMY = 0.975
"""Share of the requests, at least, that find room for their KV cache. Where fewer do, sequences
that are evicted and computed anew keep the memory full."""
MOST_SEQUENCES = 65536.0
"""Bound of a batch that neither ITL nor memory nor a measured range bounds."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is in flight, on average."""

    sequences: float
    added_ms: float
    """That they add to a step [ms]."""
    kv_tokens: float
    dispersion: float = 1.0
    """Of the pool's arrivals, at the scale at which numbers return to their mean."""


ENDLESS = Load(inf, inf, inf)


@dataclass(frozen=True, slots=True)
class Peak:
    """What a step takes and holds at the percentile of the time."""

    sequences: float
    itl_ms: float
    kv_tokens: float


@dataclass(frozen=True, slots=True)
class DecodeSteps:
    """Decode of a mix. A sequence of a step is of class k with the weight share_k * osl_k."""

    values: DecodeCoefficients
    swing: Swing
    itl_of: ItlOf
    lowest: float
    """Smallest batch that a step time is taken for."""
    osl: float
    """Mean output of a request [tokens]."""
    context: float
    """Mean over the sequences of a step [tokens]."""
    context_square: float
    """Mean square of that [tokens^2]."""

    @classmethod
    def of(cls, setting: Setting) -> "DecodeSteps":
        """Those of the mix of `setting`."""
        outputs = [shape.osl for shape in setting.mix]
        contexts = [shape.decode_context for shape in setting.mix]
        squares = [
            shape.decode_context**2 * (1.0 + shape.decode_context_cv**2) for shape in setting.mix
        ]
        osl = setting.mean(outputs)
        return cls(
            decode_coefficients(setting.engine),
            Swing.of(setting),
            setting.slo.itl_of,
            lowest_batch(setting),
            osl,
            setting.mean([a * b for a, b in zip(outputs, contexts, strict=True)]) / osl,
            setting.mean([a * b for a, b in zip(outputs, squares, strict=True)]) / osl,
        )

    @property
    def slope_ms(self) -> float:
        """Mean of what the sequences of a step add to it [ms]."""
        return slope_ms(self.values, self.context)

    @property
    def slope_square(self) -> float:
        """Mean square of that [ms^2]."""
        each, token = self.values.ms_per_sequence, self.values.ms_per_context_token
        return each**2 + 2.0 * each * token * self.context + token**2 * self.context_square

    @property
    def lowest_ms(self) -> float:
        """No step is taken as faster [ms]."""
        return step_ms(self.values, self.lowest, self.context)

    def load(self, rate_rps: float, stretch: float = 1.0) -> Load:
        """What is in flight on average at `rate_rps`, each step `stretch` times as long."""
        ended = rate_rps * self.osl * stretch / MS_PER_S
        found = self._load(ended, self.swing.own)
        if self.swing.arrivals == POISSON or found == ENDLESS:
            return found
        step_ms = found.sequences / ended if ended > 0.0 else self.lowest_ms
        decoding_s = self.osl * stretch * step_ms / MS_PER_S
        dispersion = self.swing.dispersion(self.dispersion(found) * decoding_s)
        found = self._load(ended, self.swing.own + self.swing.mates(dispersion))
        return replace(found, dispersion=dispersion)

    def _load(self, ended: float, more: float) -> Load:
        """With so many sequences that would end in a step of 1 ms.

        A sequence finds what is in flight on average (PASTA) and `more`, with itself: 1, but 1 / n
        of replicas that share requests evenly, where others would have come instead, and those
        that come with it (`Swing.mates`). So that by Little's law, with a = `ended`,

            added time  S = a (s1 m + s2)         m = base + root sqrt(B) + S - s1 (1 - more):
            sequences   B = a (m + s1)                of a step without the sequence
            KV tokens   K = a (c1 m + E[c s])     s1, s2: moments of the slope; c1: mean context

        which is exact of one length. Infinite where steps grow faster than they are worked off.
        """
        slope, square = self.slope_ms, self.slope_square
        left = 1.0 - ended * slope
        if left <= 0.0:
            return ENDLESS
        root = sqrt(ended) * self.values.ms_per_root_sequence
        others_ms = slope * (1.0 - more)
        fixed = self.values.base_ms - others_ms + slope + ended * (square - slope**2)
        whole_ms = ((root + sqrt(root**2 + 4.0 * left * max(0.0, fixed))) / (2.0 * left)) ** 2
        mean_ms = max(self.lowest_ms - others_ms, whole_ms - slope)
        each, token = self.values.ms_per_sequence, self.values.ms_per_context_token
        held = each * self.context + token * self.context_square
        return Load(
            ended * (mean_ms + slope),
            ended * (slope * mean_ms + square),
            ended * (self.context * mean_ms + held),
        )

    def added_ms(self, context: float, batch: float) -> float:
        """What one more sequence at `context` adds to a step of `batch` [ms]:

        slope + root / (2 sqrt(B)).
        """
        root = self.values.ms_per_root_sequence / (2.0 * sqrt(max(batch, self.lowest)))
        return slope_ms(self.values, context) + root

    def dispersion(self, load: Load) -> float:
        """Variance of the number in flight over its mean B: 1 / (1 - e), e = d ln itl / d ln B.

        1 were steps as long whatever the batch (M/G/inf: Poisson). They lengthen with it, so that
        numbers return to B more slowly: of a birth-death process whose n sequences end at a rate
        of n / (osl itl(n)), linearized at B. No more than 1 + B, which is a geometric number's,
        where itl grows as the batch does (a shared processor).
        """
        batch, root = load.sequences, self.values.ms_per_root_sequence
        if batch <= 0.0:
            return 1.0
        constant_ms = self.values.base_ms + root * sqrt(batch) / 2.0
        time_ms = constant_ms + load.added_ms + root * sqrt(batch) / 2.0
        faster_ms = max(SHORTEST_MS, self.values.floor_ms) - time_ms
        if faster_ms > 0.0:
            constant_ms, time_ms = constant_ms + faster_ms, time_ms + faster_ms
        return min(1.0 + batch, time_ms / constant_ms) if constant_ms > 0.0 else 1.0 + batch

    def peak(self, load: Load) -> Peak:
        """What a load that swings stays below at the percentile.

        Sequences, what they add to a step and their contexts are compound Poisson sums, wider by
        the factors p of numbers and q of contexts (`Swing`), of each of which a gamma quantile
        Q(mean, variance) is taken:

            sequences  Q(B, B p)
            KV tokens  Q(K, K (c1 p + (c2 / c1 - c1) q))
            itl        base + root sqrt(sequences) + Q(S, S (s1 p + (s2 / s1 - s1) q))

        c1, c2 are moments of the context, s1, s2 of the slope; spread contexts count in c2 and s2.
        That is of moments, as ITL of tokens is. A request finds that and what comes with it
        (`Swing.met`), and adds itself; its ITL is a mean over its residence, of less variance
        (`averaged`). Memory has room for it at `ROOMY` at least.
        """
        if load == ENDLESS:
            return Peak(inf, inf, inf)
        wider = self.dispersion(load)
        moment = self.swing.factors(wider, load.dispersion)
        if self.itl_of is ItlOf.TOKEN:
            return self._peak(load, moment, moment, 0.0, self.swing.percentile)
        mean = replace(
            moment,
            numbers=moment.numbers * averaged(wider),
            contexts=moment.contexts * averaged(moment.contexts),
            uneven=0.0,
        )
        roomy = max(ROOMY, self.swing.percentile)
        return self._peak(self._seen(load), moment, mean, self.swing.own, roomy)

    def _peak(self, load: Load, moment: Factors, itl: Factors, own: float, roomy: float) -> Peak:
        """Beside `own` sequences more; `roomy` is the percentile of the KV tokens."""
        sequences = self._quantile(load.sequences, 1.0, 1.0, moment)
        held = self._quantile(load.kv_tokens, self.context, self.context_square, moment, roomy)
        itl_ms, root_ms = self.values.base_ms, self.values.ms_per_root_sequence
        if root_ms > 0.0:
            itl_ms += root_ms * sqrt(own + self._quantile(load.sequences, 1.0, 1.0, itl))
        if self.slope_ms > 0.0:
            itl_ms += own * self.slope_ms
            itl_ms += self._quantile(load.added_ms, self.slope_ms, self.slope_square, itl)
        return Peak(own + sequences, max(itl_ms, self.lowest_ms), own * self.context + held)

    def _seen(self, load: Load) -> Load:
        """What a request meets, at the mean."""
        mates = self.swing.met(load.dispersion)
        return replace(
            load,
            sequences=load.sequences + mates,
            added_ms=load.added_ms + mates * self.slope_ms,
            kv_tokens=load.kv_tokens + mates * self.context,
        )

    def _quantile(
        self, mean: float, first: float, second: float, of: Factors, percentile: float | None = None
    ) -> float:
        """Of a sum over the sequences of something with these moments."""
        spread = second / first - first
        variance = mean * (first * of.numbers + spread * of.contexts) + first**2 * of.uneven
        return gamma_quantile(mean, variance, percentile or self.swing.percentile)


def decode_coefficients(engine: Engine) -> DecodeCoefficients:
    """Those of `engine`. Raises ValueError where it has none (and no given capacity)."""
    if engine.decode is None:
        raise ValueError(f"engine {engine.name} has neither decode coefficients nor a capacity")
    return engine.decode


def lowest_batch(setting: Setting) -> float:
    """Smallest batch that a step time is taken for.

    A step holds one sequence at least, and none below the measured batches is taken as faster.
    """
    span = setting.engine.batch_range
    return max(1.0, span.low) if span is not None and not setting.allow_extrapolation else 1.0


def beyond(setting: Setting) -> bool:
    """Whether steps may be larger than measured: it is allowed, or `max_sequences` says so."""
    return setting.allow_extrapolation or setting.engine.decodes_beyond


def measured_kv_tokens(setting: Setting) -> float:
    """Most KV tokens of a step that was measured; infinite where memory or nothing limits them."""
    engine = setting.engine
    if engine.kv_tokens_range is None or engine.kv_tokens is not None or beyond(setting):
        return inf
    return engine.kv_tokens_range.high


def bounds(setting: Setting) -> dict[Limit, float]:
    """What a step may hold: sequences, and KV tokens."""
    engine = setting.engine
    found = {Limit.RANGE: MOST_SEQUENCES}
    if engine.batch_range is not None and not beyond(setting):
        found[Limit.RANGE] = min(MOST_SEQUENCES, engine.batch_range.high)
    if engine.kv_tokens is not None:
        found[Limit.KV_MEMORY] = float(engine.kv_tokens)
    if engine.max_sequences is not None:
        found[Limit.MAX_SEQUENCES] = float(engine.max_sequences)
    return found


def used(setting: Setting, peak: Peak) -> dict[Limit, float]:
    """Of each limit the part that a step uses; more than 1 breaks it."""
    found = {Limit.ITL: peak.itl_ms / setting.slo.itl_ms}
    for limit, bound in bounds(setting).items():
        taken = peak.kv_tokens if limit is Limit.KV_MEMORY else peak.sequences
        found[limit] = taken / bound
    if (most := measured_kv_tokens(setting)) < inf:
        found[Limit.RANGE] = max(found[Limit.RANGE], peak.kv_tokens / most)
    return found


def steady_batch(setting: Setting, steps: DecodeSteps) -> float:
    """Sequences that a decode step can hold, did their number never swing."""
    within = batch_within(steps.values, steps.context, setting.slo.itl_ms)
    held = [
        bound / steps.context if limit is Limit.KV_MEMORY else bound
        for limit, bound in bounds(setting).items()
    ]
    return min(within, measured_kv_tokens(setting) / steps.context, *held)


def uses(setting: Setting, steps: DecodeSteps, limit: Limit, batch: float) -> list[float]:
    """[class] what the decoding of a request uses of what `limit` is about.

    ITL: osl * what it adds to a step; KV memory: osl * context; KV transfer: moved tokens;
    sequences and measured ranges: osl.
    """
    match limit:
        case Limit.KV_TRANSFER:
            return [setting.moved_tokens(shape) for shape in setting.mix]
        case Limit.KV_MEMORY:
            return [shape.osl * shape.decode_context for shape in setting.mix]
        case Limit.ITL | Limit.TTFT:
            return [
                shape.osl * steps.added_ms(shape.decode_context, batch) for shape in setting.mix
            ]
        case _:
            return [shape.osl for shape in setting.mix]
