"""plan.json: a plan as text that is the same, byte for byte, for the same plan; and back."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs.checks.schema_problems import schema_problems
from heteroplan.inputs.plan_ids import plan_problems
from heteroplan.outputs.plan.document.parts import document_text
from heteroplan.outputs.plan.document.plan_checks import disagreements
from heteroplan.outputs.plan.document.plan_document import SCHEMA_VERSION, PlanDocument
from heteroplan.reading.input_files import STDIN, Files, UnreadableError
from heteroplan.reading.input_size import JSON_MARKS, values
from heteroplan.reading.yaml_source import Document

READ_VERSIONS = (1, SCHEMA_VERSION)
_SIGNS = {"engines", "shortages"}
"""Fields that all plans have, and no other file that is written."""
_MOST_BYTES = 512 * 2**20
_MOST_VALUES = 16_000_000
"""Of one plan.json: 2,000 leaves by 96 intervals and 20 pools have 4 million."""


def plan_text(document: PlanDocument) -> str:
    """plan.json: one line a field, and one an entry of the lists, of `savings` and of `inputs`."""
    return document_text(document)


def read_plan(source: str, *, with_inputs: bool = False) -> PlanDocument:
    """The plan document in the file `source`; `-` reads standard input.

    Raises InputError naming every wrong field, and on `with_inputs` for a plan of version 1.
    """
    name = "<stdin>" if source == "-" else source
    try:
        content = Files().content(STDIN if source == "-" else Path(source), _MOST_BYTES)
    except UnreadableError as error:
        raise InputError([InputProblem(name, 0, "", "", str(error))]) from error
    if values(content, JSON_MARKS) > _MOST_VALUES:
        remedy = f"more than {_MOST_VALUES:,} values; is this a plan.json?"
        raise InputError([InputProblem(name, 0, "", "", remedy)])
    try:
        found = PlanDocument.model_validate_json(content, extra="ignore")
    except ValidationError as error:
        raise InputError(_problems(name, content, error)) from error
    if wrong := list(disagreements(found)):
        document = _document(name, content)
        raise InputError(document.problem(*each) for each in wrong)
    if with_inputs and found.inputs is None:
        remedy = "has no `inputs`, which this needs; plan again to get version 2, which has them"
        raise InputError([_document(name, content).problem(("schema_version",), remedy)])
    path = None if source == "-" else Path(source)
    if mixed := list(plan_problems(path, content, found.plan_id)):
        raise InputError(mixed)
    return found


def _document(file: str, content: bytes) -> Document:
    return Document(file, from_json(content))


def _problems(file: str, content: bytes, error: ValidationError) -> Iterable[InputProblem]:
    """What pydantic found, in the words of the other inputs; the version comes before all."""
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        reason = first["msg"].removeprefix("Invalid JSON: ")
        return [InputProblem(file, 0, "", "", f"not JSON ({reason})")]
    document = _document(file, content)
    versioned = isinstance(document.data, dict)
    if versioned and document.value(("schema_version",)) not in READ_VERSIONS:
        known = " and ".join(map(str, READ_VERSIONS))
        remedy = f"this heteroplan reads schema_version {known}; write the plan again with it"
        return [document.problem(("schema_version",), remedy)]
    if versioned and not _SIGNS & document.data.keys():
        remedy = "this is no plan.json; name one that heteroplan plan --out wrote"
        return [InputProblem(file, 0, "", "", remedy)]
    return schema_problems(document, PlanDocument, error)
