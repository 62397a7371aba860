"""Standard streams that are closed or full, and what may go to them."""

import subprocess
import sys
from pathlib import Path

import pytest

from heteroplan.cli.streams import emit, say
from tests.cli.conftest import COMMAND

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
def test_a_closed_or_full_stream_ends_with_2(tmp_path, command, told):
    """A message where it can be told, and nothing that fails as the process ends."""
    done = in_bash(command, tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == (1 if told else 0)


def test_help_that_nobody_reads_is_no_error(tmp_path):
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
def test_a_closed_standard_input_is_told(files, run, monkeypatch, command):
    monkeypatch.setattr(sys, "stdin", None)
    ended = run(*command.split())
    sys.stdin.close()
    assert ended.code == 2
    assert "<stdin>: cannot be read: it is closed" in ended.out + ended.err


@pytest.mark.parametrize(
    "command",
    ["validate .", "check .", "plan .", "plan . --json", "demand demand.csv", "--version"],
)
def test_a_closed_standard_output_is_told(files, run, monkeypatch, command):
    with monkeypatch.context() as inner:
        inner.setattr(sys, "stdout", None)
        ended = run(*command.split())
        sys.stdout.close()
    assert (ended.code, ended.err) == (2, f"Error: {CLOSED}\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [("check .", 0), ("check . --set workloads[0].headroom=1000%", 1), ("check gone", 2)],
)
def test_an_unwritable_standard_error_changes_no_exit_code(files, run, monkeypatch, command, code):
    with open("/dev/full", "w") as full, monkeypatch.context() as inner:  # noqa: PTH123
        inner.setattr(sys, "stderr", full)
        inner.setattr(sys, "__stderr__", full)
        assert run(*command.split()).code == code


def test_no_file_gets_the_number_of_a_closed_stream(files):
    """Else what a C library writes to standard output would stand in plan.json."""
    done = in_bash("plan . --out made <&- >&-", files.folder)
    assert (done.returncode, CLOSED in done.stderr) == (2, True)
    assert Path("made/plan.json").read_text(encoding="utf-8").startswith("{\n")


def test_half_characters_are_written_escaped(capfdbinary):
    emit("a\udcffé\n")
    assert capfdbinary.readouterr().out == "a\\udcffé\n".encode()


def test_a_note_is_one_line(capsys):
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
def test_nothing_that_was_given_acts_on_a_terminal_or_a_log(files, run, args):
    Path("nasty.csv").write_text(f'interval_start,rps,"{NASTY}"\n"{NASTY}",1,2\n', "utf-8")
    ended = run(*args)
    assert ended.code == 2
    said = ended.out + ended.err
    assert r"\x1b[31m" in said or r"\u001b[31m" in said
    assert not {"\x1b", "\x9b", "\u202e"} & set(said)
    assert not [line for line in said.splitlines() if line.lstrip().startswith("::")]


def test_a_name_that_looks_like_a_command_to_a_ci_runner_is_shown_as_text(files, run):
    files.scenario["name"] = "::error file=x::y"
    files.write()
    for command in ("validate", "check", "plan"):
        ended = run(command, ".")
        assert ended.code == 0
        assert "\n::" not in "\n" + ended.out
        assert "\\x3a:error file=x" in ended.out
