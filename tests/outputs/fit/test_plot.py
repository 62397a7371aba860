import io
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from heteroplan.entities.workload import DecodeCoefficients, Engine, Role, Source, SourceKind
from heteroplan.outputs.fit.plot import render_plots
from heteroplan.profiles.fitting.fit import FitError, Mark
from heteroplan.profiles.fitting.fitted import Fitted, Line
from tests.outputs.plan.test_console import rendered

ENGINE = Engine(
    name="h100-tp4-decode",
    role=Role.DECODE,
    gpu="H100-SXM-80GB",
    gpus=4,
    source=Source(SourceKind.FITTED, "steps.csv"),
    decode=DecodeCoefficients(20.0, 0.1, 1e-5),
)


def fitted_to(marks: Sequence[Mark], engine: Engine = ENGINE, variant: str = "") -> Fitted:
    """A decode engine with these points."""
    line = Line(
        what="decode",
        work="sequences of a step",
        points=len(marks),
        seen=FitError(0.011, 0.04),
        held_out=FitError(0.021, 0.05),
        spread=0.004,
        reach="1-64 x 512-8192",
        marks=tuple(marks),
    )
    return Fitted(engine, (line,), variant)


def many_series(count: int) -> Fitted:
    """Each with two points, but the first with one."""
    first = [Mark(1, "context 1", 10.0, 10.0)]
    others = [Mark(w, f"context {i}", 10.0 + i, 10.0) for i in range(2, count + 1) for w in (2, 4)]
    return fitted_to(first + others)


STATED = Fitted(
    replace(ENGINE, decode=None, capacity_rps=3.25, source=Source(SourceKind.INTERPOLATED)), ()
)
FAR_OFF = fitted_to([Mark(work, "", 10.0, 20.0) for work in (1, 2, 3, 4)])
"""The fit says twice of what was measured."""


def plot(fitted: Fitted, width: int = 80) -> list[str]:
    return rendered(render_plots, [fitted], width).splitlines()


def in_encoding(fitted: Fitted, encoding: str) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    render_plots([fitted], Console(file=out, width=80))
    out.seek(0)
    return out.read()


def test_the_title_says_what_is_over_what() -> None:
    assert plot(FAR_OFF)[1] == "H100-SXM-80GB x4 decode: ms a step over sequences of a step"


def test_every_point_and_its_fit_are_told_apart_without_colour() -> None:
    """Points at 10 of 20.8 ms, lines at 20: 15 rows from the top, so rows 7 and 0."""
    lines = plot(FAR_OFF)[2:17]
    assert [i for i, line in enumerate(lines) if "●" in line] == [7]
    assert lines[7].count("●") == 4
    assert [i for i, line in enumerate(lines) if re.search("[⠁-⣿]", line)] == [0]
    assert plot(FAR_OFF)[-1] == "● measured  ⠤⠤ fit"


def test_points_stand_over_the_line_where_the_fit_meets_them() -> None:
    lines = plot(fitted_to([Mark(work, "", 10.0 * work, 10.0 * work) for work in (1, 2, 3)]))
    assert sum(line.count("●") for line in lines[2:17]) == 3


def test_work_that_spans_far_is_drawn_in_decades() -> None:
    """1, 10 and 100 sequences are as far apart, on a line where ms grow with them."""
    rows = plot(fitted_to([Mark(work, "", 5.0 * work, 5.0 * work) for work in (1, 10, 100)]))[2:17]
    places = [(row.index("●"), i) for i, row in enumerate(rows) if "●" in row]
    (high, first), (middle, second), (low, third) = places
    assert high - middle == pytest.approx(middle - low, abs=1)
    assert second - first == pytest.approx(third - second, abs=1)


@pytest.mark.parametrize(("most", "ticks"), [(20, "0 5 10 15 20"), (22, "1 2 5 10 20")])
def test_axes_are_logarithmic_from_a_factor_of_20(most: int, ticks: str) -> None:
    lines = plot(fitted_to([Mark(work, "", 5.0, 5.0) for work in (1, 4, most)]))
    assert " ".join(lines[18].split()) == ticks


def test_a_tick_at_the_very_end_of_an_axis_is_inside() -> None:
    """The axis ends at 20,075, and 20,000 is less than half a dot before it."""
    lines = plot(fitted_to([Mark(work, "", 5.0, 5.0) for work in (100, 16372)]))
    assert lines[17].endswith("┬")
    assert lines[18].endswith(" 20,000")


def test_series_are_named_in_the_order_of_their_settings() -> None:
    names = ("1024 in, 512 out", "1024 in, 64 out", "256 in, 64 out")
    lines = plot(fitted_to([Mark(8, name, 10.0, 11.0) for name in names]), width=120)
    assert lines[19] == (
        "measured:  ● 256 in, 64 out  ○ 1024 in, 64 out  ■ 1024 in, 512 out  ⠤⠤ fit"
    )


def test_only_the_fullest_series_are_drawn_and_that_is_told() -> None:
    text = "\n".join(plot(many_series(8)))
    assert "context 7" in text
    assert "context 8" not in text
    assert not re.search(r"context 1\b", text)
    assert text.endswith("2 of 8 series left out; these 6 have the most points")
    assert "left out" not in "\n".join(plot(many_series(6)))


@pytest.mark.parametrize(("width", "widest"), [(80, 80), (120, 100)])
def test_plots_keep_to_the_width(width: int, widest: int) -> None:
    long = replace(many_series(8), variant="trtllm fp8 1.0.0rc3 with expert parallelism")
    lines = plot(long, width)
    assert max(len(line) for line in lines if "┤" in line or "┬" in line) <= widest
    assert max(map(len, lines)) <= width
    assert any(len(line) == widest for line in lines if "┬" in line)


def test_a_narrow_terminal_does_no_harm() -> None:
    assert max(map(len, plot(FAR_OFF, 10)[3:])) < 30


def test_one_point_has_its_fit_as_a_dash() -> None:
    lines = plot(fitted_to([Mark(8, "", 10.0, 20.0)]))
    assert sum(line.count("●") for line in lines[2:17]) == 1
    assert len(re.findall("[⠁-⣿]", lines[2])) in (2, 3)


@pytest.mark.parametrize("works", [(1, 2, 3), (1, 100, 1000)])
def test_a_constant_latency_is_a_flat_line(works: tuple[float, ...]) -> None:
    lines = plot(fitted_to([Mark(work, "", 30.0, 30.0) for work in works]))[2:17]
    (row,) = [line for line in lines if "●" in line]
    assert row.count("●") == 3
    assert [line for line in lines if re.search("[⠁-⣿]", line)] == [row]


def test_nothing_is_drawn_of_a_stated_capacity() -> None:
    assert plot(STATED, 120)[1:] == [
        "H100-SXM-80GB x4 decode: states a capacity of 3.25 requests/s per replica: "
        "no latencies to draw"
    ]


def test_a_line_without_points_says_so() -> None:
    assert plot(fitted_to([]))[2:] == ["no points to draw"]


def test_points_of_a_model_are_not_called_measured() -> None:
    modelled = replace(ENGINE, source=Source(SourceKind.MODELLED))
    assert plot(replace(FAR_OFF, engine=modelled))[-1] == "● modelled  ⠤⠤ fit"


def test_a_terminal_without_unicode_gets_ascii() -> None:
    lines = in_encoding(FAR_OFF, "ascii").splitlines()
    assert lines[9].count("o") == 4
    assert "...." in lines[2]
    assert lines[-1] == "o measured  .. fit"
    assert in_encoding(FAR_OFF, "utf-8").count("●") == 5


@pytest.mark.parametrize("forced", ["1", "0", None])
def test_no_escape_codes_without_colour(
    forced: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever FORCE_COLOR says of standard output."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    no_colour = Console(file=io.StringIO(), width=80, force_terminal=True, no_color=True)
    if forced is not None:
        monkeypatch.setenv("FORCE_COLOR", forced)
    for each in (console, no_colour):
        render_plots([many_series(3)], each)
    assert "\x1b" not in console.file.getvalue()  # type: ignore[attr-defined]
    assert not re.search(r"\x1b\[[\d;]*3\d", no_colour.file.getvalue())  # type: ignore[attr-defined]


def test_series_have_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = Console(
        file=io.StringIO(), width=80, force_terminal=True, color_system="standard", no_color=False
    )
    render_plots([many_series(3)], console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[34m●" in text
    assert "\x1b[31m○" in text
