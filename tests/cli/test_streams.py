"""Standard streams that are closed or full, and what may go to them."""

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from heteroplan.cli.streams import (
    deliver,
    delivering,
    emit,
    emit_lines,
    say,
    show,
    writing_stdout,
)
from heteroplan.errors import UsageError
from tests.cli.conftest import COMMAND, Run
from tests.scenario_files import ScenarioFiles

CLOSED = "standard output: cannot be written: it is closed"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("plan --help >&-", CLOSED),
        ("schema plan >/dev/full", "standard output: cannot be written: No space left"),
        ("validate gone 2>/dev/full", ""),
        ("plan . --gap x 2>&-", ""),
    ],
)
def test_a_closed_or_full_stream_ends_with_2(tmp_path: Path, command: str, told: str) -> None:
    """A message where it can be told, and nothing that fails as the process ends."""
    done = in_bash(command, tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == (1 if told else 0)


def test_long_lines_are_broken_between_words_on_a_terminal_alone(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "**a heading**\n\n- one two three four\n"
    emit_lines(text)
    assert capfd.readouterr().out == text
    monkeypatch.setattr(
        "heteroplan.outputs.shared.terminal.make_console",
        lambda: Console(force_terminal=True, width=12),
    )
    emit_lines(text)
    assert capfd.readouterr().out == "**a\nheading**\n\n- one two\nthree four\n"


def test_help_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    done = in_bash("--help | true; exit ${PIPESTATUS[0]}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def in_bash(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", f'"$0" -m heteroplan {command}', COMMAND[0]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command", ["validate -", "check -", "plan -", "explain -", "export - --format csv", "demand -"]
)
def test_a_closed_standard_input_is_told(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    ended = run(*command.split())
    sys.stdin.close()
    assert ended.code == 2
    assert "<stdin>: cannot be read: it is closed" in ended.out + ended.err


@pytest.mark.parametrize(
    "command",
    ["validate .", "check .", "plan .", "plan . --json", "demand demand.csv", "--version"],
)
def test_a_closed_standard_output_is_told(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with monkeypatch.context() as inner:
        inner.setattr(sys, "stdout", None)
        ended = run(*command.split())
        sys.stdout.close()
    assert (ended.code, ended.err) == (2, f"Error: {CLOSED}\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [("check .", 0), ("check . --set workloads[0].headroom=1000%", 1), ("check gone", 2)],
)
def test_an_unwritable_standard_error_changes_no_exit_code(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch, command: str, code: int
) -> None:
    with open("/dev/full", "w") as full, monkeypatch.context() as inner:  # noqa: PTH123
        inner.setattr(sys, "stderr", full)
        inner.setattr(sys, "__stderr__", full)
        assert run(*command.split()).code == code


def test_no_file_gets_the_number_of_a_closed_stream(files: ScenarioFiles) -> None:
    """Else what a C library writes to standard output would stand in plan.json."""
    done = in_bash("plan . --out made <&- >&-", files.folder)
    assert (done.returncode, CLOSED in done.stderr) == (2, True)
    assert Path("made/plan.json").read_text(encoding="utf-8").startswith("{\n")


def test_closed_streams_take_each_its_own_number(tmp_path: Path) -> None:
    """0 to write to and 1 to read from, so that nothing that uses them by number succeeds."""
    code = (
        "import os\nfrom heteroplan.cli import streams\nstreams.stand_in()\n"
        "found = [stream.fileno() for stream in (streams.sys.stdin, streams.sys.stdout)]\n"
        "for use in (lambda: os.read(0, 1), lambda: os.write(1, b'x')):\n"
        "    try: use()\n"
        "    except OSError as error: found.append(error.errno)\n"
        "os.write(2, repr(found).encode())\n"
    )
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" <&- >&-', sys.executable, code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == f"[0, 1, {errno.EBADF}, {errno.EBADF}]"


def test_standard_error_keeps_its_encoding_and_is_written_line_by_line() -> None:
    """What the encoding lacks is escaped; a line is there although the process is cut off."""
    code = (
        "import os, sys\nfrom heteroplan.cli import streams\nstreams.stand_in()\n"
        "print('\u00e9\u6f22', file=sys.stderr)\nos._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        check=True,
    )
    assert done.stderr == b"\xe9\\u6f22\n"


class Stuck(io.RawIOBase):
    """Takes nothing, for a reason, and has a number of its own."""

    def __init__(self, reason: int, number: int) -> None:
        self._reason, self._number = reason, number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, data: object, /) -> int:
        raise OSError(self._reason, os.strerror(self._reason))


@pytest.fixture
def number(tmp_path: Path) -> Iterator[int]:
    """Of an open file."""
    found = os.open(tmp_path / "open", os.O_WRONLY | os.O_CREAT)
    yield found
    os.close(found)


def emit_to(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as inner:
        stream = io.TextIOWrapper(io.BufferedWriter(stuck), encoding="utf-8")
        inner.setattr(sys, "stdout", stream)
        try:
            emit("x")
        finally:
            stuck.write = len  # type: ignore[assignment]
            stream.close()


@pytest.mark.parametrize(
    "reason",
    [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF],
    ids=errno.errorcode.get,
)
def test_an_output_that_takes_nothing_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, number: int, reason: int
) -> None:
    """A full disk, a quota, a limit of a file's size, a device and a closed one."""
    with pytest.raises(UsageError) as told:
        emit_to(Stuck(reason, number), monkeypatch)
    assert str(told.value) == f"standard output: cannot be written: {os.strerror(reason)}"
    assert os.path.samestat(os.fstat(number), Path(os.devnull).stat())


def test_an_output_that_nobody_reads_is_silent(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    emit_to(Stuck(errno.EPIPE, number), monkeypatch)
    assert os.path.samestat(os.fstat(number), Path(os.devnull).stat())


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, "no"), FileNotFoundError(errno.EPIPE, "no", "a.csv")]
)
def test_errors_of_files_are_none_of_standard_output(error: OSError) -> None:
    with pytest.raises(OSError, match="no") as caught, writing_stdout():
        raise error
    assert caught.value is error


def test_what_is_shown_goes_to_standard_output_after_what_was_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    print("first")
    show(lambda console: console.print("second"))
    emit("third\n")
    assert capfd.readouterr() == ("first\nsecond\nthird\n", "")


def test_a_character_that_the_terminal_lacks_is_replaced_and_lines_keep_their_order() -> None:
    code = (
        "from heteroplan.cli.streams import show\nprint('first')\n"
        "show(lambda to: to.print('\u00e9\u6f22'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        check=True,
    )
    assert done.stdout == b"first\n\xe9?\n"


@pytest.mark.parametrize("out", [None, "-"])
def test_without_a_file_a_text_goes_to_standard_output(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    out: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    deliver("é\n", out)
    assert capfd.readouterr() == ("é\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_text_goes_to_its_file_alone(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    deliver("é\n", str(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_bytes() == "é\n".encode()
    assert capfd.readouterr() == ("", "")


def test_each_text_goes_where_it_belongs_and_files_last(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """They have no name before the block ends, and none where it fails."""
    one, two = tmp_path / "one", tmp_path / "two"
    texts = {str(one): "1", "-": "out\n", str(two): "2"}
    with delivering(texts):
        print("within")
        assert not one.exists()
    assert (one.read_text(), two.read_text()) == ("1", "2")
    assert capfd.readouterr().out == "out\nwithin\n"
    one.unlink()
    with pytest.raises(ZeroDivisionError), delivering(texts):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [two]


def test_an_empty_name_is_no_file(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"^an empty file name; name a file, or - for standard out"),
        delivering({"-": "out", "": "x"}),
    ):
        pass
    assert capfd.readouterr() == ("", "")


def test_half_characters_are_written_escaped(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    emit("a\udcffé\n")
    assert capfdbinary.readouterr().out == "a\\udcffé\n".encode()


def test_a_note_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(["a\x1b[2J\n::error::x", "b"])
    assert capsys.readouterr().err == "a\\x1b[2J\\n\\x3a:error\\x3a:x\nb\n"


NASTY = "\x1b[31m\x9b\u202e\n::error file=x::y"


@pytest.mark.parametrize(
    "args",
    [
        [f"--{NASTY}"],
        [NASTY],
        ["validate", NASTY],
        ["check", NASTY],
        ["plan", ".", "--gap", NASTY],
        ["plan", ".", "--solver", NASTY],
        ["validate", ".", "--set", f"{NASTY}=1"],
        ["schema", NASTY],
        ["explain", NASTY],
        ["demand", "demand.csv", "--format", NASTY],
        ["demand", "nasty.csv"],
        ["fit", "nasty.csv"],
        ["validate", ".", "--set", 'workloads[0].demand="nasty.csv"'],
        ["check", ".", "--set", 'workloads[0].demand="nasty.csv"'],
    ],
)
def test_nothing_that_was_given_acts_on_a_terminal_or_a_log(
    files: ScenarioFiles, run: Run, args: list[str]
) -> None:
    Path("nasty.csv").write_text(f'interval_start,rps,"{NASTY}"\n"{NASTY}",1,2\n', "utf-8")
    ended = run(*args)
    assert ended.code == 2
    said = ended.out + ended.err
    assert r"\x1b[31m" in said or r"\u001b[31m" in said
    assert not {"\x1b", "\x9b", "\u202e"} & set(said)
    assert not [line for line in said.splitlines() if line.lstrip().startswith("::")]


def test_a_name_that_looks_like_a_command_to_a_ci_runner_is_shown_as_text(
    files: ScenarioFiles, run: Run
) -> None:
    files.scenario["name"] = "::error file=x::y"
    files.write()
    for command in ("validate", "check", "plan"):
        ended = run(command, ".")
        assert ended.code == 0
        assert "\n::" not in "\n" + ended.out
        assert "\\x3a:error file=x" in ended.out
