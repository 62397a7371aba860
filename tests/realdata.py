"""The real traces and measurements beside the repository; absent on a user's machine."""

from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def needs_data(test: Any) -> Any:
    """Mark a test that reads real data; it skips where the data is absent."""
    skip = pytest.mark.skipif(not DATA.is_dir(), reason="real data is not beside the repository")
    return pytest.mark.realdata(skip(test))
