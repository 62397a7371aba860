import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inventory.formats.kubernetes.quantities import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8", 8),
        (8, 8),
        ("0", 0),
        ("64000m", 64),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1k", 1000),
        ("2M", 2e6),
        ("81559Mi", 81559 * 2**20),
        ("80Gi", 80 * 2**30),
        ("1e3", 1000),
        ("12E2", 1200),
        ("1E", 1e18),
        ("100n", 1e-7),
    ],
)
def test_quantities(text: object, number: float) -> None:
    """The forms of apimachinery's resource.Quantity: binary and decimal suffixes, exponents."""
    assert quantity(text) == pytest.approx(number)


@pytest.mark.parametrize(
    "text",
    [
        *["", "eight", "8 ", "8GB", "-8", "1e99", "9" * 70, "0x8", "\u0668"],
        *[-8, float("inf"), float("nan"), 10**400, True, None, [], {}],
    ],
)
def test_what_is_no_quantity(text: object) -> None:
    with pytest.raises(ValueError, match="not a quantity of Kubernetes; write a number such as 8"):
        quantity(text)


@given(st.integers(0, 2**53))
def test_whole_numbers_are_themselves(number: int) -> None:
    assert quantity(str(number)) == quantity(number) == number
