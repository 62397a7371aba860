import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from heteroplan.errors import UsageError
from heteroplan.outputs.shared.files import try_file, try_folder, write_all, written_with


def test_content_replaces_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old")
    write_all({path: "zwölf\n"})
    assert path.read_bytes() == "zwölf\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_text_may_come_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "placement.csv"
    write_all({path: (f"{i}\n" for i in range(3))})
    assert path.read_text() == "0\n1\n2\n"


def test_mode_is_that_of_a_new_file_or_of_the_old_one(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("mask", [0o027, 0o077])
def test_the_mask_of_the_process_holds_and_stays(tmp_path: Path, mask: int) -> None:
    """Of a new file only: an old one keeps its permissions, but runs as nobody else."""
    path, old = tmp_path / "plan.json", tmp_path / "old.json"
    old.write_text("")
    old.chmod(0o4757)
    before = os.umask(mask)
    try:
        write_all({path: "", old: ""})
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
        assert stat.S_IMODE(old.stat().st_mode) == 0o757
        assert os.umask(mask) == mask
    finally:
        os.umask(before)


def test_all_is_on_disk_before_the_block_begins(tmp_path: Path) -> None:
    """Beside what a link leads to, with the content and the mode of the file that it becomes."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "plan.json").symlink_to(folder / "real.json")
    mask = os.umask(0o022)
    try:
        with written_with({tmp_path / "plan.json": "zwölf"}):
            (temporary,) = folder.iterdir()
            assert temporary.name != "real.json"
            assert temporary.read_bytes() == "zwölf".encode()
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o644
    finally:
        os.umask(mask)
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "plan.json"}
    assert [path.name for path in folder.iterdir()] == ["real.json"]


def test_files_take_their_names_in_the_order_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the last one is there only where all the others are."""
    rename, taken = Path.replace, []

    def replace(self: Path, target: Path) -> Path:
        taken.append(target.name)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    write_all({tmp_path / name: name for name in ("c", "a", "b")})
    assert taken == ["c", "a", "b"]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "c": "c", "a": "a", "b": "b",
    }  # fmt: skip


def test_a_file_system_without_second_names_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hardlink_to(self: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", hardlink_to)
    path = tmp_path / "plan.json"
    path.write_text("old")
    write_all({path: "new"})
    assert (path.read_text(), list(tmp_path.iterdir())) == ("new", [path])


def test_a_reason_without_words_of_the_system_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(handle: int) -> None:
        raise OSError("the moon is full")

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(UsageError, match=r"a\.csv: cannot be written: the moon is full$"):
        write_all({tmp_path / "a.csv": ""})


def test_no_file_stays_open(tmp_path: Path) -> None:
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("the system does not list open files")
    before = len(list(open_files.iterdir()))
    for _ in range(3):
        (tmp_path / ABANDONED).write_text("")
        write_all({tmp_path / "plan.json": "new"})
        try_file(tmp_path / "plan.json")
        try_folder(tmp_path)
    assert len(list(open_files.iterdir())) == before


def test_trying_a_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    try_file(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("old")
    try_file(path)
    try_file(Path(os.devnull))
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])


def test_what_can_be_no_file_is_told_when_it_is_tried(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: it is a directory"):
        try_file(tmp_path)
    with pytest.raises(UsageError, match=r"gone/a\.csv: cannot be written: No such file or dir"):
        try_file(tmp_path / "gone" / "a.csv")


def test_a_file_is_tried_in_the_folder_that_its_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone" / "real.csv")
    with pytest.raises(UsageError, match=r"/a\.csv: cannot be written: No such file or directory"):
        try_file(tmp_path / "a.csv")


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    for _ in range(2):
        try_folder(folder)
        assert list(folder.iterdir()) == []
    (folder / "file").write_text("")
    with pytest.raises(UsageError, match="two/file: cannot be written: File exists"):
        try_folder(folder / "file")


def test_a_folder_that_takes_no_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imitated, because the superuser writes into read-only folders."""

    def temporary_file(**_: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.TemporaryFile", temporary_file)
    with pytest.raises(UsageError, match="one: cannot be written: Permission denied"):
        try_folder(tmp_path / "one")


def test_a_pipe_gets_its_text_before_the_block_and_stays(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with written_with({pipe: iter(["zwölf", "\n"]), tmp_path / "a.csv": "a"}):
        reader.join()
        assert read == ["zwölf\n".encode()]
        assert not (tmp_path / "a.csv").exists()
    assert pipe.is_fifo()
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "a.csv"}


def test_full_disk_leaves_all_files_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "plan.json", tmp_path / "schedule.csv"
    first.write_text("old")
    synced = []

    def fsync(handle: int) -> None:
        synced.append(handle)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(UsageError, match=r"schedule\.csv: cannot be written: No space left"):
        write_all({first: "new", second: "new"})
    assert first.read_text() == "old"
    assert list(tmp_path.iterdir()) == [first]


def test_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(KeyboardInterrupt):
        write_all({tmp_path / "plan.json": "new"})
    assert list(tmp_path.iterdir()) == []


def test_directory_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="out: cannot be written: it is a directory"):
        write_all({tmp_path / "out": "text"})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        write_all({tmp_path / "gone" / "plan.json": "text"})


def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imitated, because the superuser writes into read-only folders."""

    def mkstemp(**_: Any) -> tuple[int, str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkstemp", mkstemp)
    with pytest.raises(UsageError, match=r"plan\.json: cannot be written: Permission denied"):
        write_all({tmp_path / "plan.json": "text"})


def test_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "plan.json").symlink_to("real.json")
    write_all({tmp_path / "plan.json": "new"})
    assert (tmp_path / "plan.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_device_is_written_to_and_stays(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from heteroplan.outputs.shared.files import write_all;"
        "write_all({Path('/dev/stdout'): 'text'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "text"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_stream_that_takes_nothing_leaves_no_file(tmp_path: Path) -> None:
    """Streams are written to before the first file takes its name."""
    with pytest.raises(UsageError, match="full: cannot be written: No space left"):
        write_all({tmp_path / "a.csv": "a", Path("/dev/full"): "b"})
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_fails_leaves_all_files_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")

    def fail() -> None:
        with written_with({path: "new", tmp_path / "b.csv": "b"}):
            assert path.read_text() == "old"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_take_its_name_leaves_all_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a mount point. What was there is back, what was not is gone."""
    old, new, last = (tmp_path / name for name in ("old.csv", "new.csv", "last.csv"))
    old.write_text("old")
    last.write_text("last")
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
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


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    """Not those of other targets, nor what only looks like one."""
    others = [
        *(".schedule.csv.abcd_123.tmp", ".plan.json.tmp", ".plan.json.bak.abcd_123.tmp", "x"),
        *(".planXjson.abcd_123.tmp", ".plan.json.abcd_12.tmp", ".plan.json.abcd_1234.tmp"),
        *(".plan.json.ABCD_123.tmp", "plan.json.abcd_123.tmp", f"{ABANDONED}.bak"),
    ]
    for name in (ABANDONED, *others):
        (tmp_path / name).write_text("")
    (tmp_path / ".plan.json.a_link__.tmp").symlink_to("x")
    write_all({tmp_path / "plan.json": "new"})
    stays = {"plan.json", ".plan.json.a_link__.tmp", *others}
    assert {path.name for path in tmp_path.iterdir()} == stays


WRITE_SLOWLY = """
import sys
from pathlib import Path
from heteroplan.outputs.shared.files import write_all

def pieces():
    yield "half"
    print("begun", flush=True)
    sys.stdin.read()
    yield " and half"

write_all({Path(sys.argv[1]): pieces()})
"""


def test_temporary_files_of_runs_that_live_stay(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_SLOWLY, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as slow:
        assert slow.stdout is not None
        assert slow.stdout.readline() == "begun\n"
        write_all({path: "meanwhile"})
        assert len(list(tmp_path.iterdir())) == 2
        assert slow.stdin is not None
        slow.stdin.close()
    assert path.read_text() == "half and half"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_of_a_run_that_was_killed_goes(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_SLOWLY, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as slow:
        assert slow.stdout is not None
        assert slow.stdout.readline() == "begun\n"
        slow.kill()
    assert len(list(tmp_path.iterdir())) == 1
    write_all({path: "afterwards"})
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_removed_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run takes it for abandoned between its creation and its lock."""
    make = tempfile.mkstemp
    made = []

    def mkstemp(**where: Any) -> tuple[int, str]:
        handle, name = make(**where)
        made.append(name)
        if len(made) == 1:
            Path(name).unlink()
        return handle, name

    monkeypatch.setattr("tempfile.mkstemp", mkstemp)
    write_all({tmp_path / "plan.json": "text"})
    assert len(made) == 2
    assert [path.read_text() for path in tmp_path.iterdir()] == ["text"]
