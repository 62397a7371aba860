"""What `fit` makes of files, whatever they and their engines are called."""

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import MAX_ORIGIN, Engine, RequestClass, Role, Span
from heteroplan.errors import InputError, UsageError
from heteroplan.inputs import build
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.schemas.profile import ProfileFile
from heteroplan.pipelines import fit as pipeline
from heteroplan.pipelines.fit import FitOptions, FitResult
from heteroplan.profiles.capacity.replica import Asked
from heteroplan.profiles.fitting.report import Wanted
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from heteroplan.reading.yaml_source import parse_document

COLUMNS = "gpu,gpus,phase,batch,tokens,context,latency_ms,source\n"
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
ODD_NAMES = st.sampled_from(
    ["1e5", "-.inf", "~", "no", "<<", "a: b", "# a", "'", "\x7f", "\u2028", "\u202e", "\udc80", "é"]
)


def decode_measurements(*engines: tuple[str, int]) -> str:
    """Steps of 10 ms and 0.1 ms a sequence, on each GPU type and size."""
    return COLUMNS + "".join(
        f"{gpu},{gpus},decode,{batch},,1000,{10 + 0.1 * batch},\n"
        for gpu, gpus in engines
        for batch in (1, 8, 32, 64)
    )


def measurements() -> str:
    return COLUMNS + "".join(
        f"H100-SXM-80GB,4,prefill,1,{tokens},,{20 + 0.05 * tokens},\n"
        for tokens in (128, 256, 512, 1024)
    )


def fitted(folder: Path, names: list[str], text: str, **options: Any) -> FitResult:
    """Of files with that text, as a profile of the model `m`."""
    for name in names:
        (folder / name).write_text(text, encoding="utf-8")
    return pipeline.fit([folder / name for name in names], **{"model": "m", **options})


def profile(reading: FileMeasurements, file: str, model: str) -> tuple[Engine, str]:
    """The engine of a reading, and the profile of it."""
    found = pipeline.fits_of([(f"/{file}", reading)], Wanted())
    [written] = found.fitted
    result = FitResult(found.fitted, found.skipped, FitOptions(model=model), None)
    return written.engine, result.profile()


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
    (engine,) = engines_of(fitted(tmp_path, names, measurements()).profile())
    origin = engine.source.origin
    assert origin.startswith(f"{names[0]}, {names[1]}, ")
    assert origin.endswith(ending)
    assert len(origin) <= MAX_ORIGIN
    assert len(engine.source.sha256) == count


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    names = ["a" * 250, "b"]
    (engine,) = engines_of(fitted(tmp_path, names, measurements()).profile())
    assert engine.source.origin == "a" * 197 + "..., b"


@given(NAMES | ODD_NAMES, NAMES | ODD_NAMES, NAMES | ODD_NAMES)
def test_a_profile_is_read_back_or_not_written(file: str, model: str, gpu: str) -> None:
    points = tuple(
        Measurement(gpu, 4, Role.PREFILL, 1.0, tokens, 0.0, 20 + 0.05 * tokens)
        for tokens in (128.0, 256.0, 512.0, 1024.0)
    )
    with suppress(*([] if (model + gpu).isprintable() else [InputError])):
        written, text = profile(FileMeasurements(points), file, model)
        (engine,) = engines_of(text)
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
    found = fitted(tmp_path, ["m.csv"], measurements(), **options)
    with pytest.raises(InputError) as raised:
        found.profile()
    assert [(each.file, each.path) for each in raised.value.problems] == [
        (pipeline.NOT_WRITTEN, path)
    ]


@pytest.mark.parametrize("shape", [(math.inf, 10.0), (10.0, math.nan), (0.5, 10.0), (10.0, 2e9)])
def test_lengths_of_requests_are_lengths(tmp_path: Path, shape: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match=r"--isl and --osl must be between 1 and 1e\+09 tokens"):
        pipeline.fit(tmp_path / "none.csv", isl=shape[0], osl=shape[1])


def test_a_line_separator_in_a_name_is_not_folded_to_a_blank() -> None:
    """YAML takes U+0085 for the end of a line; scenarios take no such name."""
    points = tuple(
        Measurement("\x85", 4, Role.PREFILL, 1.0, tokens, 0.0, 20 + 0.05 * tokens)
        for tokens in (128.0, 256.0, 512.0, 1024.0)
    )
    with pytest.raises(InputError, match="gpu"):
        profile(FileMeasurements(points), "m.csv", "m")


A, B = ("A", 2), ("B", 4)


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ({A: 1, None: 3}, {A: 1, B: 3}),
        ({None: 3, A: 1}, {A: 1, B: 3}),
        ({A: 2}, {A: 2, B: None}),
        (3, {A: 3, B: 3}),
        (None, {A: None, B: None}),
    ],
)
def test_a_cache_size_that_names_its_engine_wins(tmp_path: Path, given: Any, held: Any) -> None:
    found = fitted(tmp_path, ["m.csv"], decode_measurements(A, B), kv_tokens=given)
    engines = [each.engine for each in found.fitted]
    assert {(engine.gpu, engine.gpus): engine.kv_tokens for engine in engines} == held


def test_a_cache_size_of_no_engine_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--kv-tokens B:4: decode engines are A:2, C:1$"):
        fitted(tmp_path, ["m"], decode_measurements(A, ("C", 1)), kv_tokens={B: 1})
    with pytest.raises(UsageError, match=r"^--kv-tokens B:4: decode engines are none$"):
        fitted(tmp_path, ["m"], measurements(), kv_tokens={B: 1})


def test_what_a_replica_is_asked_for_is_as_given(tmp_path: Path) -> None:
    """Lengths vary as plans assume it where nothing is said."""
    slo = {"ttft_ms": 900, "itl_ms": 60, "percentile": 0.95}
    found = fitted(tmp_path, ["m"], measurements(), isl=1000, osl=200, **slo)
    shape = RequestClass("all", 1.0, 1000, 200, isl_cv=1.0, osl_cv=1.0)
    assert found.asked == Asked(shape, Slo(900, 60, 0.95))
    [(engine, point)] = found.replicas()
    assert engine == found.fitted[0].engine
    assert point.capacity_rps > 0
    for asked in ({"isl": 1000, "osl": 200}, {}):
        found = fitted(tmp_path, ["m"], measurements(), **asked)
        assert (found.asked, found.replicas()) == (None, [])


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"ttft_ms": 900, "itl_ms": 60}, "--isl and --osl"),
        ({"isl": 1, "osl": 2, "itl_ms": 60}, "--ttft-ms"),
        ({"isl": 1, "osl": 2, "ttft_ms": 900}, "--itl-ms"),
        ({"itl_ms": 60}, "--isl and --osl, --ttft-ms"),
        ({"ttft_ms": 900}, "--isl and --osl, --itl-ms"),
    ],
)
def test_half_of_what_a_replica_is_asked_for_is_told(given: Any, missing: str) -> None:
    with pytest.raises(UsageError, match=f"^what a replica serves also needs {missing}$"):
        pipeline.fit("none.csv", **given)


@pytest.mark.parametrize("percentile", [0.0, 1.0, -0.5, 1.5])
def test_a_percentile_lies_between_0_and_1_even_where_nothing_is_asked_for(
    percentile: float,
) -> None:
    with pytest.raises(UsageError, match=f"^--percentile {percentile:g}: must lie between 0 and"):
        pipeline.fit("none.csv", percentile=percentile)


@pytest.mark.parametrize("half", [{"isl": 1000}, {"osl": 200}])
def test_lengths_of_a_request_are_given_together(half: Any) -> None:
    with pytest.raises(UsageError, match="--isl and --osl are given together or not at all"):
        pipeline.fit("none.csv", **half)


def test_limits_keep_what_lies_in_them(tmp_path: Path) -> None:
    """Prompts of 128 to 1024 tokens; of those up to 512 there are too few for a fit."""
    whole = fitted(tmp_path, ["m"], measurements(), tokens=(128, 1024))
    assert whole.fitted[0].engine.batch_tokens_range == Span(128, 1024)
    with pytest.raises(InputError, match="at least 4"):
        fitted(tmp_path, ["m"], measurements(), tokens=(128, 512))


def test_a_result_writes_its_profile_and_page_or_neither(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with pytest.raises(UsageError, match="needs --model"):
        fitted(tmp_path, ["m"], measurements(), model=None).write(out)
    assert not out.exists()
    found = fitted(tmp_path, ["m"], measurements(), startup_s=60)
    found.write(out)
    assert sorted(path.name for path in out.iterdir()) == ["fit.html", "profile.yaml"]
    [engine] = engines_of((out / "profile.yaml").read_text(encoding="utf-8"))
    assert engine.startup_s == 60
