"""JSON, JSON lines and YAML, and what every reader of them makes of a document gone wrong."""

import copy
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from heteroplan.errors import InputError, InputProblem
from heteroplan.profiles.readers.document import (
    MeasurementDocument,
    json_document_of,
    yaml_document_of,
)
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.read import read_measurements
from tests.profiles.readers.formats import (
    test_aibrix,
    test_aiperf,
    test_inference_perf,
    test_llmd,
    test_vllm,
)

GIVEN = Given("G", 1, "m")
SAID = {"aiperf": Given(None, 1, "m"), "llm-d": Given(None, None, "m")}
"""What is not given of documents that say it themselves."""


def refused(text: str, *, yaml: bool = False) -> tuple[int, str]:
    """Line and remedy of the only problem."""
    with pytest.raises(InputError) as raised:
        (yaml_document_of if yaml else json_document_of)("f", text)
    (problem,) = raised.value.problems
    assert problem.file == "f"
    return problem.line, problem.remedy


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n{"a": 2}',
        '{"a": 1}\n{"a": 2}\n',
        '{"a": 1}\r\n{"a": 2}\r\n',
        '{"a": 1}\n\n \n{"a": 2}\n',
    ],
)
def test_json_lines_are_a_list(text: str) -> None:
    assert json_document_of("f", text).content == [{"a": 1}, {"a": 2}]


def test_one_line_is_one_document() -> None:
    assert json_document_of("f", '{"a": 1}\n').content == {"a": 1}


def test_a_line_ends_only_where_json_says_so() -> None:
    """U+2028 and a form feed may stand inside a text or between tokens."""
    text = '{"a": "\u2028"}\n{"a": "\x85"}'
    assert json_document_of("f", text).content == [{"a": "\u2028"}, {"a": "\x85"}]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1}\n{"a": }\n', 2),
        ('{"a": 1}\n\n\n{"a": 1\n', 4),
        ('{"a": 1}\n{"a": 1, "a": 2}\n', 2),
        ('{"a": 1}\n{"a": 1} {"a": 2}\n', 2),
        ('{\n  "a": 1,\n  "b" 2\n}', 3),
        ('{"a": 1}\n[1]\n', 2),
    ],
)
def test_the_line_that_is_no_json_is_named(text: str, line: int) -> None:
    found, remedy = refused(text)
    assert found == line
    assert remedy.startswith("is no JSON: ")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"b": [{"a": 1, "a": 2}]}'])
def test_doubled_keys_of_json_are_refused(text: str) -> None:
    assert refused(text)[1] == "is no JSON: key 'a' appears twice"


def test_a_number_of_too_many_digits_is_refused() -> None:
    assert refused(f'{{"a": {"9" * 5000}}}')[1].startswith("is no JSON: Exceeds the limit")


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ("a: &x [*x]", 1, "nested deeper than 32 levels; flatten it"),
        ("a: &x {<<: *x}", 0, "nested deeper than 32 levels; flatten it"),
        ("a: 1\nb: {c: 1, c: 2}", 2, "key appears twice; keep one of them"),
        ("a: 1\nb: 2\na: 3", 3, "key appears twice; keep one of them"),
        ("a: 1\n---\nb: 2", 2, "not YAML: but found another document"),
        ("a: [1", 2, "not YAML: did not find expected ',' or ']'"),
        ("? [a]\n: 1", 1, "key is not text; write it in quotes"),
        (
            "a: !!python/object/apply:os.system ls",
            1,
            "tag tag:yaml.org,2002:python/object/apply:os.system is not accepted; "
            "write the plain value",
        ),
        *(
            (f"a: !!{tag}", 1, f"tag tag:yaml.org,2002:{tag.split()[0]} is not accepted; write")
            for tag in ("timestamp x", "int ''", "float ''", "bool x")
        ),
        ("[" * 150, 1, "nested deeper than 32 levels; flatten it"),
        ("a: \x00", 0, "not YAML: control characters are not allowed"),
    ],
)
def test_yaml_that_is_not_read(text: str, line: int, remedy: str) -> None:
    found, told = refused(text, yaml=True)
    assert found == line
    assert told.startswith(remedy)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a: &x 1\nb: *x", {"a": 1, "b": 1}),
        ("a: 2024-99-99", {"a": "2024-99-99"}),
        ("a: 1e-3", {"a": 1e-3}),
        ("a: " + "1:" * 200 + "1.5", {"a": "1:" * 200 + "1.5"}),
        ("50: 1\np99: 2\n0.9: 3", {"50": 1, "p99": 2, "0.9": 3}),
        ("- 1\n- no", [1, "no"]),
        ("a: !!python/object/apply:os.system [ls]", {"a": ["ls"]}),
    ],
)
def test_yaml_that_is_read(text: str, content: object) -> None:
    assert yaml_document_of("f", text).content == content


@pytest.mark.parametrize("text", ["", "a", "1", "null", "[]", "- a"])
def test_yaml_without_keys_is_of_no_format(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="names inside are of no known format"):
        read_measurements(path)


@pytest.mark.parametrize("deep", [10, 900, 5000])
def test_a_deep_document_is_of_no_format(tmp_path: Path, deep: int) -> None:
    path = tmp_path / "m.json"
    for text in ("[" * deep + "]" * deep, '{"a":' * deep + "1" + "}" * deep):
        path.write_text(text)
        with pytest.raises(InputError, match=r"names inside are of no known format|is no JSON"):
            read_measurements(path)


def test_a_document_is_known_by_three_levels_of_its_first_entry() -> None:
    content: Any = [[{"a": {"b": [{"c": {"d": 1}}]}}], {"x": 1}]
    assert MeasurementDocument("f", content).names == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ({2024: 1}, '{"2024": 1}'),
        ({(1, 2): 1}, "dict"),
        pytest.param(16**5000, "int", id="too many digits"),
        ({1, 2}, '"{1, 2}"'),
        ("x" * 100, '"' + "x" * 39),
    ],
)
def test_any_value_can_be_shown(content: Any, value: str) -> None:
    with pytest.raises(InputError) as raised:
        MeasurementDocument("f", content).fitting(TypeAdapter(float))
    assert [(each.path, each.value) for each in raised.value.problems] == [("", value)]


DOCUMENTS: dict[str, Any] = {
    "vllm": [test_vllm.RESULT | {"model_id": "m"}, test_vllm.SGLANG | {"num_prompts": 100}],
    "aiperf": test_aiperf.EXPORT | test_aiperf.telemetry("NVIDIA H200", "NVIDIA H200"),
    "inference-perf": test_inference_perf.STAGE,
    "llm-d": test_llmd.report(
        test_llmd.STACK,
        [test_llmd.engine("prefill", 3), test_llmd.SCHEDULER, test_llmd.engine("decode", 2)],
    ),
    "aibrix": test_aibrix.PROFILE,
}
HUGE = "1e400 as a number"
WRONG = [None, "", "x", "1", "²", -1, 0, True, 1.5, 10**400, HUGE, math.nan, [], [1], {}, {"a": 1}]


def places(content: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths to everything inside."""
    inside = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in inside:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


PLACES = {name: list(places(content)) for name, content in DOCUMENTS.items()}
CHANGES = st.sampled_from(list(DOCUMENTS)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.lists(
            st.tuples(st.sampled_from(PLACES[name]), st.sampled_from(WRONG)),
            min_size=1,
            max_size=2,
        ),
        st.lists(st.sampled_from(PLACES[name]), max_size=1),
    )
)


def changed(name: str, values: list[tuple[Any, Any]], dropped: list[Any]) -> str:
    """The document with other values in some places and without others."""
    content = copy.deepcopy(DOCUMENTS[name])
    for (*above, last), value in values + [(place, ...) for place in dropped]:
        place = content
        with suppress(LookupError, TypeError):
            for step in above:
                place = place[step]
            if value is ...:
                del place[last]
            else:
                place[last] = copy.copy(value)
    return json.dumps(content).replace(f'"{HUGE}"', "1e400")


def check(reading: FileMeasurements) -> None:
    """Whatever was read is what can be measured."""
    assert reading.runs or reading.rated or reading.notes
    for run in reading.runs:
        numbers = (run.isl, run.osl - 1.0, run.concurrency, run.ttft_ms, run.tpot_ms, run.rate_rps)
        assert all(math.isfinite(number) and number > 0.0 for number in numbers)
        sizes = (run.gpus, run.replicas, run.prefill_gpus or 1, run.prefill_replicas)
        assert all(isinstance(size, int) and 0 < size < 1e13 for size in sizes)
        assert run.gpu
    for rated in reading.rated:
        assert rated.isl > 0.0
        assert rated.osl > 0.0
        assert 0.0 <= rated.capacity_rps < math.inf


def read_or_refused(
    path: Path, name: str | None, asked: Given
) -> FileMeasurements | tuple[InputProblem, ...]:
    try:
        return read_measurements(path, name, asked)
    except InputError as error:
        return error.problems


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_unchanged_document_is_known_and_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(changed(name, [], []))
    told = SAID.get(name, GIVEN)
    reading = read_measurements(path, given=told)
    assert reading == read_measurements(path, name, told)
    check(reading)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CHANGES, st.booleans())
def test_a_changed_document_is_read_or_refused(
    tmp_path: Path, change: tuple[str, list[Any], list[Any]], asked: bool
) -> None:
    name = change[0]
    path = tmp_path / "m.json"
    path.write_text(changed(*change))
    found = read_or_refused(path, name, SAID.get(name, GIVEN) if asked else Given())
    if isinstance(found, FileMeasurements):
        check(found)
        return
    assert found
    for problem in found:
        assert problem.file == str(path)
        assert problem.remedy
        assert " _" not in problem.remedy


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("text", ["[]", "{}", "[1]", '{"a": 1}', '{"a": 1}\n{"a": 2}'])
def test_a_document_of_nothing_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read_measurements(path, name, GIVEN)
