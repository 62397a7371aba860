import re

import pytest

from heteroplan.outputs.sweep.spread import Spread, spread_chart, spread_section
from tests.pages import NASTY

HUNDRED = Spread("cost", "USD a day", [float(n) for n in range(100, 0, -1)])


def test_a_quantile_is_between_samples_as_in_the_tables_of_the_terminal() -> None:
    """Of 1 to 100 that of the share q is 1 + 99 q."""
    shares = (0.05, 0.5, 0.95, 0.99)
    wanted = pytest.approx([5.95, 50.5, 95.05, 99.01])
    assert [HUNDRED.quantile(share) for share in shares] == wanted
    assert HUNDRED.mean == pytest.approx(50.5)


def test_every_sample_is_in_a_bin() -> None:
    """The bins stand side by side from the least value to the greatest."""
    bars, *lines = spread_chart(HUNDRED).data
    assert sum(bars.y) == 100
    assert bars.x[0] - bars.width[0] / 2 == pytest.approx(1)
    assert bars.x[-1] + bars.width[-1] / 2 == pytest.approx(100)
    assert [line.x[0] for line in lines] == pytest.approx([50.5, 50.5, 95.05])


def test_equal_samples_are_one_bar() -> None:
    (bars, *_) = spread_chart(Spread("unserved", "requests", [0.0] * 7)).data
    assert list(bars.y) == [7]


def test_the_table_has_mean_quantiles_and_the_greatest() -> None:
    text = spread_section("s", "Samples", [HUNDRED])
    rows = re.findall(r"<tr><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>", text)
    assert rows[0] == ("mean", "50.5")
    assert rows[-1] == ("greatest", "100")
    assert ("95 % up to", "95") in rows
    assert "90 % of them between 5.95 and 95." in text


def test_names_are_text() -> None:
    text = spread_section("s", NASTY, [Spread(NASTY, NASTY, [1.0, 2.0])])
    assert "<img" not in text
