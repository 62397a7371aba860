"""Keys: what they depend on."""

from dataclasses import replace

import pytest

from heteroplan.studies import key
from heteroplan.studies.key import Search, case_key

SEARCH = Search(gap=0.01, steps=None, solver="HiGHS")


def test_a_key_depends_on_all_that_the_result_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        case_key("a", SEARCH),
        case_key("b", SEARCH),
        case_key("a", replace(SEARCH, gap=0.02)),
        case_key("a", replace(SEARCH, steps=3)),
        case_key("a", replace(SEARCH, solver="cbc")),
        case_key("a", SEARCH, start="k"),
    }
    assert len(found) == 6
    assert case_key("a", SEARCH) in found
    monkeypatch.setattr(key, "__version__", "99")
    assert case_key("a", SEARCH) not in found


def test_a_key_is_a_name_of_a_file() -> None:
    assert len(case_key("a", SEARCH)) == 64
    assert set(case_key("a", SEARCH)) <= set("0123456789abcdef")
