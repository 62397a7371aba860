"""What is compiled first, in processes that find nothing compiled before them."""

import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numba import typeof

from heteroplan.optimize.covering.arrays import arrays_of
from heteroplan.optimize.covering.blocks import Block
from heteroplan.planning.first_use import CALLED, compile_search
from tests.optimize.test_blocks_of_all_kinds import random_block

ROOT = Path(__file__).parents[2]
FIRST = """
from heteroplan.planning.first_use import compile_search, is_kept
print(compile_search(), compile_search(), is_kept())
"""
SEARCHES = """
import sys
from heteroplan import inputs
from heteroplan.planning.first_use import CALLED
from heteroplan.planning import make_plan
from tests.optimize.improve.test_two_groups import test_two_groups_divide_what_neither_can_alone
from tests.placement.day_sweep.test_sweep import full_case, scattered_case

node = "workloads.chat-70b.resilience={lose: node, serve: 0.9}"
for overrides, interval in (((), None), ((node,), "4h")):
    loaded = inputs.load("scenarios/quickstart", overrides=overrides, interval=interval)
    make_plan(loaded.scenario, loaded.candidates, gap=0.05)
test_two_groups_divide_what_neither_can_alone()
sys.modules["heteroplan.placement.pack"]._whole = lambda *_: None
full_case(3, cyclic=True).packed()
scattered_case(3600.0).packed()
for each in CALLED:
    print(sum(each.stats.cache_hits.values()), sum(each.stats.cache_misses.values()))
"""


def printed(script: str, folder: Path) -> list[str]:
    """The lines of a process that keeps in `folder` what it compiles."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
def test_searches_compile_nothing_more(tmp_path: Path) -> None:
    """Neither they, which call every loop, nor the processes of their bounds."""
    assert printed(FIRST, tmp_path) == ["True False True"]
    compiled = set(tmp_path.rglob("*.nbc"))
    assert printed(SEARCHES, tmp_path) == ["1 0"] * len(CALLED)
    assert set(tmp_path.rglob("*.nbc")) == compiled


def test_once_is_enough() -> None:
    compile_search()
    assert not compile_search()


def turned(block: Block) -> Block:
    """The same, its arrays column by column and not to be written to."""
    arrays: dict[str, Any] = {}
    for each in fields(block):
        value = getattr(block, each.name)
        if isinstance(value, np.ndarray):
            arrays[each.name] = np.array(value, order="F")
            arrays[each.name].flags.writeable = False
    return replace(block, **arrays)


def test_blocks_of_all_kinds_are_of_one_type() -> None:
    """For another type numba would compile again."""
    types, typed = set(), cast(Any, typeof)
    for seed in range(50):
        block = random_block(seed)
        for each in (block, turned(block)):
            types.add(typed(arrays_of(each, list(range(len(each.low))))))
    assert len(types) == 1
