"""A study: which inputs of a scenario are varied, how its cases are planned, and its file."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.schemas.study import StudyFile
from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown
from heteroplan.reading.yaml_source import Document, parse_document, parse_value
from heteroplan.studies.case import Case, Inputs, Value, Variation, cases

MOST_VALUES = 10_000
"""Of one variation."""
_RANGE = ".."
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_EXAMPLE = "write for example demand=1,1.2,1.5 or fleet.LEAF.NODE_TYPE=6..12"
_OPENING, _CLOSING = "[{", "]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is varied, and what a study file says of the search; None where it says nothing."""

    variations: tuple[Variation, ...]
    named: Mapping[str, Inputs] = field(default_factory=dict)
    """Named cases: what each sets."""
    fixed: Inputs = ()
    """Set in every case."""
    name: str | None = None
    interval: str | None = None
    gap: float | None = None
    steps: int | None = None

    def cases(self) -> tuple[Case, ...]:
        """In order. Raises ValueError."""
        return cases(self.variations, self.named)


def read_study(source: str) -> Study:
    """The study in the file `source`; `-` reads standard input. Raises InputError."""
    path = STDIN if source == "-" else Path(source)
    name = shown(path)
    try:
        document, problems = parse_document(Files().text(path), name)
    except UnreadableError as error:
        raise InputError([InputProblem(name, 0, "", "", str(error))]) from None
    spec = checked(document, StudyFile, problems)
    if spec is None:
        raise InputError(problems)
    study = Study(
        variations=tuple(_variations(document, spec, problems)),
        named={name: tuple(inputs.items()) for name, inputs in spec.cases.items()},
        fixed=tuple(spec.set.items()),
        name=spec.name,
        interval=spec.interval,
        gap=spec.gap,
        steps=spec.steps,
    )
    if not problems:
        try:
            study.cases()
        except ValueError as error:
            problems.append(InputProblem(name, 0, "", "", str(error)))
    if problems:
        raise InputError(problems)
    return study


def _variations(
    document: Document, spec: StudyFile, problems: list[InputProblem]
) -> list[Variation]:
    found = []
    for path, given in spec.vary.items():
        values: list[Any] = given if isinstance(given, list) else [given]
        try:
            every = [value for each in values for value in expanded(each)]
            refuse_equal(path, every)
        except ValueError as error:
            problems.append(document.problem(("vary", path), str(error)))
            continue
        if (isinstance(given, str) and every == [given]) or not every:
            remedy = "neither a list nor a range; write [1, 1.2] or 6..12"
            problems.append(document.problem(("vary", path), remedy))
        found.append(Variation(path, tuple(every)))
    return found


def variation(text: str) -> Variation:
    """What `--vary` says: `demand=1,1.2,1.5`, `fleet.a-s1-l1.h100x8=6..12`, `demand=1..2/0.1`.

    Values are YAML; commas inside brackets and quotes divide nothing. A range has both its ends;
    its step is 1 unless one is given. Raises ValueError.
    """
    path, equals, written = text.partition("=")
    if not (path.strip() and equals and written.strip()):
        raise ValueError(f"{text!r} is not PATH=VALUE,VALUE,...; {_EXAMPLE}")
    found = [value for part in _parts(written) for value in values_of(part)]
    refuse_equal(path.strip(), found)
    return Variation(path.strip(), tuple(found))


def refuse_equal(path: str, values: Sequence[Value]) -> None:
    """Raises ValueError where a value of an input is there twice, or too many are."""
    if len(values) > MOST_VALUES:
        raise ValueError(f"{path} has more than {MOST_VALUES:,} values; leave some out")
    seen = set()
    for value in values:
        text = json.dumps(_comparable(value), sort_keys=True)
        if text in seen:
            raise ValueError(f"{path} has the value {value} twice; keep one of them")
        seen.add(text)


def expanded(value: Value) -> list[Value]:
    """The values of a text such as `6..12`; any other value alone. Raises ValueError."""
    if isinstance(value, str) and _RANGE in value:
        low, _, rest = value.partition(_RANGE)
        found = _range(value, low, rest)
        if found is None and _NUMBER.fullmatch(low.strip()):
            raise ValueError(f"{value.strip()!r}: not a range; write 6..12 or 1..2/0.25")
        return found or [value]
    return [value]


def values_of(text: str) -> list[Value]:
    """The values of a range, or the one value that `text` is. Raises ValueError."""
    found = expanded(text.strip())
    if found != [text.strip()] or text.strip().startswith("*"):
        return found
    try:
        value = parse_value(text, "--vary")
    except InputError as error:
        raise ValueError(f"{text.strip()!r}: {error.problems[0].remedy}") from None
    if value is None and not text.strip():
        raise ValueError("a value is missing between two commas")
    return [value]


def _range(text: str, low: str, rest: str) -> list[Value] | None:
    """From the low end to the high one; None where the ends are no numbers, as of a path."""
    high, slash, step = rest.partition("/")
    try:
        first, last = Decimal(low.strip()), Decimal(high.strip())
        stride = Decimal(step.strip()) if slash else Decimal(1)
    except InvalidOperation:
        return None
    if not (first.is_finite() and last.is_finite() and stride.is_finite() and stride > 0):
        raise ValueError(f"{text.strip()!r}: a range has numbers as its ends and a step above 0")
    if first > last:
        raise ValueError(f"{text.strip()!r}: the low end is above the high end; swap them")
    count = int((last - first) / stride) + 1
    if count > MOST_VALUES:
        raise ValueError(f"{text.strip()!r} has more than {MOST_VALUES:,} values; use a wider step")
    whole = all(each == each.to_integral_value() for each in (first, stride))
    if not slash and not whole:
        raise ValueError(f"{text.strip()!r}: say in which steps, such as {text.strip()}/0.1")
    return [int(at) if whole else float(at) for at in (first + i * stride for i in range(count))]


def _parts(text: str) -> Iterator[str]:
    """Between commas that stand in no brackets and no quotes."""
    depth, quote, start = 0, "", 0
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
        elif char == "," and depth == 0:
            yield text[start:i]
            start = i + 1
    yield text[start:]


def _comparable(value: Value) -> Value:
    """1 and 1.0 are the same; true is neither."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
