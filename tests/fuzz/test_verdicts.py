"""What the campaign calls wrong, on commands that ended by hand."""

from dataclasses import replace
from random import Random

import pytest

from tests.fuzz import seeds, trees
from tests.fuzz.cases import Case, case, ground
from tests.fuzz.faults import NONE
from tests.fuzz.running import GIB, Ended
from tests.fuzz.seeds import Start
from tests.fuzz.verdicts import faults_of

START = Start(
    "demand", ("demand", "t.csv", "--out", "a.csv", "--out", "b.html"), {"t.csv": b"x"},
    outputs=("a.csv", "b.html"),
)  # fmt: skip
CASE = Case(1, START, START.args, START.files, NONE, ("a change",), frozenset({0, 2}))
FINE = Ended(0, b"fine\n", b"", {"t.csv": b"x", "a.csv": b"", "b.html": b""}, 1.0, 2**20, False)
REFUSED = Ended(2, b"", b"Error: no\n", {"t.csv": b"x"}, 1.0, 2**20, False)


def verdicts(ended: Ended, of: Case = CASE) -> list[str]:
    return [fault.verdict for fault in faults_of(of, ended)]


def exported(text: str, form: str) -> list[str]:
    args = ("export", "plan.json", "--format", form)
    made = replace(CASE, start=Start("export", args, {}), args=args, files={})
    return verdicts(replace(FINE, out=text.encode(), files={}), made)


def test_what_is_right() -> None:
    assert verdicts(FINE) == []
    assert verdicts(REFUSED) == []
    assert verdicts(replace(FINE, out="é \N{WHITE SMILING FACE}\tx\n".encode())) == []


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"code": 1}, "exit code"),
        ({"code": 120}, "exit code"),
        ({"code": -11}, "exit code"),
        ({"code": 70}, "traceback"),
        ({"err": b"Traceback (most recent call last):\n"}, "traceback"),
        ({"cpu_s": 21.0}, "over 20 s"),
        ({"hung": True, "code": -9}, "over 20 s"),
        ({"peak_bytes": GIB + 1}, "over 1 GiB"),
        ({"code": 70, "err": b"MemoryError\n"}, "over 1 GiB"),
        ({"err": b"a\x1b[31m\n"}, "control character"),
        ({"out": b"a\rb\n"}, "control character"),
        ({"out": "a\u2028b\n".encode()}, "control character"),
        ({"err": "\u202ea\n".encode()}, "control character"),
        ({"out": "a\x9bb\n".encode()}, "control character"),
        ({"err": b"a\n::error file=x::b\n"}, "command line"),
        ({"files": {**FINE.files, ".a.csv.x1.tmp": b""}}, "left behind"),
        ({"files": {**FINE.files, "t.csv": b"y"}}, "left behind"),
        ({"files": {"t.csv": b"x", "a.csv": b""}}, "half written"),
        ({"files": {"t.csv": b"x"}}, "half written"),
        ({"files": {**FINE.files, "b.html": b"<script>alert(1)</script>"}}, "export"),
        ({"err": b"/x/heteroplan/a.py:7: RuntimeWarning: overflow\n"}, "Python warning"),
    ],
)
def test_what_is_wrong(changes: dict[str, object], verdict: str) -> None:
    assert verdicts(replace(FINE, **changes)) == [verdict]  # type: ignore[arg-type]


def test_documents_hold_what_we_write() -> None:
    head = "# Plan\nCRON_TZ=UTC\n\n0 8 * * 1 kubectl scale deployment/a --replicas=2\n"
    assert exported(head, "crontab") == []
    assert exported(head + "* * * * * evil\n", "crontab") == ["export"]
    ours = "---\napiVersion: v1\nkind: ScaledObject\nmetadata: {}\nspec: {}\n"
    assert exported(ours, "keda") == []
    assert exported(ours + "---\nevil: true\n", "keda") == ["export"]
    assert exported('{"a": 1}', "json") == []
    assert exported('{"a": NaN}', "json") == ["export"]
    assert exported("a,b\n-1,x\n", "csv") == []
    assert exported("a,b\n=1+1,x\n", "csv") == ["export"]
    assert exported("a,b\n1\n", "csv") == ["export"]


def test_a_case_is_the_same_each_time_and_others_differ() -> None:
    made = {"small": {"plan.json": b'{"a": [1, 2]}'}, "profile": {"made.yaml": b"a: 1"},
            "parquet": {"azure.parquet": b"PAR1"}, "bombs": {"zeros": b"", "blanks": b"",
                                                             "npz": b""}}  # fmt: skip
    of, again = ground(made), ground(made)
    first = [case(1, number, of) for number in range(200)]
    assert first == [case(1, number, again) for number in range(200)]
    assert len({(each.args, *each.files.items(), str(each.faults)) for each in first}) > 150
    assert len({each.start.command for each in first}) >= 6


def test_a_key_that_stands_twice_is_written_twice() -> None:
    root = seeds.parsed(b"{a: 1, b: {c: [2, x]}}", "yaml")
    root.append(root[0])
    assert trees.written(root, Random(1)).count('"a": 1') == 2
    assert seeds.parsed(trees.written(root, Random(1)).encode(), "yaml") == root[:2]
