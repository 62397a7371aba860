from dataclasses import replace

import pytest

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    RequestClass,
    Role,
    Source,
    SourceKind,
)
from heteroplan.outputs.fit.text import render_fits, render_replicas
from heteroplan.profiles.capacity.replica import Asked
from heteroplan.profiles.fitting.fit import FitError
from heteroplan.profiles.fitting.fitted import Fitted, Line
from tests.outputs.plan.test_console import rendered

ENGINE = Engine(
    name="h100-tp4-decode",
    role=Role.DECODE,
    gpu="H100-SXM-80GB",
    gpus=4,
    source=Source(SourceKind.FITTED),
    decode=DecodeCoefficients(20.0, 0.1, 1e-5),
)
LINE = Line(
    what="decode",
    work="sequences of a step",
    points=20,
    seen=FitError(0.011, 0.04),
    held_out=FitError(0.021, 0.05),
    spread=0.004,
    reach="1-64 x 512-8192",
    marks=(),
)


def told(*fitted: Fitted, width: int = 100) -> list[str]:
    return rendered(render_fits, fitted, width).splitlines()


def test_the_table_shows_the_held_out_error_and_what_was_measured() -> None:
    line = told(Fitted(ENGINE, (LINE,)))[1]
    assert " ".join(line.split()) == (
        "H100-SXM-80GB x4 decode 20 1.1 % 2.1 % 5.0 % ±0.4 % 1-64 x 512-8192"
    )


def test_variants_of_an_engine_have_a_line_above_them() -> None:
    lines = told(Fitted(ENGINE, (LINE,), "vllm fp8"), Fitted(ENGINE, (LINE,), "vllm bf16"))
    assert [lines[1].strip(), lines[3].strip()] == ["vllm fp8", "vllm bf16"]


def test_long_variants_leave_the_other_columns_room() -> None:
    variant = "trtllm fp8 dp8 ep8 tensorrtllm-runtime:0.8.1.post2 2026-03-23"
    head, *lines = told(Fitted(ENGINE, (LINE,), variant), width=80)
    assert "held out" in head
    row = next(line for line in lines if line.startswith("H100"))
    wrapped = "".join(lines[: lines.index(row)])
    assert wrapped.replace(" ", "") == variant.replace(" ", "")


def test_each_model_has_its_table() -> None:
    one, other = (Fitted(ENGINE, (LINE,), model=model) for model in ("qwen", "llama"))
    lines = told(one, one, other)
    assert (lines[0], lines[4]) == ("qwen", "llama")
    assert lines[1].split() == lines[5].split()


@pytest.mark.parametrize(
    ("extrapolated", "error", "words"),
    [
        (False, 0.12, "itl"),
        (True, None, "itl, extrapolated"),
        (True, 0.12, "itl, extrapolated (error 12.0 %)"),
    ],
)
def test_a_rate_beyond_what_was_measured_has_its_error(
    extrapolated: bool, error: float | None, words: str
) -> None:
    source = replace(ENGINE.source, error_beyond=error)
    point = OperatingPoint(10.0, Limit.ITL, batch=60.0, extrapolated=extrapolated)
    asked = Asked(RequestClass("all", 1.0, 1000.0, 200.0, isl_cv=1.0), Slo(900.0, 60.0, 0.95))
    replicas = [(replace(ENGINE, source=source), point)]
    lines = rendered(lambda each, console: render_replicas(each, asked, console), replicas, 100)
    assert "1000 tokens in, 200 out, cv 1, P95" in lines
    assert lines.splitlines()[-1].endswith(f" 60  {words}")


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ([SourceKind.FITTED], None),
        ([SourceKind.MODELLED], "modelled by another tool, not measured: all of these"),
        ([SourceKind.FITTED, SourceKind.MODELLED], "not measured: h100-tp4-decode"),
        ([SourceKind.INTERPOLATED], "capacity stated by another tool: all of these"),
    ],
)
def test_the_table_says_what_was_not_measured(kinds: list[SourceKind], words: str | None) -> None:
    fitted = [Fitted(replace(ENGINE, source=Source(kind)), (LINE,)) for kind in kinds]
    last = told(*fitted, width=200)[-1]
    assert last.endswith(words or "context tokens of a step")


def test_what_was_not_repeated_has_no_column_for_it() -> None:
    once = replace(LINE, spread=None)
    assert "repeats" not in told(Fitted(ENGINE, (once,)))[0]
    assert "repeats" in told(Fitted(ENGINE, (once, LINE)))[0]
