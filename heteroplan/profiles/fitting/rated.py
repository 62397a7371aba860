"""Capacities that a tool states by request shape -> that of the shape asked for."""

from bisect import bisect_left
from collections.abc import Sequence
from math import inf

from heteroplan.entities.workload import Engine, Role, Source, SourceKind
from heteroplan.profiles.fitting.fitted import Fitted
from heteroplan.profiles.measurement import Rated


def rated_engine(rated: Sequence[Rated], isl: float, osl: float) -> Fitted:
    """An aggregated engine with a given capacity for requests of `isl` and `osl` tokens.

    The time that a request keeps a replica busy, 1 / rate, is interpolated linearly in both
    lengths. Raises ValueError where the shape lies outside the grid, or beside one that misses the
    SLO at any rate.
    """
    from scipy.interpolate import RegularGridInterpolator

    first = rated[0]
    inputs = sorted({each.isl for each in rated})
    outputs = sorted({each.osl for each in rated})
    rates = {(each.isl, each.osl): each.capacity_rps for each in rated}
    engine = f"{first.gpu} x{first.gpus}"
    if not (inputs[0] <= isl <= inputs[-1] and outputs[0] <= osl <= outputs[-1]):
        raise ValueError(
            f"{engine} is rated for {inputs[0]:g}-{inputs[-1]:g} tokens in and "
            f"{outputs[0]:g}-{outputs[-1]:g} out, not {isl:g} and {osl:g}"
        )
    around = [rates.get((i, o), 0.0) for i in _around(inputs, isl) for o in _around(outputs, osl)]
    if min(around) <= 0.0:
        raise ValueError(f"{engine} misses its SLO at {isl:g} tokens in and {osl:g} out, or nearby")
    busy_s = [[1.0 / (rates.get((i, o)) or inf) for o in outputs] for i in inputs]
    at_s = RegularGridInterpolator((inputs, outputs), busy_s)((isl, osl))
    made = Engine(
        name="",
        role=Role.AGGREGATED,
        gpu=first.gpu,
        gpus=first.gpus,
        source=Source(SourceKind.INTERPOLATED, points=len(rated)),
        capacity_rps=1.0 / float(at_s),
    )
    return Fitted(made, ())


def _around(grid: Sequence[float], value: float) -> list[float]:
    """The points of an ascending grid between which `value` lies, or the one that it is."""
    above = bisect_left(grid, value)
    return [grid[above]] if grid[above] == value else [grid[above - 1], grid[above]]
