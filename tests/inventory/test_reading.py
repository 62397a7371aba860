"""Opening sources of a fleet, and telling which format each is of."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.inventory.formats import FORMATS
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from heteroplan.inventory.reading import open_source, read_sources
from tests.formats import add_format


class Lines:
    """A format made up for these tests: a first line that names it, then a node a line."""

    def __init__(self, name: str, *first: str) -> None:
        self.name = name
        self.first = first

    def fits(self, file: SourceFile) -> bool:
        return file.text.startswith(self.first) if self.first else False

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        _, *names = file.text.split()
        if "bad" in names:
            raise InputError([InputProblem(file.name, 0, "", "bad", "is no node")])
        nodes = tuple(NodeRecord(name=name) for name in names)
        return Contents(format=self.name, file=file.name, nodes=nodes)


@pytest.fixture(autouse=True)
def formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FORMATS, "modules", {})
    add_format(monkeypatch, FORMATS, "racks", Lines("racks", "racks", "both"))
    add_format(monkeypatch, FORMATS, "cages", Lines("cages", "cages", "both"))
    add_format(monkeypatch, FORMATS, "table", Lines("table"))


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, most_bytes: int = 1 << 20) -> str:
    with pytest.raises(InputError) as raised:
        open_source(path, most_bytes)
    return str(raised.value)


def test_each_file_is_of_the_format_that_it_fits(tmp_path: Path) -> None:
    files = [written(tmp_path, "a", "cages\nn1\nn2"), written(tmp_path, "b", "racks\nn3")]
    found = read_sources(files)
    assert [each.format for each in found] == ["cages", "racks"]
    assert [[node.name for node in each.nodes] for each in found] == [["n1", "n2"], ["n3"]]
    assert [each.file for each in found] == [str(path) for path in files]


def test_a_format_that_is_named_is_taken(tmp_path: Path) -> None:
    (found,) = read_sources([written(tmp_path, "a", "both\nn1")], "cages")
    assert found.format == "cages"


def test_what_fits_two_formats_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="may be racks or cages: say which with --format racks"):
        read_sources([written(tmp_path, "a", "both\nn1")])


def test_mapped_columns_make_a_table_of_what_nothing_else_fits(tmp_path: Path) -> None:
    options = SourceOptions(columns={"node": "host"})
    files = [written(tmp_path, "a", "host\nn1"), written(tmp_path, "b", "racks\nn1")]
    assert [each.format for each in read_sources(files, None, options)] == ["table", "racks"]


def test_mapped_columns_make_no_table_of_json(tmp_path: Path) -> None:
    options = SourceOptions(columns={"node": "host"})
    with pytest.raises(InputError, match="is of no known format"):
        read_sources([written(tmp_path, "a", '{"host": 1}')], None, options)


def test_an_unknown_file_is_refused_with_the_known_formats(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read_sources([written(tmp_path, "a", "\n some words\n")])
    (problem,) = raised.value.problems
    assert problem.value == "some words"
    assert "Known are racks, cages: say which with --format" in problem.remedy
    assert "--map node=HOST" in problem.remedy


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown inventory format 'rack'; known are racks, cages"):
        read_sources([written(tmp_path, "a", "racks\nn1")], "rack")


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    files = [
        written(tmp_path, "a", "racks\nbad"),
        tmp_path / "absent",
        written(tmp_path, "c", "cages\nn1"),
        written(tmp_path, "d", "cages\nbad"),
    ]
    with pytest.raises(InputError) as raised:
        read_sources(files)
    assert [problem.file for problem in raised.value.problems] == [
        str(tmp_path / name) for name in ("a", "absent", "d")
    ]


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    path = written(tmp_path, "a.gz", gzip.compress(b"racks\nn1"))
    assert open_source(path).text == "racks\nn1"


def test_a_damaged_packed_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(written(tmp_path, "a.gz", gzip.compress(b"racks")[:-6]))


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(gzip.compress(b"racks\nn1")))
    monkeypatch.setattr(sys, "stdin", stdin)
    (found,) = read_sources([Path("-")])
    assert (found.file, found.nodes[0].name) == ("<stdin>", "n1")


def test_standard_input_can_be_named_once() -> None:
    with pytest.raises(UsageError, match="- is named twice"):
        read_sources([Path("-"), Path("-")])


def test_a_byte_order_mark_and_blanks_are_passed_over(tmp_path: Path) -> None:
    assert open_source(written(tmp_path, "a", b"\xef\xbb\xbfracks")).text == "racks"
    assert open_source(written(tmp_path, "b", b'\xef\xbb\xbf\n {"a": 1}')).document == {"a": 1}


@pytest.mark.parametrize("document", [{"a": [1, None]}, [{"a": 1}, 2], {}, []])
def test_json_is_parsed(tmp_path: Path, document: object) -> None:
    assert open_source(written(tmp_path, "a", json.dumps(document))).document == document


def test_a_list_of_hosts_that_begins_with_a_bracket_is_text(tmp_path: Path) -> None:
    file = open_source(written(tmp_path, "a", "[1101-1102]"))
    assert (file.text, file.document) == ("[1101-1102]", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1,\n"b"', "a:2: is no JSON: Expecting ':' delimiter; was it written to the end?"),
        ('{"a": 1}\n{"a": 2}', "a:2: has more than one JSON value; write each to a file of its"),
        ('{"a": ' * 200_000, "is no JSON: maximum recursion depth"),
        ('{"a": 1' + "0" * 5000 + "}", "is no JSON: Exceeds the limit"),
        (r'{"a": "\ud800"}', r"\ud800: is half a character; write the whole one"),
        (b"racks \xff", "is no UTF-8 text"),
        ("", "is empty; name a file with nodes in it"),
        (" \n\t", "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert message in refused(written(tmp_path, "a", content), 1 << 28)


def test_a_pair_of_escapes_is_one_character(tmp_path: Path) -> None:
    file = open_source(written(tmp_path, "a", r'{"a": "\ud83d\ude00"}'))
    assert file.document == {"a": "\N{GRINNING FACE}"}


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in refused(tmp_path)


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a", "racks" * 1000)
    assert len(open_source(path, 10_000).text) == 5000
    assert "takes in memory more than 9.765 KiB" in refused(path, 9_999)


def test_a_small_file_with_many_values_is_refused(tmp_path: Path) -> None:
    """100,000 values take 64 bytes each."""
    path = written(tmp_path, "a", f"[{'0,' * 99_999}0]")
    assert "takes in memory more than 6 MiB" in refused(path, 6 << 20)
    assert open_source(path, 8 << 20).document == [0] * 100_000


def test_a_small_packed_file_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a.gz", gzip.compress(b"x" * (4 << 20)))
    assert "more than 1 MiB" in refused(path, 1 << 20)
