"""Options of samples and of risk as users write them."""

import pytest

from heteroplan.cli.sampling import kinds, quantiles
from heteroplan.errors import UsageError


def test_quantiles_in_the_forms_that_people_write() -> None:
    assert quantiles("0.5,90%,P95, p99.9") == pytest.approx((0.5, 0.9, 0.95, 0.999))


def test_what_is_no_quantile() -> None:
    with pytest.raises(UsageError, match=r"--quantiles 0\.5,much: "):
        quantiles("0.5,much")


def test_kinds_of_what_is_sampled() -> None:
    assert kinds("demand, failures,") == ("demand", "failures")
