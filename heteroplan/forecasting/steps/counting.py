"""One pass over requests: what each step and each shape of request holds, in compiled loops."""

from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled
from heteroplan.numerics.tolerances import ROUNDING

type _Floats = NDArray[np.float64]
type _Ints = NDArray[np.int64]

REQUESTS, WITH_LENGTHS, INPUT, OUTPUT, CACHED = range(5)
"""What a step counts: requests, those whose lengths are known, and the tokens of these."""
COUNTS = 5

PER_OCTAVE = 4
"""Cells that lengths share between a number of tokens and twice it."""
INPUT_CELLS, OUTPUT_CELLS = 22 * PER_OCTAVE, 18 * PER_OCTAVE
"""The last one holds longer requests too."""
COUNT, COMPUTED, OSL, COMPUTED2, CROSS, OSL2, INPUT_TOKENS = range(7)
"""Sums of a cell: requests, computed tokens (those of the prompt that no prefix cache holds), osl,
squares of computed tokens, isl * osl, osl^2, isl."""
SUMS = 7
HOURS = 168
"""Of the week, from Monday 00:00 local."""
_TABLE_BITS = 16


def cell_table() -> _Ints:
    """The cell of each length below 2^16; longer ones are looked up by their upper bits."""
    lengths = np.maximum(1, np.arange(2**_TABLE_BITS))
    return np.floor(PER_OCTAVE * np.log2(lengths) + ROUNDING).astype(np.int64)


def cell_begin(cell: int) -> int:
    """The least length in a cell."""
    octaves = cell // PER_OCTAVE
    if octaves >= _TABLE_BITS:
        return cell_begin(cell - 8 * PER_OCTAVE) << 8
    return ceil(float(2.0 ** (cell / PER_OCTAVE)) - ROUNDING)


@compiled
def _cell(tokens: int, table: _Ints, cells: int) -> int:
    base = 0
    while tokens >= 65536:
        tokens >>= 8
        base += 8 * 4
    cell: int = min(base + table[tokens], cells - 1)
    return cell


class Columns(NamedTuple):
    """Requests, an entry each; tokens are below 0 where lengths are not known."""

    arrival_us: _Ints
    input_tokens: _Ints
    output_tokens: _Ints
    cached_tokens: _Ints
    """Empty where not known of any."""


@compiled
def count(
    of: Columns,
    start_us: int,
    step_us: int,
    hours: _Ints,
    table: _Ints,
    steps: _Floats,
    shapes: _Floats,
) -> None:
    """Add requests to `steps` [step, count] and to `shapes` [hour, computed cell, osl cell, sum].

    `hours` has the hour of the week of each step.
    """
    arrival_us, has_cached = of.arrival_us, len(of.cached_tokens) > 0
    step, begin_us, end_us = -1, 0, 0
    for i in range(len(arrival_us)):
        if not begin_us <= arrival_us[i] < end_us:
            step = (arrival_us[i] - start_us) // step_us
            begin_us = start_us + step * step_us
            end_us = begin_us + step_us
        steps[step, 0] += 1.0
        isl, osl = of.input_tokens[i], of.output_tokens[i]
        if isl < 0 or osl < 0:
            continue
        cached = max(0, min(of.cached_tokens[i], isl - 1)) if has_cached else 0
        x, y, computed = float(isl), float(osl), float(max(1, isl - cached))
        steps[step, 1] += 1.0
        steps[step, 2] += x
        steps[step, 3] += y
        steps[step, 4] += float(cached)
        sums = shapes[hours[step]]
        i_cell, o_cell = _cell(isl - cached, table, sums.shape[0]), _cell(osl, table, sums.shape[1])
        sums[i_cell, o_cell, 0] += 1.0
        sums[i_cell, o_cell, 1] += computed
        sums[i_cell, o_cell, 2] += y
        sums[i_cell, o_cell, 3] += computed * computed
        sums[i_cell, o_cell, 4] += x * y
        sums[i_cell, o_cell, 5] += y * y
        sums[i_cell, o_cell, 6] += x
