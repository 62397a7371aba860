"""Options as keywords, names as texts."""

from dataclasses import dataclass
from inspect import signature
from pathlib import Path

import pytest

from heteroplan.pipelines.shared.arguments import keywords, names


@dataclass(frozen=True, kw_only=True)
class Options:
    often: int = 1
    sign: str = "!"


@keywords(Options)
def said(word: str, options: Options) -> str:
    """The word, often."""
    return word * options.often + options.sign


def test_options_are_keywords_with_their_defaults() -> None:
    assert said("ha") == "ha!"
    assert said("ha", often=2, sign="?") == "haha?"
    assert said.__doc__ == "The word, often."
    assert str(signature(said)) == "(word: str, /, *, often: int = 1, sign: str = '!') -> str"


def test_an_unknown_keyword_is_named() -> None:
    with pytest.raises(TypeError, match="oftn"):
        said("ha", oftn=2)  # type: ignore[call-arg]


def test_one_name_is_one_and_not_its_letters() -> None:
    assert names("ab") == ["ab"]
    assert names(Path("a") / "b") == [str(Path("a/b"))]
    assert names(("a", Path("b"))) == ["a", "b"]
    assert names(()) == []
