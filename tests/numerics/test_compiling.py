"""Compiled functions that several processes keep in one folder."""

import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from numba.core.caching import IndexDataCacheFile

from heteroplan.numerics.compiling import LOCK, OneAtATime, compiled, locked

KEPT: Any = IndexDataCacheFile
WRITERS = 4


@compiled
def doubled(number: int) -> int:
    return 2 * number


class Together(IndexDataCacheFile):
    """Of writers that all read the index before one of them writes, unless that takes too long."""

    def __init__(self, folder: Path, barrier: Barrier) -> None:
        super().__init__(str(folder), "function", "stamp")  # type: ignore[no-untyped-call]
        self.barrier = barrier

    def _load_index(self) -> Any:
        found = super()._load_index()  # type: ignore[no-untyped-call]
        try:
            self.barrier.wait()
        except BrokenBarrierError:
            self.barrier.reset()
        return found


def found_after(save: Callable[[Together, int], None], folder: Path, wait_s: float) -> set[Any]:
    """Of the code of keys 0, 1, ... what is found when all have been kept at once."""
    barrier = Barrier(WRITERS, timeout=wait_s)
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(lambda key: save(Together(folder, barrier), key), range(WRITERS)))
    files: Any = KEPT(str(folder), "function", "stamp")
    return {key for key in range(WRITERS) if files.load(key) == f"code of {key}"}


def test_what_several_keep_at_once_is_all_found(tmp_path: Path) -> None:
    def save(files: Together, key: int) -> None:
        OneAtATime(files, tmp_path).save(key, f"code of {key}")

    assert found_after(save, tmp_path, 0.05) == set(range(WRITERS))


def test_without_the_lock_some_of_it_is_lost(tmp_path: Path) -> None:
    """That the test before would find."""

    def save(files: Together, key: int) -> None:
        files.save(key, f"code of {key}")  # type: ignore[no-untyped-call]

    assert len(found_after(save, tmp_path, 600)) <= 1


def test_functions_are_kept_with_it() -> None:
    assert doubled(21) == 42
    kept: Any = getattr(doubled, "_cache", None)
    assert isinstance(kept._cache_file, OneAtATime)
    assert (Path(kept.cache_path) / LOCK).exists()


def test_what_is_kept_is_found_again() -> None:
    """By a second function of the same code, as in another process."""
    assert doubled(1) == 2
    written: Any = doubled
    again: Any = compiled(written.py_func)
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1
    assert not again.stats.cache_misses


def test_nobody_else_has_the_lock_meanwhile(tmp_path: Path) -> None:
    with locked(tmp_path):
        handle = os.open(tmp_path / LOCK, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)


def test_a_folder_that_is_not_there_needs_none(tmp_path: Path) -> None:
    with locked(tmp_path / "none"):
        assert not list(tmp_path.iterdir())
