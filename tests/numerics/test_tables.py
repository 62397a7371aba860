"""Arrays as one pointer, against the same arrays in Python."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from heteroplan.numerics import tables

ITEM = np.dtype([("name", "i8"), ("share", "f8"), ("small", "i1")], align=True)
SHAPES = {"items": (ITEM, 1), "grid": (ITEM, 2), "cube": (np.float64, 3), "few": (np.int64, 2)}


@dataclass(frozen=True)
class Shelf:
    items: NDArray[Any]
    grid: NDArray[Any]
    cube: NDArray[np.float64]
    few: NDArray[np.int64]
    block: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        arrays = {name: getattr(self, name) for name in SHAPES}
        object.__setattr__(self, "block", tables.addresses(arrays, SHAPES))

    @property
    def pointer(self) -> int:
        return int(self.block.ctypes.data)


tables.register(Shelf, SHAPES, Path(__file__).parent)


def shelf() -> Shelf:
    numbers = np.arange(60.0).reshape(3, 4, 5)
    grid = np.zeros((2, 3), ITEM)
    grid["name"] = [[1, 2, 3], [4, 5, 6]]
    return Shelf(np.zeros(7, ITEM), grid, numbers, np.arange(6).reshape(2, 3))


@njit
def _fill(shelf: Any, scale: float) -> int:
    for place in range(len(shelf.items)):
        item = shelf.items[place]
        item.name, item.share, item.small = place, scale * place, -place
    for one in range(3):
        for two in range(4):
            for three in range(5):
                shelf.cube[one, two, three] += 1000 * one + 100 * two + 10 * three
    shelf.few[1, 2] = shelf.few[0, 1] + len(shelf.grid)
    shelf.grid[1, 0].share = shelf.grid[0, 2].name
    return int(shelf.grid[1, 2].name)


def test_reads_and_writes_are_those_of_the_arrays() -> None:
    made = shelf()
    wanted = made.cube + np.add.outer(
        np.add.outer(1000.0 * np.arange(3), 100.0 * np.arange(4)), 10.0 * np.arange(5)
    )
    assert _fill(made, 0.5) == 6
    assert made.items["name"].tolist() == list(range(7))
    assert made.items["share"].tolist() == [0.5 * place for place in range(7)]
    assert made.items["small"].tolist() == [-place for place in range(7)]
    assert np.array_equal(made.cube, wanted)
    assert made.few.tolist() == [[0, 1, 2], [3, 4, 3]]
    assert made.grid["share"].tolist() == [[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]


def test_a_larger_array_takes_the_place_of_one() -> None:
    made = replace(shelf(), items=np.zeros(9, ITEM))
    _fill(made, 1.0)
    assert made.items["share"].tolist() == list(range(9))


@pytest.mark.parametrize(
    "wrong", [np.zeros(7), np.zeros((7, 1), ITEM), np.zeros(14, ITEM)[::2]], ids=str
)
def test_other_arrays_are_refused(wrong: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="items: "):
        replace(shelf(), items=wrong)
