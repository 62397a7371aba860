from pathlib import Path

import pytest

from tests.scenario_files import ScenarioFiles


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScenarioFiles:
    """A scenario folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    return ScenarioFiles(tmp_path)
