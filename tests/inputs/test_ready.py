"""Ready profiles: what the data says, and usable as they are."""

import re

import pytest
import yaml

from heteroplan.entities.workload import Profile, Role, SourceKind
from heteroplan.errors import UsageError
from heteroplan.inputs.gpu_types import built_in
from heteroplan.inputs.ready import FOLDER, read_ready, ready_profile, ready_profiles
from heteroplan.inputs.schemas.profile import ProfileFile
from tests.ready_profiles import MODELLED, NAMES, text_of
from tests.realdata import needs_data

LONG = set(MODELLED) - {"kimi-k2.5"}
"""Those for which a model is asked for many engines."""


@pytest.mark.parametrize("name", ready_profiles())
def test_each_is_a_profile_that_says_where_it_comes_from(name: str) -> None:
    spec = ProfileFile.model_validate(yaml.safe_load(ready_profile(name).read_text()))
    assert spec.model == name
    for engine in spec.engines:
        assert engine.gpu in built_in()
        assert engine.source is not None
        assert "Apache-2.0" in engine.source.origin or "MIT" in engine.source.origin
        known = engine.source.error_mape is not None
        if engine.source.kind == "modelled":
            assert ("error against" if known else "error not known") in engine.source.origin
        else:
            assert known
        assert engine.range.batch_tokens or engine.range.batch


def test_an_unknown_name_is_told_the_known_ones() -> None:
    known = re.escape(", ".join(ready_profiles()))
    with pytest.raises(ValueError, match=f"no ready profile 'gpt'; there are {known}"):
        ready_profile("gpt")


@pytest.mark.parametrize("gpu", ["A100-SXM-80GB", "H100-SXM-80GB", "H200-SXM-141GB"])
def test_llama_3_1_70b_has_prefill_and_decode(gpu: str) -> None:
    (profile,) = read_ready("llama-3.1-70b", gpu)
    assert {engine.gpu for engine in profile.engines} == {gpu}
    assert {Role.PREFILL, Role.DECODE} <= {engine.role for engine in profile.engines}


@pytest.mark.parametrize("profile", read_ready(), ids=lambda profile: profile.model)
def test_who_has_one_half_has_the_other_and_moves_its_kv_cache(profile: Profile) -> None:
    """On each GPU type; what was not measured can only be modelled where both are."""
    apart = [each for each in profile.engines if each.role is not Role.AGGREGATED]
    halves = {role: {each.gpu for each in apart if each.role is role} for role in Role}
    assert halves[Role.PREFILL] == halves[Role.DECODE]
    assert (profile.kv_bytes_per_token is not None) == bool(apart)
    decode = [each for each in apart if each.role is Role.DECODE]
    assert all(each.kv_tokens or each.kv_tokens_range for each in decode)


@pytest.mark.parametrize(
    ("model", "parameters"), [("llama-3.1-8b", 8e9), ("llama-3.1-70b", 70e9), ("qwen3-32b", 32e9)]
)
def test_no_modelled_prefill_is_faster_than_its_gpus_compute(model: str, parameters: float) -> None:
    """Two operations a parameter and token: 70e9 take 0.112 ms on 4 x 312 TFLOP/s."""
    (profile,) = read_ready(model)
    modelled = [each for each in profile.engines if each.source.kind is SourceKind.MODELLED]
    prefill = [each for each in modelled if each.prefill is not None]
    assert prefill
    for engine in prefill:
        assert engine.prefill is not None
        peak_per_ms = engine.gpus * built_in()[engine.gpu].peak_per_s["bf16"] / 1000
        assert engine.prefill.ms_per_token > 2 * parameters / peak_per_ms


def test_a_model_is_named_with_or_without_what_scenarios_write() -> None:
    assert read_ready("ready:llama-2-70b") == read_ready("llama-2-70b")


def test_a_gpu_type_leaves_out_the_profiles_without_it() -> None:
    found = read_ready(gpu="L40S-48GB")
    assert {each.model for each in found} == {"llama-3.1-8b", "qwen3-32b"}
    assert {engine.gpu for each in found for engine in each.engines} == {"L40S-48GB"}


@pytest.mark.parametrize(
    ("model", "gpu", "message"),
    [
        (
            "llama-70b",
            None,
            "--model llama-70b: no ready profile is called so; did you mean llama-2-70b or "
            "llama-3.1-70b?",
        ),
        (None, "h100", "--gpu h100: no engine of any ready profile is for it; did you mean "
         "H100-SXM-80GB?"),
        (
            "deepseek-r1",
            "A100-SXM-80GB",
            "--gpu A100-SXM-80GB: no engine of ready:deepseek-r1 is for it; there are "
            "B200-SXM-180GB, H100-SXM-80GB, H200-SXM-141GB",
        ),
    ],
)  # fmt: skip
def test_what_there_is_not_is_told_with_what_there_is(
    model: str | None, gpu: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_ready(model, gpu)
    assert str(caught.value) == message


def test_all_of_them_are_made_from_data() -> None:
    assert sorted(NAMES) == ready_profiles()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name in LONG else pytest.mark.slow)
        for name in NAMES
    ],
)
@needs_data
def test_they_are_what_the_data_says(name: str) -> None:
    pytest.importorskip("aiconfigurator_core", reason="the extra aic is not installed")
    assert (FOLDER / f"{name}.yaml").read_text() == text_of(name)
