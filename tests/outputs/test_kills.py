import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the system cannot kill a fork")
def test_killed_runs_leave_whole_files_that_no_reader_takes_together() -> None:
    """Ten kills; `python -m tests.kills` says more."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kills", "--kills", "10"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"half 0", "taken 0", "refused 0", "stale 0"} < set(done.stdout.splitlines())
