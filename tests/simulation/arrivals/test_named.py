"""Whose the files of `--trace` are."""

from pathlib import Path

import pytest

from heteroplan.entities.scenario import Scenario
from heteroplan.errors import UsageError
from heteroplan.simulation.arrivals.named import traces_by_workload
from tests import builders


def of(*names: str) -> Scenario:
    return builders.scenario([builders.workload(name) for name in names])


def test_files_belong_to_the_workload_that_is_named_or_the_only_one() -> None:
    found = traces_by_workload(of("chat", "code"), ["code=a.csv", "chat=b.csv", "code=c=d.csv"])
    assert found == {"code": ["a.csv", "c=d.csv"], "chat": ["b.csv"]}
    assert traces_by_workload(of("chat"), ["a.csv", "chat=b.csv"]) == {"chat": ["a.csv", "b.csv"]}


def test_a_file_may_have_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "day=1.csv"
    path.write_text("")
    assert traces_by_workload(of("chat"), [str(path)]) == {"chat": [str(path)]}


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        (("chat", "code"), "a.csv", "whose is it. write WORKLOAD=FILE; workloads are chat, code"),
        (("chat", "code"), "char=a.csv", "--trace char=...: no such workload; workloads are chat"),
        (("chat",), "char=a.csv", "no such workload; workloads are chat"),
        (("chat",), "chat=", "name a file"),
    ],
)
def test_a_file_of_no_workload_is_refused(names: tuple[str, ...], given: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        traces_by_workload(of(*names), [given])
