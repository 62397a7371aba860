"""All cases of a seed, or one of them."""

import argparse
import functools
import gc
import importlib
import json
import multiprocessing
import pkgutil
import resource
import shlex
import sys
import tempfile
from pathlib import Path

import heteroplan
from tests.fuzz import packed
from tests.fuzz.cases import Case, Ground, Made, case, ground
from tests.fuzz.corpus import corpus
from tests.fuzz.report import Failed, report
from tests.fuzz.running import Ended, run
from tests.fuzz.verdicts import faults_of

DESCRIPTION = "Ends with 1 if anything goes wrong."
_LATER = ("numba", "pandas", "pulp", "highspy", "pyarrow.parquet", "pyarrow.csv", "plotille",
          "plotly.graph_objects", "scipy.optimize", "scipy.stats", "rich.table")  # fmt: skip
_grounds: list[Ground] = []
"""Set before the processes of the cases are forked."""


def main() -> int:
    """All cases, or one; the exit code."""
    given = _given()
    _load_all()
    fork = multiprocessing.get_context("fork")
    with fork.Pool(1) as pool:
        made = pool.apply(packed.made, kwds={"all_of_it": not given.corpus})
    if given.corpus:
        return _corpus(made)
    _grounds.append(ground(made))
    gc.freeze()
    if given.only is not None:
        return _only(given.seed, given.only, given.keep)
    numbers = [(given.seed, number) for number in range(given.first, given.first + given.cases)]
    failed = []
    with fork.Pool(given.jobs) as pool:
        for done, each in enumerate(pool.imap_unordered(_tried, numbers, chunksize=10), 1):
            if each is not None:
                failed.append(each)
            if done % 1000 == 0:
                print(f"{done} cases, {len(failed)} went wrong", file=sys.stderr, flush=True)
        pool.close()
        pool.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(report(failed, given.cases, given.seed, used.ru_utime + used.ru_stime))
    return 1 if failed else 0


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=DESCRIPTION)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--corpus", action="store_true", help="what once went wrong, as JSON")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run one case and show it")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the files of that one here")
    return parser.parse_args()


def _load_all() -> None:
    """Every module that a command may import, all commands, and the compiler: no case waits."""
    for module in pkgutil.walk_packages(heteroplan.__path__, "heteroplan."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _LATER:
        importlib.import_module(name)
    from numba import njit
    from typer import main as typer

    from heteroplan.cli.app import app
    from heteroplan.cli.options import begin

    njit(lambda x: x)(1)
    typer.get_command = functools.cache(typer.get_command)
    typer.get_command(app)
    begin()  # or each case would think that its process began with this one


def _tried(which: tuple[int, int]) -> Failed | None:
    found = case(*which, _grounds[0])
    with tempfile.TemporaryDirectory() as folder:
        ended = run(found.args, found.files, Path(folder), found.faults)
    faults = tuple(faults_of(found, ended))
    return Failed(found.number, _told(found), faults) if faults else None


def _corpus(made: Made) -> int:
    """What is wrong with each case of the corpus, as JSON by its name."""
    found = {}
    for name, each in corpus(made).items():
        with tempfile.TemporaryDirectory() as folder:
            ended = run(each.args, each.files, Path(folder), each.faults)
        found[name] = [f"{one.verdict}: {one.detail}" for one in faults_of(each, ended)]
    print(json.dumps(found, indent=1))
    return 1 if any(found.values()) else 0


def _told(of: Case) -> str:
    return f"{shlex.join(of.args)!a:.200} | {'; '.join(of.changes)!a:.300}"


def _only(seed: int, number: int, keep: Path | None) -> int:
    found = case(seed, number, _grounds[0])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) if keep is None else keep
        place.mkdir(parents=True, exist_ok=True)
        ended = run(found.args, found.files, place, found.faults)
    faults = faults_of(found, ended)
    _show(found, ended)
    print("\n".join(f"{each.verdict}: {each.detail}" for each in faults) or "nothing went wrong")
    return 1 if faults else 0


def _show(found: Case, ended: Ended) -> None:
    print(_told(found))
    for name, stream in (("stdout", ended.out), ("stderr", ended.err)):
        lines = stream.decode("utf-8", "backslashreplace").split("\n")
        print(f"-- {name}", *(ascii(line)[1:-1] for line in lines[-60:]), sep="\n")
    print(f"-- code {ended.code}, {ended.cpu_s:.2f} s of CPU, {ended.peak_bytes / 2**20:.0f} MiB")
