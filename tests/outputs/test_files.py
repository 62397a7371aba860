import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from heteroplan.errors import UsageError
from heteroplan.outputs.files import write_all, written_with


def test_content_replaces_what_stood_there(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")
    write_all({path: "zwölf\n"})
    assert path.read_bytes() == "zwölf\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_text_may_come_in_pieces(tmp_path):
    path = tmp_path / "placement.csv"
    write_all({path: (f"{i}\n" for i in range(3))})
    assert path.read_text() == "0\n1\n2\n"


def test_mode_is_that_of_a_new_file_or_of_the_old_one(tmp_path):
    """Not the 0600 of a temporary file: 0666 without the bits of the umask, here 0644."""
    path = tmp_path / "plan.json"
    mask = os.umask(0o022)
    try:
        write_all({path: ""})
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        path.chmod(0o600)
        write_all({path: ""})
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(mask)


def test_full_disk_leaves_all_files_as_they_were(tmp_path, monkeypatch):
    first, second = tmp_path / "plan.json", tmp_path / "schedule.csv"
    first.write_text("old")
    synced = []

    def fsync(handle):
        synced.append(handle)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(UsageError, match=r"schedule\.csv: cannot be written: No space left"):
        write_all({first: "new", second: "new"})
    assert first.read_text() == "old"
    assert list(tmp_path.iterdir()) == [first]


def test_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def fsync(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(KeyboardInterrupt):
        write_all({tmp_path / "plan.json": "new"})
    assert list(tmp_path.iterdir()) == []


def test_directory_in_place_of_the_file(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="out: cannot be written: it is a directory"):
        write_all({tmp_path / "out": "text"})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_missing_folder(tmp_path):
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        write_all({tmp_path / "gone" / "plan.json": "text"})


def test_read_only_folder(tmp_path, monkeypatch):
    """Imitated, because the superuser writes into read-only folders."""

    def mkstemp(**_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkstemp", mkstemp)
    with pytest.raises(UsageError, match=r"plan\.json: cannot be written: Permission denied"):
        write_all({tmp_path / "plan.json": "text"})


def test_link_is_followed(tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "plan.json").symlink_to("real.json")
    write_all({tmp_path / "plan.json": "new"})
    assert (tmp_path / "plan.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_device_is_written_to_and_stays(tmp_path):
    code = (
        "from pathlib import Path; from heteroplan.outputs.files import write_all;"
        "write_all({Path('/dev/stdout'): 'text'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "text"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_stream_that_takes_nothing_leaves_no_file(tmp_path):
    """Streams are written to before the first file takes its name."""
    with pytest.raises(UsageError, match="full: cannot be written: No space left"):
        write_all({tmp_path / "a.csv": "a", Path("/dev/full"): "b"})
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_fails_leaves_all_files_as_they_were(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def fail():
        with written_with({path: "new", tmp_path / "b.csv": "b"}):
            assert path.read_text() == "old"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_take_its_name_leaves_all_as_they_were(tmp_path, monkeypatch):
    """Such as a mount point. What was there is back, what was not is gone."""
    old, new, last = (tmp_path / name for name in ("old.csv", "new.csv", "last.csv"))
    old.write_text("old")
    last.write_text("last")
    rename = Path.replace

    def replace(self, target):
        if target == last:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(UsageError, match=r"last\.csv: cannot be written: Device or resource busy"):
        write_all({old: "a", new: "b", last: "c"})
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        "old.csv": "old",
        "last.csv": "last",
    }


ABANDONED = ".plan.json.abcd_123.tmp"


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    """Not those of other targets, nor what only looks like one."""
    others = [".schedule.csv.abcd_123.tmp", ".plan.json.tmp", ".plan.json.bak.abcd_123.tmp", "x"]
    for name in (ABANDONED, *others):
        (tmp_path / name).write_text("")
    write_all({tmp_path / "plan.json": "new"})
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", *others}


WRITE_SLOWLY = """
import sys
from pathlib import Path
from heteroplan.outputs.files import write_all

def pieces():
    yield "half"
    print("begun", flush=True)
    sys.stdin.read()
    yield " and half"

write_all({Path(sys.argv[1]): pieces()})
"""


def test_temporary_files_of_runs_that_live_stay(tmp_path):
    path = tmp_path / "plan.json"
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_SLOWLY, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as slow:
        assert slow.stdout.readline() == "begun\n"
        write_all({path: "meanwhile"})
        assert len(list(tmp_path.iterdir())) == 2
        slow.stdin.close()
    assert path.read_text() == "half and half"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_removed_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    """Another run takes it for abandoned between its creation and its lock."""
    make = tempfile.mkstemp
    made = []

    def mkstemp(**where):
        handle, name = make(**where)
        made.append(name)
        if len(made) == 1:
            Path(name).unlink()
        return handle, name

    monkeypatch.setattr("tempfile.mkstemp", mkstemp)
    write_all({tmp_path / "plan.json": "text"})
    assert len(made) == 2
    assert [path.read_text() for path in tmp_path.iterdir()] == ["text"]
