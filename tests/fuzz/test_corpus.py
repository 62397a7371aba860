"""What once went wrong does not go wrong again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_of_the_corpus_goes_wrong() -> None:
    """In a process of its own, which forks before it has threads."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--corpus"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 100
    assert {name: faults for name, faults in found.items() if faults} == {}
