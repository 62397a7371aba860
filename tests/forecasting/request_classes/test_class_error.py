"""The queue and the lengths by which classes are held against single requests."""

from math import exp, log

import numpy as np
import pytest

from heteroplan.forecasting.request_classes.class_error import (
    CAP,
    PARTS,
    TAIL,
    Case,
    Queue,
    lengths,
)


@pytest.mark.parametrize("cv", [0.1, 0.5, 1.0, 2.0, 3.0])
def test_parts_of_a_gamma_keep_its_mean_and_nearly_its_spread(cv: float) -> None:
    """Of all but the longest tenth each has as many requests; in each only the mean is told."""
    shares, means = lengths(cv)
    assert shares.sum() == pytest.approx(1.0)
    assert shares @ means == pytest.approx(1.0)
    assert shares @ means**2 == pytest.approx(1.0 + cv**2, rel=0.01)
    assert shares @ means**2 < 1.0 + cv**2
    assert shares[:PARTS] == pytest.approx([(1.0 - TAIL) / PARTS] * PARTS)
    assert (np.diff(means) > 0).all()


def test_parts_of_an_exponential_by_hand() -> None:
    """Between a and b it has e^-a - e^-b of the requests and (a + 1) e^-a - (b + 1) e^-b of the
    tokens; a share of p is shorter than -ln(1 - p)."""
    shares, means = lengths(1.0)
    for i in (0, 1, PARTS // 2, PARTS - 1):
        a, b = (-log(1.0 - (1.0 - TAIL) * each / PARTS) for each in (i, i + 1))
        tokens = (a + 1) * exp(-a) - (b + 1) * exp(-b)
        assert shares[i] * means[i] == pytest.approx(tokens)


def test_one_length_is_one_part() -> None:
    assert [each.tolist() for each in lengths(0.0)] == [[1.0], [1.0]]


def queue(shares: list[float], times: list[float], horizon: float = 30.0) -> Queue:
    return Queue(np.array(shares), np.array(times), horizon)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_waits_behind_requests_of_one_length(load: float) -> None:
    """M/D/1, service 1: up to it P(wait <= t) = (1 - load) e^(load t)."""
    of = queue([1.0], [1.0])
    for wait in (0.1, 0.5, 0.9):
        late = 1.0 - (1.0 - load) * exp(load * wait)
        assert of.late(load, 1.0 + wait) == pytest.approx(late, abs=2e-3)
        assert of.sojourn(load, late) == pytest.approx(1.0 + wait, abs=0.02)
        assert of.greatest_load(1.0 + wait, late) == pytest.approx(load, abs=2e-3)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_mean_waits_are_those_of_pollaczek_and_khinchine(load: float) -> None:
    """load / (1 - load) * second moment / (2 * mean): what lies below the tail, `load` at 0."""
    of = queue([0.75, 0.25], [0.5, 2.5], horizon=200.0)
    assert of.mean == 1.0
    second = 0.75 * 0.5**2 + 0.25 * 2.5**2
    mean = load / (1.0 - load) * second / 2.0
    below = (load / 2 + float(of.tail(load)[1:].sum())) * of.step
    assert below == pytest.approx(mean, rel=0.01)


def test_service_beyond_the_budget_is_late_at_any_load() -> None:
    """A quarter takes 2.5, so a budget of 2 is missed by a quarter at least."""
    of = queue([0.75, 0.25], [0.5, 2.5])
    assert of.late(0.0, 2.0) == pytest.approx(0.25)
    assert of.greatest_load(2.0, 0.2) == 0.0
    assert 0.0 < of.greatest_load(2.0, 0.3) < CAP
    assert of.greatest_load(29.0, 0.5) == CAP


@pytest.mark.parametrize("floor", [0.0, 0.25])
def test_requests_as_they_are_err_nothing_and_longer_ones_lower_the_rate(floor: float) -> None:
    """Told a tenth too long, the rate comes out a tenth too low at the least: busy as much, and
    each waits behind longer ones."""
    truth = lengths(1.0)
    first, second = (float(truth[0] @ truth[1] ** power) for power in (1, 2))
    case = Case(0.0, 0.0, 0.6, floor, first, second, truth)
    assert case.errors(*truth) == pytest.approx([0.0] * 3, abs=1e-6)
    assert case.slips(*truth) == pytest.approx([0.0] * 3, abs=1e-6)
    longer = case.errors(truth[0], 1.1 * truth[1])
    assert (longer < (-0.09 if floor == 0.0 else -0.08)).all()
    assert (case.slips(truth[0], 1.1 * truth[1]) < -0.08).all()


def test_one_step_of_newtons_is_near_the_error_where_it_is_small() -> None:
    """Lengths told 2 % too long; the error with its sign, of each percentile."""
    truth = lengths(1.0)
    first, second = (float(truth[0] @ truth[1] ** power) for power in (1, 2))
    case = Case(0.0, 0.3, 0.6, 0.0, first, second, truth)
    errors, slips = case.errors(truth[0], 1.02 * truth[1]), case.slips(truth[0], 1.02 * truth[1])
    assert (errors < 0.0).all()
    assert slips == pytest.approx(errors, rel=0.15)


@pytest.mark.parametrize(("fixed", "squared"), [(0.4, 0.0), (0.0, 0.9), (0.4, 0.3)])
def test_a_prefill_engine_takes_one_on_average(fixed: float, squared: float) -> None:
    """Whatever its parts; so at a load of 0.6 a request waits as behind those times, and the SLOs
    are what it then keeps: of a request of no length only the fixed part is left."""
    truth = np.array([0.7, 0.3]), np.array([0.5, 2.0])
    first, second = (float(truth[0] @ truth[1] ** power) for power in (1, 2))
    case = Case(fixed, squared, 0.6, 0.0, first, second, truth)
    linear = (1 - fixed) * (1 - squared)
    times = fixed + linear * truth[1] / first + (1 - fixed) * squared * truth[1] ** 2 / second
    assert float(truth[0] @ times) == pytest.approx(1.0)
    plain = Queue(truth[0], times, 40.0)
    for budget, late in zip(case.budgets, (0.1, 0.05, 0.01), strict=True):
        assert plain.late(0.6, budget) == pytest.approx(late, abs=0.01)
