import numpy as np
import pytest

from heteroplan.profiles.fitting.regression import Form, LatencyCurve, chosen, fitted, held_out

LINE, QUADRATIC = Form((0, 1)), Form((0, 1, 2))
FLOORED = Form((0, 1), floored=True)
LENGTHS = np.array([128.0, 256, 512, 1024, 2048, 4096, 8192, 16384])
COLUMNS = np.column_stack([np.ones_like(LENGTHS), LENGTHS, LENGTHS**2])
INNER = np.arange(1, len(LENGTHS) - 1)
FORMS = (LINE, FLOORED, QUADRATIC)


def test_an_exact_line_is_found_and_nothing_richer_is_asked_for() -> None:
    form, errors = chosen(FORMS, COLUMNS, 5.0 + 0.1 * LENGTHS, INNER)
    curve = fitted(form, COLUMNS, 5.0 + 0.1 * LENGTHS)
    assert form == LINE
    assert curve.values == pytest.approx((5.0, 0.1, 0.0))
    assert np.abs(errors).max() < 1e-9


def test_a_square_enters_where_points_left_out_ask_for_it() -> None:
    latency_ms = 5.0 + 0.1 * LENGTHS + 1e-5 * LENGTHS**2
    form, _ = chosen(FORMS, COLUMNS, latency_ms, INNER)
    assert form == QUADRATIC
    assert fitted(form, COLUMNS, latency_ms).values == pytest.approx((5.0, 0.1, 1e-5))


def test_a_floor_is_found_where_small_work_takes_no_less() -> None:
    """Never below 60 ms: three of the lengths lie on the floor, 1,024 takes 102.4."""
    latency_ms = np.maximum(60.0, 0.1 * LENGTHS)
    form, _ = chosen(FORMS, COLUMNS, latency_ms, INNER)
    curve = fitted(form, COLUMNS, latency_ms)
    assert form == FLOORED
    assert curve.floor_ms == pytest.approx(60.0)
    assert curve.values == pytest.approx((0.0, 0.1, 0.0), abs=1e-9)


def test_one_outlier_does_not_move_the_line() -> None:
    """Least squares would take the point that is three times too slow at its word."""
    latency_ms = 5.0 + 0.1 * LENGTHS
    latency_ms[3] *= 3.0
    assert fitted(LINE, COLUMNS, latency_ms).values[1] == pytest.approx(0.1, rel=0.01)


def test_no_coefficient_is_negative() -> None:
    """A line of 0.1 a token that starts at -5 ms is fitted from 0."""
    assert min(fitted(QUADRATIC, COLUMNS, 0.1 * LENGTHS - 5.0).values) == 0.0


def test_two_points_that_differ_are_no_floor() -> None:
    latency_ms = 5.0 + 0.1 * LENGTHS
    assert fitted(FLOORED, COLUMNS, latency_ms) == fitted(LINE, COLUMNS, latency_ms)


def test_errors_are_relative() -> None:
    curve = LatencyCurve((0.0, 0.1, 0.0), floor_ms=20.0)
    assert curve.errors(COLUMNS[:3], np.array([10.0, 25.6, 64.0])) == pytest.approx(
        [20 / 10 - 1, 0.0, 51.2 / 64 - 1]
    )


def test_too_few_points_leave_none_out() -> None:
    few = slice(0, 3)
    assert len(held_out(QUADRATIC, COLUMNS[few], LENGTHS[few], np.array([1]))) == 0
    form, errors = chosen(FORMS, COLUMNS[few], LENGTHS[few], np.array([1]))
    assert form == LINE
    assert len(errors) == 1


def test_points_count_by_their_importance() -> None:
    """Two lengths that count a million times as much as the others have the line to themselves."""
    latency_ms = 5.0 + 0.1 * LENGTHS + 3.0 * np.sqrt(LENGTHS)
    importance = np.where((LENGTHS == 512) | (LENGTHS == 2048), 1e6, 1.0)
    off = fitted(LINE, COLUMNS, latency_ms, importance).errors(COLUMNS, latency_ms)
    assert np.abs(off[importance > 1.0]).max() < 1e-3 < np.abs(off).max()
    same = fitted(LINE, COLUMNS, latency_ms, np.full(len(LENGTHS), 1.0))
    assert same == fitted(LINE, COLUMNS, latency_ms)
    told = held_out(LINE, COLUMNS, latency_ms, np.array([1]), importance)
    kept = np.delete(np.arange(len(LENGTHS)), 1)
    line = fitted(LINE, COLUMNS[kept], latency_ms[kept], importance[kept])
    assert told == pytest.approx(line.errors(COLUMNS[1:2], latency_ms[1:2]))
