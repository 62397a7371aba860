"""A file of targets for `heteroplan export --targets`."""

from pathlib import Path

from heteroplan.entities.targets import TargetRule
from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs.build import target_rule
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.checks.targets import check_targets_reached
from heteroplan.inputs.schemas.targets import TargetsFile
from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown
from heteroplan.reading.yaml_source import parse_document, parse_value


def load_targets(source: str) -> tuple[TargetRule, ...]:
    """The rules in the file `source`; `-` reads standard input. Raises InputError."""
    path = STDIN if source == "-" else Path(source)
    name = shown(path)
    try:
        text = Files().text(path)
    except UnreadableError as error:
        raise InputError([InputProblem(name, 0, "", "", str(error))]) from None
    if isinstance(parse_value(text, name), list):
        remedy = "a list; write targets: above it"
        raise InputError([InputProblem(name, 1, "", "", remedy)])
    document, problems = parse_document(text, name)
    spec = checked(document, TargetsFile, problems)
    rules = () if spec is None else tuple(map(target_rule, spec.targets))
    problems += check_targets_reached(document, rules)
    if problems:
        raise InputError(problems)
    return rules
