"""A fleet by itself: a fleet file, or the fleet of a scenario."""

from pathlib import Path
from zoneinfo import ZoneInfo

from heteroplan.entities.fleet import Fleet
from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs import build
from heteroplan.inputs.checks.fleet import FleetCase, fleet_problems
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.scenario import located
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown
from heteroplan.reading.yaml_source import Document, parse_document

FLEET = "fleet.yaml"
"""The fleet of a folder that holds no scenario."""


def read_fleet(name: str) -> Fleet:
    """The fleet of a fleet file, of a scenario.yaml, or of a folder that holds one of them.

    `-` is standard input. Stamps without an offset are in the time zone of the scenario, in UTC
    where there is none. Raises InputError with all problems of the fleet.
    """
    files = Files()
    path = _path(name)
    document = _document(files, path)
    zone = ZoneInfo("UTC")
    if "node_types" not in document.data and isinstance(document.value(("fleet",)), str):
        zone = _zone(document)
        folder = Path() if path == STDIN else path.parent
        document = _document(files, folder / document.data["fleet"])
    problems: list[InputProblem] = []
    spec = checked(document, FleetFile, problems)
    if spec is not None:
        problems += fleet_problems(FleetCase(document, spec, zone))
    if problems or spec is None:
        raise InputError(problems)
    return build.fleet(spec, zone)


def _path(name: str) -> Path:
    path = located(name)
    beside = path.parent / FLEET
    return beside if path != Path(name) and not path.exists() and beside.exists() else path


def _document(files: Files, path: Path) -> Document:
    try:
        document, problems = parse_document(files.text(path), shown(path))
    except UnreadableError as error:
        raise InputError([InputProblem(shown(path), 0, "", "", str(error))]) from None
    if problems:
        raise InputError(problems)
    return document


def _zone(scenario: Document) -> ZoneInfo:
    """Of a scenario; UTC where it has none."""
    written = scenario.value(("horizon", "timezone"))
    try:
        return ZoneInfo(written if isinstance(written, str) else "UTC")
    except (KeyError, ValueError, OSError):
        remedy = "unknown time zone; write an IANA name such as Asia/Singapore or UTC"
        raise InputError([scenario.problem(("horizon", "timezone"), remedy)]) from None
