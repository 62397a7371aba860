"""What a text may be, and what of it is shown."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.inputs.schemas.base import Name
from heteroplan.text import NAME, listed, of_words, visible, wrong_name

NASTY = st.text(
    st.sampled_from("ab: #[\n\t\r\x1b\x7f\x85\x9b\u2028\u202e\u2066\ud800=é"), max_size=12
)
TEXTS = st.text(max_size=20) | NASTY
NAMES = TypeAdapter(Name)


REORDERS = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def acts(text: str) -> bool:
    """Whether anything in it is a command to a terminal or to what reads a log."""
    return (
        any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in text)
        or not REORDERS.isdisjoint(map(unicodedata.bidirectional, text))
        or re.search(r"::[A-Za-z]", text) is not None
        or re.search(r"##[A-Za-z]*\[", text) is not None
    )


@given(TEXTS)
@example(":::error::x")
@example("###[error]")
def test_what_is_shown_does_nothing_and_twice_is_as_once(text: str) -> None:
    shown = visible(text)
    assert not acts(shown)
    assert visible(shown) == shown
    assert acts(text) or shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31m", r"a\x1b[31m"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\u202eabc\u2028\x7f\x9b", r"\u202eabc\u2028\x7f\x9b"),
        ("\udcff", r"\udcff"),
        ("::error file=x::y", r"\x3a:error file=x\x3a:y"),
        ("##[error] ##vso[task.x]", r"\x23#[error] \x23#vso[task.x]"),
        ("Größe 漢字 👩‍🔬 a:b ::1 # x", "Größe 漢字 👩‍🔬 a:b ::1 # x"),
    ],
)
def test_what_would_act_is_shown_escaped_and_nothing_else(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_each_character_that_acts_is_escaped_and_no_other() -> None:
    """Of the 65,536: control and half ones, line ends, and all that Unicode has to turn text."""
    turning = "\u061c\u200e\u200f\u206a\u206b\u206c\u206d\u206e\u206f"
    everything = [chr(code) for code in range(2**16)]
    expected = {each for each in everything if acts(each)} | set(turning)
    assert {each for each in everything if visible(each) != each} == expected
    assert all(wrong_name(f"a{each}b") for each in expected if not "\ud800" <= each <= "\udfff")
    for each in expected - set("\t\n\r"):
        assert visible(each) == (
            f"\\x{ord(each):02x}" if each < "\u0100" else f"\\u{ord(each):04x}"
        )


@given(TEXTS.map(lambda text: text.replace("\ud800", "")))
@example("a\n")
def test_a_name_is_the_same_to_a_message_a_pattern_and_a_schema(text: str) -> None:
    try:
        taken = NAMES.validate_python(text) == text
    except ValidationError:
        taken = False
    assert taken == (not wrong_name(text))
    if text:
        assert taken == bool(re.fullmatch(NAME, text))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("chat 70B (é)", ""),
        ("x" * 253, ""),
        ("x" * 254, "longer than 253 characters"),
        ("  ", "empty"),
        ("x ", "begins or ends with a blank"),
        ("=HYPERLINK(1)", "begins with =, which makes it a formula"),
        *((mark + "x", f"begins with {mark}") for mark in "+-@"),
        *((f"a{each}b", "control characters") for each in "\n\x7f\x85\u2028\u202e"),
    ],
)
def test_a_wrong_name_is_told_why(text: str, wrong: str) -> None:
    assert wrong_name(text).startswith(wrong) or wrong in wrong_name(text)
    assert bool(wrong_name(text)) == bool(wrong)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty; write a name"),
        (" \t", "empty; write a name"),
        ("\n" + "x" * 253, "longer than 253 characters; shorten it"),
        (" a\x1b", "holds control characters; remove them"),
        (" =a", "begins or ends with a blank; remove it"),
        ("a\u3000", "begins or ends with a blank; remove it"),
        ("@a", "begins with @, which makes it a formula in a spreadsheet; rename it"),
        ("a=b", ""),
    ],
)
def test_of_all_that_is_wrong_with_a_name_the_first_is_told(text: str, told: str) -> None:
    assert wrong_name(text) == told


def test_errors_are_one_line_a_problem() -> None:
    nasty = "a\n::error file=x::"
    problem = InputProblem(nasty, 0, nasty, nasty, nasty)
    assert str(InputError([problem, problem])).splitlines() == [str(problem)]
    assert not acts(str(problem))
    assert not acts(str(UsageError(nasty)))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a10", ["A10-24GB"]),
        ("A100-40GB", ["A100-PCIE-40GB", "A100-SXM-40GB"]),
        ("A100 SXM", ["A100-SXM-40GB"]),
        ("40gb_a100", ["A100-PCIE-40GB", "A100-SXM-40GB"]),
        ("A1", []),
        ("A100-80GB", []),
        ("²", []),
        ("", []),
    ],
)
def test_words_are_found_in_any_order_and_whole(name: str, found: list[str]) -> None:
    assert of_words(name, ["A10-24GB", "A100-PCIE-40GB", "A100-SXM-40GB"]) == found


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], ""),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b and 1 more"),
        (["a"] * 1202, "a, a and 1,200 more"),
    ],
)
def test_of_many_names_the_first_are_listed(names: list[str], told: str) -> None:
    assert listed(names, 2) == told
