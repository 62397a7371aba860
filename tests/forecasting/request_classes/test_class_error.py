"""How classes are held against single requests."""

import numpy as np
import pytest

from heteroplan.forecasting.request_classes.class_error import Case
from heteroplan.queueing.lengths import gamma_parts
from heteroplan.queueing.sojourns import Sojourns


@pytest.mark.parametrize("floor", [0.0, 0.25])
def test_requests_as_they_are_err_nothing_and_longer_ones_lower_the_rate(floor: float) -> None:
    """Told a tenth too long, the rate comes out a tenth too low at the least: busy as much, and
    each waits behind longer ones."""
    truth = gamma_parts(1.0)
    first, second = (float(truth[0] @ truth[1] ** power) for power in (1, 2))
    case = Case(0.0, 0.0, 0.6, floor, first, second, truth)
    assert case.errors(*truth) == pytest.approx([0.0] * 3, abs=1e-6)
    assert case.slips(*truth) == pytest.approx([0.0] * 3, abs=1e-6)
    longer = case.errors(truth[0], 1.1 * truth[1])
    assert (longer < (-0.09 if floor == 0.0 else -0.08)).all()
    assert (case.slips(truth[0], 1.1 * truth[1]) < -0.08).all()


def test_one_step_of_newtons_is_near_the_error_where_it_is_small() -> None:
    """Lengths told 2 % too long; the error with its sign, of each percentile."""
    truth = gamma_parts(1.0)
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
    plain = Sojourns(truth[0], times, 40.0)
    for budget, late in zip(case.budgets, (0.1, 0.05, 0.01), strict=True):
        assert plain.late_share(0.6, budget) == pytest.approx(late, abs=0.01)
