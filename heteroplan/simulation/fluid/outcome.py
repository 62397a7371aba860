"""Sums of a fluid simulation -> what became of the requests, as whole numbers by interval."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from heteroplan.simulation.fluid.answering import ALL, Answers
from heteroplan.simulation.fluid.state import LEAST_WAIT_S, LENGTH_GROWTH, Flow
from heteroplan.simulation.level import Served
from heteroplan.simulation.rate_stream import RateStream
from heteroplan.simulation.requests import Floats, Integers
from heteroplan.simulation.results import Attainment, Percentiles
from heteroplan.units import MS_PER_S


def served(
    flow: Flow,
    stream: RateStream,
    refused: Sequence[Sequence[Mapping[str, float]]],
    percentiles: Sequence[float],
    interval_s: float,
) -> Served:
    """Requests by the interval of arrival, rounded so that sums stay whole."""
    asked = rounded(stream.by_interval(interval_s))
    rejected = Counter(stream.rejected)
    rejected.update(_rejected(stream, refused))
    accepted = int(asked.sum()) - sum(rejected.values()) + sum(stream.rejected.values())
    finished = _finished(flow, asked, accepted)
    cells = flow.cells
    out = cells["out"]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = {
            name: np.nan_to_num(np.clip(cells[name] / out, 0.0, 1.0))
            for name in ("in_ttft", "in_itl", "in_both")
        }
        step = cells["step"] / out
        spread = np.sqrt(np.maximum(0.0, cells["spread"] / out - step**2))
        own = cells["after"] / out
    kept = {name: np.rint(finished * value).astype(np.int64) for name, value in share.items()}
    done, total = int(finished.sum()), int(asked.sum()) + sum(stream.rejected.values())
    answers = Answers.of(flow, own)
    shares = np.repeat(np.asarray(percentiles, np.float64), cells.shape[1])
    ttft = [
        answers.by_cell(at).reshape(out.shape) * MS_PER_S
        for at in (np.full(len(shares), 0.5), shares)
    ]
    return Served(
        requests=asked,
        finished=finished,
        attained_ttft=kept["in_ttft"],
        attained_itl=kept["in_itl"],
        attained_both=kept["in_both"],
        ttft_p50_ms=ttft[0],
        ttft_percentile_ms=ttft[1],
        itl_p50_ms=step * MS_PER_S,
        itl_percentile_ms=_normal_percentile(step, spread, np.asarray(percentiles)) * MS_PER_S,
        attainment=Attainment(
            ttft=kept["in_ttft"].sum() / done if done else float("nan"),
            itl=kept["in_itl"].sum() / done if done else float("nan"),
            both=kept["in_both"].sum() / total if total else float("nan"),
        ),
        ttft_ms=answers.of_all(),
        itl_ms=_itl(step.ravel(), spread.ravel(), out.ravel()),
        e2e_ms=_percentiles_of(flow.ends.sum(axis=0), LENGTH_GROWTH),
        rejected=dict(rejected),
        unfinished=accepted - done,
        table=None,
    )


def rounded(amounts: Floats) -> Integers:
    """[W, interval] whole numbers whose sums from the first interval on are off by half at most."""
    sums = np.rint(np.cumsum(amounts, axis=1)).astype(np.int64)
    return np.diff(sums, axis=1, prepend=0)


def _rejected(
    stream: RateStream, refused: Sequence[Sequence[Mapping[str, float]]]
) -> dict[str, int]:
    found: dict[str, float] = {}
    amounts = stream.rps * np.diff(stream.edges_s)
    for workload, kinds in enumerate(refused):
        by_mix = np.bincount(stream.mix[workload], amounts[workload], len(kinds))
        for amount, reasons in zip(by_mix, kinds, strict=True):
            for reason, share in reasons.items():
                found[reason] = found.get(reason, 0.0) + share * amount
    return {reason: round(amount) for reason, amount in found.items() if round(amount) > 0}


def _finished(flow: Flow, asked: Integers, accepted: int) -> Integers:
    """[W, interval] first come, first finished: the last ones to arrive are unfinished."""
    sums = np.cumsum(flow.rates * np.diff(flow.edges), axis=1)
    sums = np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)
    ends_s = np.minimum((np.arange(asked.shape[1]) + 1) * flow.clock[2], flow.edges[-2])
    arrived = np.array([np.interp(ends_s, flow.edges, each) for each in sums])
    left = np.minimum(arrived, flow.workloads["finished"][:, None])
    found = rounded(np.diff(left, axis=1, prepend=0.0))
    found = np.minimum(found, asked)
    excess = int(found.sum()) - accepted
    if excess > 0:
        row, column = np.unravel_index(np.argmax(found), found.shape)
        found[row, column] -= excess
    return found


def _percentiles_of(classes: Floats, growth: float) -> Percentiles:
    """Of amounts in classes [class], the first of which starts at 0."""
    edges_s = np.concatenate([[0.0], LEAST_WAIT_S * growth ** np.arange(len(classes))])
    below = np.concatenate([[0.0], np.cumsum(classes)])
    if below[-1] <= 0.0:
        return Percentiles(*[float("nan")] * 4)
    found = np.interp(np.array(ALL) * below[-1], below, edges_s) * MS_PER_S
    return Percentiles(*(float(each) for each in found))


def _itl(step_s: Floats, spread_s: Floats, amounts: Floats) -> Percentiles:
    """Of all requests: normal in each interval."""
    from scipy.special import ndtri

    parts = ndtri((np.arange(15) + 0.5) / 15.0)
    values = step_s[:, None] + spread_s[:, None] * parts[None, :]
    return _weighted(values.ravel(), np.repeat(amounts, len(parts)))


def _weighted(values_s: Floats, weights: Floats) -> Percentiles:
    some = (weights > 0.0) & np.isfinite(values_s)
    if not some.any():
        return Percentiles(*[float("nan")] * 4)
    values, weights = values_s[some], weights[some]
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - weights[order] / 2.0
    found = np.interp(np.array(ALL) * weights.sum(), below, values[order]) * MS_PER_S
    return Percentiles(*(float(each) for each in found))


def _normal_percentile(mean: Floats, deviation: Floats, percentile: Floats) -> Floats:
    """[W, interval]"""
    from scipy.special import ndtri

    found: Floats = mean + deviation * np.maximum(0.0, ndtri(percentile))[:, None]
    return found
