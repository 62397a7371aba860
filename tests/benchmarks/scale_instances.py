"""Instances of the benchmark of scale, by name, as scenario folders.

quickstart, four-type, ...  a folder of scenarios/
A1, B1, small2, tight_81    of the data beside the repository
A51                         another seed of A1's family, by the generator of that data
seed11                      another seed of A1's family, by `scale_cases`
tight-5x8-70-91             workloads x spines, per cent of the GPUs used, seed, by `scale_cases`
leaf-four-type              four-type, every workload leaf-affine
leaf                        table b of `topology`, leaf-affine
full-1, full-4, full-8      table a of `topology`, by number of spines, 95 % of the fleet used
classes-3x4, classes-1x7,   workloads x request classes of each
classes-7x3
"""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import yaml

from tests.benchmarks import scale_cases
from tests.benchmarks.scale_cases import Shape
from tests.benchmarks.topology_cases import (
    FLEETS,
    FOUR_SPINES,
    FOUR_TYPE,
    Files,
    Spines,
    ten_workloads,
)
from tests.realdata import DATA

SCENARIOS = FOUR_TYPE.parent
GENERATOR = DATA.parent / "prototype" / "write_scenario.py"
"""Of the data."""
FAMILY = Shape(workloads=50, spines=8, types=4, gpus=20000, seed=0)
"""Of A1 to A3."""
TIGHT_GPUS = 400
"""A workload."""
TOPOLOGY_SEED = 3
LEAF_FILL, FULL, CLASSES_FILL = 0.75, 0.95, 0.8
"""Share of what the fleet could serve that is asked for (`topology_cases.Files.filled`)."""
WORKLOADS_WITH_CLASSES = (
    "chat-8b",
    "chat-32b",
    "chat-70b",
    "autocomplete-8b",
    "summary-8b",
    "code-32b",
    "chat-moe",
)
THREE_SPINES: tuple[Spines, ...] = (
    (
        ({"h100": 6, "l40s": 6},),
        ({"h200": 4, "a100": 8},),
        ({"a100": 6, "l40s": 8},),
    ),
)
FEW_GPUS: tuple[Spines, ...] = ((({"h100": 1, "l40s": 1},), ({"a100": 1, "l40s": 1},)),)
GROUPS = {
    "small": ("quickstart", "small1", "small2"),
    "A": ("A1", "A2", "A3"),
    "B": ("B1",),
    "C": ("C1",),
    "seeds": tuple(f"seed{seed}" for seed in range(11, 21)),
    "tight": ("tight_81", "tight_82", "tight_83", "tight_84"),
    "fresh-tight": (
        *("tight-3x4-78-91", "tight-5x8-70-92", "tight-5x4-78-93"),
        *("tight-8x8-78-94", "tight-8x4-70-95", "tight-12x8-78-96"),
    ),
    "leaf": ("leaf", "leaf-four-type"),
    "full": ("full-1", "full-4", "full-8"),
    "classes": ("classes-3x4", "classes-1x7"),
}


def named(words: Sequence[str]) -> list[str]:
    """Names of instances, those of `GROUPS` in place of a group."""
    return [name for word in words for name in GROUPS.get(word, (word,))]


def folder(name: str, into: Path) -> Path:
    """The folder of an instance, made below `into` where there is none.

    Raises ValueError where there is no instance of that name.
    """
    for ready in (SCENARIOS / name, DATA / "scale" / name, into / name):
        if (ready / "scenario.yaml").is_file():
            return ready
    at = into / name
    for pattern, make in _MADE.items():
        if found := re.fullmatch(pattern, name):
            at.mkdir()
            make(at, *map(int, found.groups()))
            return at
    raise ValueError(f"no instance is called {name}")


def _generated(at: Path, seed: int) -> None:
    if not GENERATOR.is_file():
        raise ValueError(f"{at.name}: the generator of its data is not beside the repository")
    shape = (FAMILY.workloads, FAMILY.types, FAMILY.spines, seed)
    command = [sys.executable, "-B", str(GENERATOR), str(at.resolve()), *map(str, shape)]
    subprocess.run(command, check=True, capture_output=True)


def _of_family(at: Path, seed: int) -> None:
    scale_cases.write(scale_cases.make(replace(FAMILY, seed=seed)), at)


def _tight(at: Path, workloads: int, spines: int, used: int, seed: int) -> None:
    gpus = TIGHT_GPUS * workloads
    shape = Shape(workloads, spines, FAMILY.types, gpus, seed, fill=used / 100)
    scale_cases.write(scale_cases.make(shape), at)


def _leaf_four_type(at: Path) -> None:
    document = yaml.safe_load((FOUR_TYPE / "scenario.yaml").read_text(encoding="utf-8"))
    document["fleet"] = str((FOUR_TYPE / document["fleet"]).resolve())
    for each in document["workloads"]:
        files = {key: str(FOUR_TYPE / each[key]) for key in ("profile", "demand")}
        each |= {**files, "affinity": "leaf"}
    (at / "scenario.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def _leaf(at: Path) -> None:
    files, weights = ten_workloads(FOUR_SPINES, intervals=96, seed=TOPOLOGY_SEED)
    files.with_workloads(affinity="leaf").filled(weights, LEAF_FILL).write(at)


def _full(at: Path, spines: int) -> None:
    clusters = FLEETS[f"{spines} spine{'s' if spines > 1 else ''}"]
    files, weights = ten_workloads(clusters, intervals=96, seed=TOPOLOGY_SEED)
    files.filled(weights, FULL).write(at)


def _classes(at: Path, workloads: int, classes: int) -> None:
    clusters = {1: FEW_GPUS, 3: THREE_SPINES}.get(workloads, FOUR_SPINES)
    files, _ = ten_workloads(clusters, intervals=96, seed=TOPOLOGY_SEED)
    divided = _divided(files, WORKLOADS_WITH_CLASSES[:workloads], classes)
    fill = LEAF_FILL if clusters is FOUR_SPINES else CLASSES_FILL
    divided.filled(np.ones(workloads), fill).write(at)


def _divided(files: Files, names: Sequence[str], classes: int) -> Files:
    """Some of the workloads, prompts of each log-normal in as many classes of one share."""
    scenario = deepcopy(files.scenario)
    scenario["workloads"] = [each for each in scenario["workloads"] if each["name"] in names]
    for each in scenario["workloads"]:
        each["classes"] = _of_lengths(each.pop("requests"), classes)
        each["slo"] |= {"ttft_ms": 4000}
    return replace(files, scenario=scenario, rps={name: files.rps[name] for name in names})


def _of_lengths(requests: Mapping[str, Any], classes: int) -> list[dict[str, Any]]:
    """The longer the prompts of a class, the shorter the answers of every other one."""
    middles = [NormalDist().inv_cdf((at + 0.5) / classes) for at in range(classes)]
    return [
        {
            **requests,
            "name": f"c{at}",
            "share": 1 / classes,
            "isl": float(round(requests["isl"] * np.exp(0.8 * middle))),
            "osl": float(round(requests["osl"] * np.exp(0.6 * middle * (-1) ** at))),
        }
        for at, middle in enumerate(middles)
    ]


_MADE: dict[str, Callable[..., None]] = {
    r"A(\d+)": _generated,
    r"seed(\d+)": _of_family,
    r"tight-(\d+)x(\d+)-(\d+)-(\d+)": _tight,
    "leaf-four-type": _leaf_four_type,
    "leaf": _leaf,
    r"full-([148])": _full,
    r"classes-([137])x(\d+)": _classes,
}
"""What makes an instance in a folder, by a pattern of names whose groups are its numbers."""
