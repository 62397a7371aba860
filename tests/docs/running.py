"""Commands as a reader of the documentation runs them."""

import os
import subprocess
import sys
from pathlib import Path


def bash(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line of commands in a folder, at 80 columns; standard error comes in standard output."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
