"""Capacity planned with classes beside the true mix: `python -m tests.benchmarks.classes`.

By hand; about three minutes. Of each trace with 1, 2, 4, 8 and the default number of classes the
error of a replica's capacity against the same model of every request (i), its own class each
sixteenth of an octave of input tokens, and against an event simulation of the requests (ii).

Left out: SLOs at which a prefill replica is less than 40 % busy or in time at the cap of 95 %, at
which less than 4 sequences decode, or at which an aggregated replica is bound by TTFT and less than
40 % busy with prefill; engines on which some requests do not fit (KV memory, or ITL alone); most of
the aggregated engines (`--every`); simulations of all but some cases (`--simulations`), and of
engines whose TTFT was measured end to end, as there is no mechanism to simulate.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import Engine, RequestClass, Role
from heteroplan.forecasting.request_classes.class_error import Family
from heteroplan.forecasting.request_classes.classes import choose, names, shapes
from tests.benchmarks.classes_cases import (
    Trace,
    azure,
    cases,
    deepseek_r1,
    fleet,
    mooncake,
    told,
)
from tests.benchmarks.markdown import header, percent, row
from tests.profiles.replica_simulation import (
    Floats,
    decode_rps,
    points_of,
    prefill_rps,
    promised_rps,
)

COUNTS = (1, 2, 4, 8)
BUSY, LEAST_BATCH = (0.4, 0.949), 4.0
TRACES: dict[str, Callable[[], Trace]] = {
    "azure": azure,
    "mooncake": mooncake,
    "deepseek_r1": deepseek_r1,
}

type Mix = tuple[RequestClass, ...]


@dataclass(frozen=True)
class Told:
    """A trace in classes."""

    name: str
    mix: Mix
    bound: float
    """Of the error, as demand states it."""


def table(trace: Trace, every: int, simulations: int) -> None:
    """Rows of one trace."""
    truth, choices = trace.every_request(), list(choices_of(trace))
    for role, of_role in fleet(every).items():
        found = [(*case, rps(*case, truth)) for case in cases(role, of_role)]
        sensible = [case for case in found if case[2] > 0 and is_sensible(*case, truth)]
        if not sensible:
            row(trace.name, role, "no sensible SLO", *[""] * 7)
            continue
        rates = np.array([case[2] for case in sensible])
        seen = simulated(sensible, trace, simulations)
        row(trace.name, role, "every request", len(sensible), *[""] * 3, *spread(rates / seen - 1))
        for each in choices:
            given = np.array([rps(engine, slo, each.mix) for engine, slo, _ in sensible])
            row(
                trace.name,
                role,
                each.name,
                len(sensible),
                percent(each.bound),
                *spread(given / rates - 1)[:2],
                *spread(given / seen - 1),
            )


def choices_of(trace: Trace) -> list[Told]:
    """The trace in some numbers of classes."""
    grid = trace.grid()
    family, found = Family(grid.steps, grid.sums), []
    cuts: tuple[int, ...] = ()
    for count in range(1, max(COUNTS) + 1):
        cuts = family.best(count, cuts)
        if count in COUNTS:
            found.append(Told(str(count), told(shapes(grid, cuts)), family.bound(cuts)))
    cuts, bound = choose(grid)
    assert bound is not None
    name = f"default ({'; '.join(names(cuts, 'isl'))})"
    return [*found, Told(name, told(shapes(grid, cuts)), bound)]


def rps(engine: Engine, slo: Slo, mix: Mix) -> float:
    """Of the mix, by the model."""
    return promised_rps(mix, points_of(engine, mix, slo))


def is_sensible(engine: Engine, slo: Slo, rate_rps: float, truth: Mix) -> bool:
    """As the head of this module says."""
    point = points_of(engine, truth, slo)[0]
    busy = point.utilization or 0.0
    if engine.role is Role.PREFILL:
        return BUSY[0] <= busy <= BUSY[1]
    if (point.batch or 0.0) < LEAST_BATCH:
        return False
    if engine.role is Role.DECODE or busy >= BUSY[0]:
        return True
    return rate_rps >= 0.999 * rps(engine, replace(slo, ttft_ms=1e7), truth)


def simulated(
    sensible: Sequence[tuple[Engine, Slo, float]], trace: Trace, simulations: int
) -> Floats:
    """[case] rates of some of them, nan of the others."""
    seen = np.full(len(sensible), nan)
    known = [at for at, (engine, _, _) in enumerate(sensible) if engine.ttft is None]
    known += [
        at
        for at, (engine, _, _) in enumerate(sensible)
        if engine.ttft is not None and engine.role is not Role.AGGREGATED
    ]
    for at in known[:: max(1, -(-len(known) // simulations))]:
        engine, slo, near = sensible[at]
        if engine.role is Role.PREFILL:
            seen[at] = prefill_rps(engine, trace.isl, slo)
        else:
            mixed = engine.role is Role.AGGREGATED
            seen[at] = decode_rps(engine, trace.isl, trace.osl, slo, near, prefills=mixed)
    return seen


def spread(errors: Floats) -> tuple[str, str, str]:
    """Median and worst of the absolute errors, and the range of the errors."""
    known = errors[np.isfinite(errors)]
    if not len(known):
        return "", "", ""
    size = np.abs(known)
    ends = f"{known.min():+.3f} to {known.max():+.3f}"
    return percent(float(np.median(size))), percent(float(size.max())), ends


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--every", type=int, default=27, help="of the aggregated engines")
    options.add_argument("--simulations", type=int, default=12, help="of each trace and role")
    options.add_argument("--traces", nargs="*", default=list(TRACES))
    given = options.parse_args()
    header(
        "Capacity with classes",
        "Relative errors over engines and SLOs: (i) against the same model of every request, (ii) "
        "against simulations of some of them.",
        (
            "trace",
            "role",
            "classes",
            "cases",
            "bound",
            "(i) median",
            "(i) worst",
            "(ii) median",
            "(ii) worst",
            "(ii) range",
        ),
    )
    for name in given.traces:
        table(TRACES[name](), given.every, given.simulations)
