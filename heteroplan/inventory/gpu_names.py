"""Names of GPUs as systems write them -> built-in GPU types, or unknown.

gpu_names.csv has a row for each name and the GPU type that it stands for, with the system that
writes it. A name that ends with * stands for all that begin so (the sizes of an instance family).
Case and the characters `_`, space and `-` make no difference. A name with several rows, or with
`needs_memory`, stands for several boards: it is known where the memory fits exactly one of them.
A name that says model, board and memory itself, such as H100-SXM5-80GB, needs no row.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from heteroplan.inputs.gpu_types import built_in
from heteroplan.inventory.node import NodeRecord

NAMES = Path(__file__).with_name("gpu_names.csv")
MEMORY_TOLERANCE = 0.1
"""Relative difference of memory at which a GPU is another one: ECC takes up to 6.3 %, and
boards of one name differ by 17 % or more (H100 of 80 and 94 GB)."""
_MIB_PER_GIB = 1024
_SHARING = re.compile(r"-(?:shared|mig-.*)$")
_BOARDS = {"pcie": "PCIE", "sxm": "SXM", "oam": "OAM"}
_VENDORS = frozenset({"nvidia", "tesla", "geforce", "amd", "instinct", "intel"})
_MEMORIES = frozenset({"hbm2", "hbm2e", "hbm3", "hbm3e", "gddr6"})


@dataclass(frozen=True, slots=True)
class _Names:
    """gpu_names.csv."""

    exact: Mapping[str, frozenset[str]]
    """GPU types by name."""
    families: Mapping[str, frozenset[str]]
    """GPU types by how names begin."""
    need_memory: frozenset[str]
    """Names that memory must confirm."""


def resolve(written: str, memory_mib: float | None = None) -> str | None:
    """The built-in GPU type that a system calls `written`; None where that is not certain.

    `written` may be a product name, a cloud's accelerator or instance type, a PCI device id or a
    Slurm GRES type. `memory_mib` is the memory of a whole GPU [MiB]: it decides between boards of
    one name, and a name that it contradicts is unknown.
    """
    return _resolve(written, memory_mib)


def of_node(node: NodeRecord) -> str | None:
    """The built-in GPU type of a node: by what its GPUs are called, else by its instance type.

    None where neither is known, or where they contradict each other.
    """
    by_name = resolve(node.gpu, node.gpu_memory_mib) if node.gpu else None
    by_type = resolve(node.instance_type, node.gpu_memory_mib) if node.instance_type else None
    if by_name and by_type and by_name != by_type:
        return None
    return by_name or by_type


@lru_cache(maxsize=4096)
def _resolve(written: str, memory_mib: float | None) -> str | None:
    key = _key(written)
    names = _table()
    found = names.exact.get(key) or _of_family(names, key) or frozenset(_spelled_out(key))
    if memory_mib is not None:
        found = frozenset(gpu for gpu in found if _fits(gpu, memory_mib))
    elif key in names.need_memory:
        return None
    return next(iter(found)) if len(found) == 1 else None


def _key(written: str) -> str:
    plain = re.sub(r"[\s_-]+", "-", written.strip().lower()).strip("-")
    return _SHARING.sub("", plain)


def _of_family(names: _Names, key: str) -> frozenset[str] | None:
    fitting = [prefix for prefix in names.families if key.startswith(prefix)]
    return names.families[max(fitting, key=len)] if fitting else None


def _fits(gpu: str, memory_mib: float) -> bool:
    expected_mib = built_in()[gpu].memory_gib * _MIB_PER_GIB
    return abs(memory_mib - expected_mib) <= MEMORY_TOLERANCE * expected_mib


def _spelled_out(key: str) -> Iterator[str]:
    """Built-in types whose model, board and memory are exactly those in `key`."""
    words = [word for word in key.split("-") if word not in _VENDORS | _MEMORIES]
    wanted = sorted(_word(word) for word in words)
    for name in built_in():
        if wanted == sorted(_word(word) for word in name.lower().split("-")):
            yield name


def _word(word: str) -> str:
    board = re.fullmatch(r"([a-z]+)\d?", word)
    return _BOARDS.get(board[1], word) if board else word


@cache
def _table() -> _Names:
    exact: dict[str, set[str]] = defaultdict(set)
    families: dict[str, set[str]] = defaultdict(set)
    need_memory: set[str] = set()
    with NAMES.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            written = row["written"]
            if written.endswith("*"):
                families[_family_key(written)].add(row["gpu"])
                continue
            exact[_key(written)].add(row["gpu"])
            if row["needs_memory"]:
                need_memory.add(_key(written))
    return _Names(
        {key: frozenset(gpus) for key, gpus in exact.items()},
        {key: frozenset(gpus) for key, gpus in families.items()},
        frozenset(need_memory),
    )


def _family_key(written: str) -> str:
    """How names of the family begin, in the form of `_key`."""
    return re.sub(r"[\s_-]+", "-", written.removesuffix("*").lower())
