from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.errors import InputError
from heteroplan.reading import yaml_source
from heteroplan.reading.yaml_source import (
    Document,
    parse_document,
    parse_documents,
    parse_value,
    shortened,
)


def document(text: str) -> Document:
    found, problems = parse_document(text, "f.yaml")
    assert problems == []
    return found


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_document(text, "f.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-007", -7),
        ("1e-5", 1e-5),
        ("2.0e-5", 2e-5),
        (".5", 0.5),
        ("true", True),
        ("no", "no"),
        ("1:30", "1:30"),
        ("2026-11-23", "2026-11-23"),
        ("'5'", "5"),
        ("~", None),
        ("", None),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
        ("!!str 5", "5"),
        ("9" * 19, 1e19),
        ("-.inf", float("-inf")),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert parse_value(text, "--set") == value


def test_a_problem_knows_line_path_and_value() -> None:
    found = document("name: x\nworkloads:\n  - name: a\n    slo: {ttft_ms: 1,\n      itl_ms: 2}\n")
    path = ("workloads", 0, "slo", "itl_ms")
    assert str(found.problem(path, "low")) == "f.yaml:5: workloads[0].slo.itl_ms: 2: low"
    path = ("workloads", 0, "slo", "percentile")
    assert str(found.problem(path, "missing")) == "f.yaml:4: workloads[0].slo.percentile: missing"
    assert str(found.problem(("workloads", 7), "none")) == "f.yaml:2: workloads[7]: none"


def test_doubled_keys_are_problems_and_the_first_one_counts() -> None:
    found, problems = parse_document("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f.yaml")
    assert found.data == {"a": 1, "b": {"c": 1}}
    assert [str(each) for each in problems] == [
        "f.yaml:2: b.c: c: key appears twice; keep one of them",
        "f.yaml:3: a: a: key appears twice; keep one of them",
    ]


def test_merges_give_keys_that_the_mapping_lacks_and_their_lines() -> None:
    text = "base: &b {x: 1,\n  y: 2}\nuse:\n  <<: *b\n  y: 3\n"
    found = document(text)
    assert found.data["use"] == {"x": 1, "y": 3}
    assert found.problem(("use", "x"), "r").line == 1
    assert found.problem(("use", "y"), "r").line == 5


def test_odd_keys_and_tags_are_problems_of_their_lines() -> None:
    text = "1: a\n[x]: b\nc: !!python/name:os.system d\ne: !!int f\n<<: 3\n"
    _, problems = parse_document(text, "f.yaml")
    assert [str(each) for each in problems] == [
        "f.yaml:1: 1: 1: key is not text; write it in quotes",
        "f.yaml:2: tag:yaml.org,2002:seq: key is not text; write it in quotes",
        "f.yaml:3: c: d: tag tag:yaml.org,2002:python/name:os.system is not accepted; "
        "write the plain value",
        "f.yaml:4: e: f: tag tag:yaml.org,2002:int is not accepted; write the plain value",
        "f.yaml:5: <<: << takes an alias of a mapping, such as *base",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml:1: empty; write `key: value` lines"),
        ("# only a comment\n", "f.yaml:1: empty; write `key: value` lines"),
        ("- 1\n", "f.yaml:1: not a mapping of keys"),
        ("a: 1\nb: [1\nc: 2\n", "f.yaml:3: not YAML: did not find expected ',' or ']'"),
        ("a: *b\n", "f.yaml:1: not YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: not YAML: but found another document"),
        ("a: \x01\n", "f.yaml: not YAML: control characters are not allowed"),
        ("a: " + "[" * 40 + "]" * 40, "f.yaml:1: nested deeper than 32 levels; flatten it"),
        ("a: &x [*x]\n", "f.yaml:1: nested deeper than 32 levels; flatten it"),
        ("a: &x {<<: *x}\n", "f.yaml: nested deeper than 32 levels; flatten it"),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused(text: str, message: str) -> None:
    assert refused(text) == message


def test_an_alias_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine levels of nine aliases stand for 9^9 = 387 million fields in 300 bytes."""
    monkeypatch.setattr(yaml_source, "MAX_NODES", 10_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert "more than 10000 fields, aliases counted; use fewer" in refused("\n".join(lines))


def test_aliases_of_a_long_text_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "MAX_CHARACTERS", 1000)
    text = "a: &a " + "x" * 100 + "\n" + "".join(f"b{i}: [*a]\n" for i in range(10))
    assert refused(text).endswith("too much text, aliases counted; shorten it")
    assert document(text.replace("x" * 100, "x" * 90)).data["b9"] == ["x" * 90]


def test_too_many_fields_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, its key and the list are the first three of 201 nodes, the 198th entry the last."""
    monkeypatch.setattr(yaml_source, "MAX_NODES", 100)
    monkeypatch.setattr(yaml, "compose", None)
    assert refused("a:\n" + "- b\n" * 300) == "f.yaml:199: more than 100 fields; use fewer"


def test_a_mapping_is_looked_through_once_for_all_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    children = yaml_source._children

    def counted(node: Any) -> Any:
        looked.append(node)
        return children(node)

    monkeypatch.setattr(yaml_source, "_children", counted)
    text = "a: &a {x: 1, y: 2}\n" + "".join(f"k{i}: {{<<: *a,\n z: 1}}\n" for i in range(9))
    found = document(text)
    for i in range(9):
        for key, line in (("x", 1), ("y", 1), ("z", 3 + 2 * i), ("none", 2 + 2 * i)):
            assert found.line((f"k{i}", key)) == line
    assert len(looked) == 1 + 9 * 2, "the file, and each mapping with its merge"


def test_values_are_shown_short() -> None:
    assert shortened(None) == ""
    assert shortened("spine") == "spine"
    assert shortened("two\nlines") == '"two\\nlines"'
    assert shortened("") == '""'
    assert shortened({"a": [1, True]}) == '{"a": [1, true]}'
    assert shortened("x" * 100) == "x" * 57 + "..."


@given(st.text(alphabet=st.sampled_from("a1:-[]{}&*!<>|'\"\n\t ,#%@`?~.é\0"), max_size=60))
def test_any_text_is_a_document_or_an_input_error(text: str) -> None:
    with suppress(InputError):
        parse_document(text, "f.yaml")


def test_documents_of_one_file_know_their_lines() -> None:
    found, problems = parse_documents("a: 1\n---\n# nothing\n---\nb: 2\nc: {d: 3}\n", "f.yaml")
    assert problems == []
    assert [each.data for each in found] == [{"a": 1}, {"b": 2, "c": {"d": 3}}]
    assert str(found[1].problem(("c", "d"), "low")) == "f.yaml:6: c.d: 3: low"


def test_documents_that_are_no_mappings_are_refused() -> None:
    with pytest.raises(InputError, match=r"f\.yaml:3: not a mapping of keys"):
        parse_documents("a: 1\n---\n- b\n", "f.yaml")


def test_doubled_keys_of_any_document_are_problems() -> None:
    _, problems = parse_documents("a: 1\n---\nb: 2\nb: 3\n", "f.yaml")
    assert [(each.line, each.path) for each in problems] == [(4, "b")]


def test_fields_of_all_documents_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "MAX_NODES", 10)
    parse_documents("a: 1\n---\nb: 2\n---\nc: 3\n", "f.yaml")
    text = "---\n".join(["a: 1\n"] * 6)
    with pytest.raises(InputError, match="more than 10 fields, aliases counted; write JSON"):
        parse_documents(text, "f.yaml", "write JSON")
    with pytest.raises(InputError, match="more than 10 fields; write JSON"):
        parse_documents("---\n".join(["a: 1\n"] * 8), "f.yaml", "write JSON")
