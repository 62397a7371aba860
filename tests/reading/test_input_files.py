import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown


def test_a_path_inside_the_working_directory_is_shown_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / ".." / "b.yaml") == "b.yaml"
    assert shown(Path("/elsewhere/b.yaml")) == "/elsewhere/b.yaml"


def test_text_loses_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfname: x")
    assert Files().text(tmp_path / "f") == "name: x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: é".encode("utf-16"), r"not UTF-8 text \(byte 0\); save it as UTF-8"),
        (b"x" * 101, "larger than 0 MiB; split or shorten it"),
    ],
)
def test_content_that_is_no_text_of_bounded_size_is_refused(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(UnreadableError, match=message):
        Files().text(tmp_path / "f", max_bytes=100)


def test_what_is_no_readable_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnreadableError, match="no such file"):
        Files().text(tmp_path / "absent")
    with pytest.raises(UnreadableError, match="a folder; name a file"):
        Files().text(tmp_path)
    with pytest.raises(UnreadableError, match="not a path"):
        Files().text(tmp_path / "nul\0")
    with pytest.raises(UnreadableError, match="cannot be read: File name too long"):
        Files().text(tmp_path / ("x" * 300))

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(UnreadableError, match="cannot be read: Permission denied"):
        Files().text(tmp_path / "secret")


def test_what_has_no_end_is_not_counted_in() -> None:
    with pytest.raises(UnreadableError, match="cannot be read: a device or a pipe; name a file"):
        Files().mark(Path("/dev/zero"))


def test_a_failed_file_fails_again_without_being_read_again(tmp_path: Path) -> None:
    """It is created between the two readings, and the first answer stands."""
    one = Files()
    with pytest.raises(UnreadableError):
        one.text(tmp_path / "f")
    (tmp_path / "f").write_text("late")
    with pytest.raises(UnreadableError):
        one.text(tmp_path / "f")


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"name: x")))
    one = Files()
    assert one.text(STDIN) == one.text(STDIN) == "name: x"


def test_the_hash_covers_bytes_order_and_options(tmp_path: Path) -> None:
    (tmp_path / "ab").write_bytes(b"ab")
    (tmp_path / "c").write_bytes(b"c")
    (tmp_path / "abc").write_bytes(b"abc")

    def sha256(*names: str, options: tuple[str, ...] = ()) -> str:
        one = Files()
        for name in names:
            one.content(tmp_path / name)
        return one.sha256(options)

    assert sha256("ab", "c") == sha256("ab", "c", "ab")
    differing = [
        sha256("ab", "c"),
        sha256("c", "ab"),
        sha256("abc"),
        sha256("ab", "c", options=("x=1",)),
        sha256("ab", options=("c",)) + " is that of the file c",
    ]
    assert len(set(differing)) == len(differing)
