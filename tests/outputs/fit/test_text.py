from dataclasses import replace

import pytest

from heteroplan.entities.workload import DecodeCoefficients, Engine, Role, Source, SourceKind
from heteroplan.outputs.fit.text import render_fits
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
