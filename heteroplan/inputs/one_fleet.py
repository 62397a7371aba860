"""A fleet file by itself, without a scenario that names it."""

from pathlib import Path
from zoneinfo import ZoneInfo

from heteroplan.entities.fleet import Fleet
from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs import build
from heteroplan.inputs.checks.fleet import FleetCase, fleet_problems
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.reading.input_files import Files, UnreadableError, shown
from heteroplan.reading.yaml_source import parse_document


def read_fleet(path: Path, zone: ZoneInfo) -> Fleet:
    """The fleet in a file; stamps without an offset are local to `zone`. Raises InputError."""
    try:
        text = Files().text(path)
    except UnreadableError as error:
        raise InputError([InputProblem(shown(path), 0, "", "", str(error))]) from None
    return parse_fleet(text, shown(path), zone)


def parse_fleet(text: str, file: str, zone: ZoneInfo) -> Fleet:
    """The fleet in a text. Raises InputError with every problem."""
    document, problems = parse_document(text, file)
    spec = checked(document, FleetFile, problems)
    if spec is not None:
        problems += fleet_problems(FleetCase(document, spec, zone))
    if spec is None or problems:
        raise InputError(problems)
    return build.fleet(spec, zone)
