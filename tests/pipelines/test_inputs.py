"""What `fit` makes of files, whatever they and their engines are called."""

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.workload import MAX_ORIGIN, Engine, Role
from heteroplan.errors import InputError, UsageError
from heteroplan.inputs import build
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.schemas.profile import ProfileFile
from heteroplan.pipelines import inputs as measuring
from heteroplan.profiles.fitting.report import Wanted
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from heteroplan.reading.yaml_source import parse_document

COLUMNS = "gpu,gpus,phase,batch,tokens,context,latency_ms,source\n"
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
ODD_NAMES = st.sampled_from(
    ["1e5", "-.inf", "~", "no", "<<", "a: b", "# a", "'", "\x7f", "\u2028", "\u202e", "\udc80", "é"]
)


def measurements() -> str:
    return COLUMNS + "".join(
        f"H100-SXM-80GB,4,prefill,1,{tokens},,{20 + 0.05 * tokens},\n"
        for tokens in (128, 256, 512, 1024)
    )


def fitted(folder: Path, names: list[str], text: str) -> measuring.FitResult:
    for name in names:
        (folder / name).write_text(text, encoding="utf-8")
    return measuring.fit([str(folder / name) for name in names])


def engines_of(profile: str) -> list[Engine]:
    """As scenarios read them."""
    document, problems = parse_document(profile, "profile.yaml")
    spec = checked(document, ProfileFile, problems)
    assert problems == []
    assert spec is not None
    return [engine for each in spec.engines for engine in build.engines(each)]


@pytest.mark.parametrize(
    ("count", "ending"), [(15, "0014" + "x" * 56), (20, " and 5 more"), (200, " and 185 more")]
)
def test_an_origin_names_the_first_files_and_counts_the_others(
    tmp_path: Path, count: int, ending: str
) -> None:
    """Names of 60 characters and a comma: 15 take 930, 16 take 992, which is too much of 1000
    less the 12 or 13 of the ending."""
    names = [f"{i:04}".ljust(60, "x") for i in range(count)]
    (engine,) = engines_of(measuring.profile("m", fitted(tmp_path, names, measurements()).fitted))
    origin = engine.source.origin
    assert origin.startswith(f"{names[0]}, {names[1]}, ")
    assert origin.endswith(ending)
    assert len(origin) <= MAX_ORIGIN
    assert len(engine.source.sha256) == count


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    names = ["a" * 250, "b"]
    (engine,) = engines_of(measuring.profile("m", fitted(tmp_path, names, measurements()).fitted))
    assert engine.source.origin == "a" * 197 + "..., b"


@given(NAMES | ODD_NAMES, NAMES | ODD_NAMES, NAMES | ODD_NAMES)
def test_a_profile_is_read_back_or_not_written(file: str, model: str, gpu: str) -> None:
    points = tuple(
        Measurement(gpu, 4, Role.PREFILL, 1.0, tokens, 0.0, 20 + 0.05 * tokens)
        for tokens in (128.0, 256.0, 512.0, 1024.0)
    )
    found = measuring.fitted([(f"/{file}", FileMeasurements(points))], Wanted())
    (written,) = [each.engine for each in found.fitted]
    with suppress(*([] if (model + gpu).isprintable() else [InputError])):
        (engine,) = engines_of(measuring.profile(model, found.fitted))
        assert (engine.name, engine.gpu) == (written.name, gpu)
        assert engine.source.origin == written.source.origin
        assert engine.source.origin.isprintable()


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"kv_bytes_per_token": math.inf}, "kv_bytes_per_token"),
        ({"kv_bytes_per_token": math.nan}, "kv_bytes_per_token"),
        ({"model": "m" * 254}, "model"),
        ({"startup_s": 86_401.0}, "engines[0].startup_s"),
    ],
)
def test_what_scenarios_would_refuse_is_not_written(
    tmp_path: Path, options: dict[str, Any], path: str
) -> None:
    found = fitted(tmp_path, ["m.csv"], measurements())
    with pytest.raises(InputError) as raised:
        measuring.profile(**{"model": "m", "fitted": found.fitted, **options})
    assert [(each.file, each.path) for each in raised.value.problems] == [
        (measuring.NOT_WRITTEN, path)
    ]


@pytest.mark.parametrize("shape", [(math.inf, 10.0), (10.0, math.nan), (0.5, 10.0), (10.0, 2e9)])
def test_lengths_of_requests_are_lengths(tmp_path: Path, shape: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match=r"--isl and --osl must be between 1 and 1e\+09 tokens"):
        measuring.fit([str(tmp_path / "none.csv")], shape=shape)


def test_a_line_separator_in_a_name_is_not_folded_to_a_blank() -> None:
    """YAML takes U+0085 for the end of a line; scenarios take no such name."""
    points = tuple(
        Measurement("\x85", 4, Role.PREFILL, 1.0, tokens, 0.0, 20 + 0.05 * tokens)
        for tokens in (128.0, 256.0, 512.0, 1024.0)
    )
    found = measuring.fitted([("/m.csv", FileMeasurements(points))], Wanted())
    with pytest.raises(InputError, match="gpu"):
        measuring.profile("m", found.fitted)
