"""Ready profiles: what the data says, and usable as they are."""

import re

import pytest
import yaml

from heteroplan.inputs.gpu_types import built_in
from heteroplan.inputs.ready import FOLDER, ready_profile, ready_profiles
from heteroplan.inputs.schemas.profile import ProfileFile
from tests.ready_profiles import profiles
from tests.realdata import needs_data


@pytest.mark.parametrize("name", ready_profiles())
def test_each_is_a_profile_that_says_where_it_comes_from(name: str) -> None:
    spec = ProfileFile.model_validate(yaml.safe_load(ready_profile(name).read_text()))
    for engine in spec.engines:
        assert engine.gpu in built_in()
        assert engine.source is not None
        assert "Apache-2.0" in engine.source.origin or "MIT" in engine.source.origin
        assert engine.source.error_mape is not None
        assert engine.range.batch_tokens or engine.range.batch


def test_an_unknown_name_is_told_the_known_ones() -> None:
    known = re.escape(", ".join(ready_profiles()))
    with pytest.raises(ValueError, match=f"no ready profile 'gpt'; there are {known}"):
        ready_profile("gpt")


@pytest.mark.slow
@needs_data
def test_they_are_what_the_data_says() -> None:
    made = dict(profiles())
    assert sorted(made) == ready_profiles()
    for name, text in made.items():
        assert (FOLDER / f"{name}.yaml").read_text() == text, name
