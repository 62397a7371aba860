"""pydantic's errors -> problems in plain words."""

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from typing import Annotated, Any, cast, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from heteroplan.errors import MOST_NOTED, InputProblem
from heteroplan.inputs.schemas import FILES
from heteroplan.reading.numbers import parse_percent
from heteroplan.reading.yaml_source import Document, FieldPath
from heteroplan.text import wrong_name

type _Detail = dict[str, Any]
"""What pydantic says of one error."""

_SIGNS = {
    "plan": {"schema_version", "pools"},
    "scenario": {"workloads", "fleet"},
    "offers": {"offers"},
    "fleet": {"node_types"},
    "profile": {"engines", "model"},
    "targets": {"targets"},
    "sweep-study": {"vary"},
}
"""Keys by which a kind of file is known."""
_NO_STEPS = (
    "[key]",
    "<one>",
    "<file>",
    "<trace>",
    "<list>",
    "<number>",
    "<dispersion>",
    "<regions>",
)
"""Steps of pydantic's paths that are none of the document's: which of several schemas was taken."""
_TYPES = {
    "int_type": "not a whole number; write one without quotes",
    "int_from_float": "not a whole number",
    "float_type": "not a number; write one without quotes",
    "string_type": "not text; write it in quotes",
    "bool_type": "not true or false",
    "list_type": "not a list; write [a, b] or lines that start with -",
    "tuple_type": "not a list; write [a, b] or lines that start with -",
    "dict_type": "not a mapping; write {key: value} or `key: value` lines",
    "model_type": "not a mapping; write {key: value} or `key: value` lines",
    "model_attributes_type": "not a mapping; write {key: value} or `key: value` lines",
    "finite_number": "not a finite number",
    "string_too_short": "empty",
    "string_unicode": "holds a part of a character; write UTF-8",
    "int_parsing_size": "too large",
}


def checked[T: BaseModel](
    document: Document, model: type[T], problems: list[InputProblem]
) -> T | None:
    """The document as `model`; None, with the problems added, where it does not fit."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        if remedy := _other_kind(document, model):
            problems.append(InputProblem(document.file, 0, "", "", remedy))
        else:
            problems.extend(schema_problems(document, model, error))
        return None


def _other_kind(document: Document, model: type[BaseModel]) -> str:
    """What to do where the file is one of another kind; empty where it is not."""
    wanted = next((kind for kind, schema in FILES.items() if schema is model), "")
    names_offers = wanted == "offers" and _SIGNS["scenario"].issubset(document.data)
    if not wanted or (_SIGNS[wanted].issubset(document.data) and not names_offers):
        return ""
    found = next((kind for kind, keys in _SIGNS.items() if keys.issubset(document.data)), "")
    if not found:
        return ""
    return f"this looks like {_with_article(found)} file; name {_with_article(wanted)} file instead"


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def schema_problems(
    document: Document, model: type[BaseModel], error: ValidationError
) -> Iterator[InputProblem]:
    """Each error of `document` against `model`, at its field."""
    details = [
        (tuple(step for step in detail["loc"] if step not in _NO_STEPS), cast(_Detail, detail))
        for detail in error.errors(include_url=False)
    ]
    unknown = (path for path, detail in details if detail["type"] == "extra_forbidden")
    meant = {
        (*path[:-1], near)
        for path in islice(unknown, MOST_NOTED)
        if (near := _near_key(model, path))
    }
    beside = {path[:-1] for path in meant}
    found = [each for each in details if not _follows(document, *each, meant, beside)]
    found.sort(key=lambda each: document.line(each[0]))
    for path, detail in found[:MOST_NOTED]:
        yield document.problem(path, _remedy(model, path, detail))


def _follows(
    document: Document,
    path: FieldPath,
    detail: _Detail,
    meant: set[FieldPath],
    beside: set[FieldPath],
) -> bool:
    """Whether the key is only absent because it, or one beside it, is misspelt."""
    if detail["type"] == "missing":
        return path in meant
    return path[:-1] in beside and detail["type"] == "value_error" and document.value(path) is None


def _remedy(model: type[BaseModel], path: FieldPath, detail: _Detail) -> str:
    kind, context = str(detail["type"]), detail.get("ctx", {})
    field = _field(model, path)
    first = (field.description or "").partition("\n\n")[0].rstrip(".") if field else ""
    about = f" ({first})" if first else ""
    match kind:
        case "missing":
            return f"missing; add it{about}"
        case "extra_forbidden":
            return _unknown_key(model, path)
        case "float_type" if (share := parse_percent(str(detail["input"]))) is not None:
            return f"not a number; write {share:g}{about}"
        case "literal_error" | "enum":
            return f"must be {context['expected']}"
        case "value_error":
            return str(context["error"])
        case "greater_than":
            return f"must be greater than {context['gt']:g}{about}"
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}{about}"
        case "less_than":
            return f"must be less than {context['lt']:g}{about}"
        case "less_than_equal":
            return f"must be at most {context['le']:g}{about}"
        case "string_pattern_mismatch" if "a-z0-9" in context["pattern"]:
            return (
                "not an RFC 1123 label; use lower-case letters, digits and -, at most 63, "
                "beginning and ending with a letter or digit"
            )
        case "string_pattern_mismatch" if "0-9a-f" in context["pattern"]:
            return "not a SHA-256 hash; it has 64 digits from 0 to 9 and a to f"
        case "string_pattern_mismatch":
            return wrong_name(str(detail["input"])) or "holds control characters; remove them"
        case "too_short":
            return f"too few entries; at least {context['min_length']}{about}"
        case "too_long":
            return f"too many entries; at most {context['max_length']}{about}"
        case "string_too_long":
            return f"longer than {context['max_length']} characters"
        case _ if kind.startswith("datetime"):
            return "not a moment; write for example 2026-11-23T00:00:00+08:00"
        case _ if kind in _TYPES:
            return _TYPES[kind] + about
    return str(detail["msg"])


def _unknown_key(model: type[BaseModel], path: FieldPath) -> str:
    parent = _model(model, path[:-1])
    keys = list(_known(parent)) if parent else []
    if same := next((names[0] for names in keys if path[-1] in names), None):
        return f"the same as '{same}', which is given as well; keep one of them"
    if near := _near_key(model, path):
        return f"unknown key; did you mean '{near}'?"
    return f"unknown key; known are {', '.join(names[0] for names in keys)}"


def _near_key(model: type[BaseModel], path: FieldPath) -> str:
    """The known key that an unknown one looks like; empty where there is none."""
    parent = _model(model, path[:-1])
    known = [names[0] for names in _known(parent)] if parent else []
    return next(iter(get_close_matches(str(path[-1]), known, n=1)), "")


def _known(model: type[BaseModel]) -> dict[tuple[str, ...], FieldInfo]:
    """Fields by the keys that the file may call them, the first one preferred."""
    return {_keys(name, field): field for name, field in model.model_fields.items()}


def _keys(name: str, field: FieldInfo) -> tuple[str, ...]:
    choices = field.validation_alias
    if isinstance(choices, AliasChoices):
        return tuple(str(choice) for choice in choices.choices)
    return (choices if isinstance(choices, str) else name,)


def _field(model: type[BaseModel], path: FieldPath) -> FieldInfo | None:
    """The field at `path`, if it is one of a schema."""
    parent = _model(model, path[:-1]) if path else None
    known = _known(parent) if parent else {}
    return next((field for keys, field in known.items() if path[-1] in keys), None)


def _model(model: type[BaseModel], path: FieldPath) -> type[BaseModel] | None:
    """The schema of the mapping at `path`."""
    found: Any = model
    for step in path:
        if isinstance(step, int):
            # Of one or a list of them the items are like the one.
            found = next(iter(get_args(found)), found)
        elif isinstance(found, type) and issubclass(found, BaseModel):
            field = _field(found, (step,))
            found = _without_none(field.annotation) if field else None
        elif get_origin(found) is dict:
            found = _without_none(get_args(found)[1])
        else:
            return None
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _without_none(annotation: Any) -> Any:
    """T of `T | None`, the schema or list of several kinds; anything else as it is."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (None, list, dict, tuple):
        return annotation
    parts = [_without_none(part) for part in get_args(annotation) if part is not type(None)]
    return next((part for part in parts if part is not str), parts[0])
