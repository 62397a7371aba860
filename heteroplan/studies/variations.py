"""`PATH=VALUES` -> a variation: lists and ranges of values."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

from heteroplan.errors import InputError
from heteroplan.reading.yaml_source import parse_value
from heteroplan.studies.case import Value, Variation

MOST_VALUES = 10_000
"""Of one variation."""
_RANGE = ".."
_EXAMPLE = "write for example demand=1,1.2,1.5 or fleet.LEAF.NODE_TYPE=6..12"
_OPENING, _CLOSING = "[{", "]}"


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
        return _range(value, low, rest) or [value]
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
