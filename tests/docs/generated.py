"""What pages show of the program: commands, fields of files, packages, rules, policies."""

import ast
import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer

import heteroplan
from heteroplan.cli.app import app
from heteroplan.entities.targets import PRESETS
from heteroplan.optimize.rules import RULES
from heteroplan.outputs.nightly.metrics import HELP, PREFIX
from heteroplan.pipelines.export import NOT_CARRIED_OUT
from heteroplan.pipelines.schema import schema
from heteroplan.schedules.formats import SCHEDULE_FORMATS
from heteroplan.schedules.targets.scaling import refusal
from heteroplan.schedules.targets.target import Target
from heteroplan.simulation.policies.registry import POLICIES, PolicyKind
from heteroplan.simulation.policies.shared.options import MOST
from tests.docs.constants import constants

type Schema = dict[str, Any]

KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true` or `false`",
}
LIMITS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}


def commands() -> str:
    """Each command: what it does, its arguments and its options."""
    group: Any = typer.main.get_command(app)
    context = typer.Context(group, info_name="heteroplan")
    return "\n".join(_command(name, each, context) for name, each in each_command(group))


def each_command(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Commands by name, those of a command that has some as `fleet import`."""
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from each_command(each, f"{before}{name} ")
        else:
            yield f"{before}{name}", each


def _command(name: str, command: Any, context: Any) -> str:
    options = [each for each in command.params if each.param_type_name == "option"]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([*(_argument(each) for each in arguments), "[OPTIONS]"])
    help_option = command.get_help_option(context)
    rows = [
        (_option(each), _default(each), each.help or "")
        for each in options
        if not each.hidden and each is not help_option
    ]
    stated = [f"`{_shown_name(each)}`: {each.help}\n" for each in arguments]
    return "\n".join(
        [
            f"## heteroplan {name}\n",
            f"`heteroplan {name} {usage}`\n",
            f"{command.help}\n",
            *stated,
            *(_table(("option", "default", "meaning"), rows) if rows else ()),
        ]
    )


def _argument(argument: Any) -> str:
    many = "..." if argument.nargs == -1 else ""
    return f"{_shown_name(argument)}{many}"


def _shown_name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _option(option: Any) -> str:
    names = " / ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
    return f"`{names}{value}`"


def _default(option: Any) -> str:
    if option.default is None or callable(option.default) or isinstance(option.default, bool):
        return ""
    return "" if option.default in ("", (), []) else f"`{option.default}`"


def fields(kind: str) -> Callable[[], str]:
    """Makes the tables of one kind of file: its own fields first, then those of what is inside."""
    return lambda: "\n".join(_Fields(kind).tables())


class _Fields:
    """The fields of one kind of file, as its JSON Schema has them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.schema = json.loads(schema(kind))
        self.inside: dict[str, Schema] = self.schema.get("$defs", {})
        self.paths: dict[str, str] = {}
        """Where a reader first meets an object: `workloads.slo`."""
        self.around: list[str] = []
        """Names whose types hold the one that is told now: a value may be a list of values."""
        self._visit(self.schema, "")

    def _visit(self, schema: Schema, path: str) -> None:
        for field, part in schema["properties"].items():
            here = f"{path}.{field}".lstrip(".")
            for name in _references(part):
                if "properties" in self.inside[name] and name not in self.paths:
                    self.paths[name] = here
                    self._visit(self.inside[name], here)

    def tables(self) -> Iterator[str]:
        yield from self._table(self.schema)
        for name, path in self.paths.items():
            schema = self.inside[name]
            yield f"### {self.kind}: {path}\n"
            yield f"{_line(schema.get('description', ''))}\n"
            yield from self._table(schema)

    def _table(self, schema: Schema) -> list[str]:
        needed = schema.get("required", ())
        rows = [
            (
                f"`{field}`",
                self._type(part) + (" or `null`" if field in needed and _may_be_null(part) else ""),
                "needed" if field in needed else _default_of(part),
                self._meaning(part),
            )
            for field, part in schema["properties"].items()
        ]
        return _table(("field", "type", "default", "meaning"), rows)

    def _meaning(self, part: Schema) -> str:
        of_itself = part.get("description", "")
        inside = (self.inside[name].get("description", "") for name in _references(part))
        return of_itself or next(inside, "")

    def _type(self, part: Schema) -> str:
        """What may stand there, in words."""
        if "$ref" in part:
            return self._of_name(part["$ref"].rpartition("/")[2])
        for key in ("anyOf", "oneOf", "allOf"):
            if key in part:
                kinds = [self._type(each) for each in part[key] if each.get("type") != "null"]
                return " or ".join(dict.fromkeys(kinds))
        if part.get("type") == "array":
            return f"list of {self._type(part.get('items', {}))}"
        if part.get("type") == "object":
            values = [part.get("additionalProperties"), *part.get("patternProperties", {}).values()]
            return f"mapping to {self._type(next(filter(None, values), {}))}"
        return _simple(part)

    def _of_name(self, name: str) -> str:
        if name in self.around:
            return "values"
        if name not in self.paths:
            self.around.append(name)
            found = self._type(self.inside[name])
            self.around.pop()
            return found
        path = self.paths[name]
        return f"[{path}](#{slug(f'{self.kind}: {path}')})"


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def _may_be_null(part: Schema) -> bool:
    return any(each.get("type") == "null" for each in part.get("anyOf", ()))


def _default_of(part: Schema) -> str:
    default = part.get("default")
    if default in (None, "") or isinstance(default, list | dict):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _simple(part: Schema) -> str:
    if "enum" in part:
        return ", ".join(f"`{each}`" for each in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if "%" in part.get("pattern", ""):
        return "`10%`"
    kind = KINDS.get(part.get("type", ""), "anything")
    limits = [f"{sign} {_number(part[key])}" for key, sign in LIMITS.items() if key in part]
    return " ".join([kind, ", ".join(limits)]).strip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= value < 1e7 else f"{value:g}".replace("e+", "e")


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Its lines, and an empty one."""
    whole = (header, ("---",) * len(header), *rows)
    cells = [[_line(cell).replace("|", "\\|") for cell in row] for row in whole]
    return [*(f"| {' | '.join(row)} |" for row in cells), ""]


def _line(text: str) -> str:
    return " ".join(text.split())


def packages() -> str:
    """Each package and the first sentence of its overview."""
    root = Path(heteroplan.__file__).parent
    rows = []
    for overview in sorted(root.rglob("__init__.py"), key=lambda path: path.parts[:-1]):
        name = overview.parent.relative_to(root.parent).as_posix()
        text = ast.get_docstring(ast.parse(overview.read_text(encoding="utf-8"))) or ""
        rows.append((f"`{name}`", text.partition("\n\n")[0]))
    return "\n".join(_table(("package", "holds"), rows))


def rules() -> str:
    """Each rule of the program, and whether the bound keeps it."""
    rows = [
        (
            f"`{type(rule).__module__.replace('.', '/')}.py`",
            inspect.getdoc(type(rule)) or "",
            "yes" if rule.kept_by_bound else "no",
        )
        for rule in RULES
    ]
    return "\n".join(_table(("module", "rule", "in the bound"), rows))


def policy_list() -> str:
    """Each policy of `replay`: what it does, and whose rules these are."""
    rows = [
        (f"[`{name}`](../reference/policies.md#{slug(name)})", kind.help, kind.source)
        for name, kind in POLICIES.items()
    ]
    return "\n".join(_table(("policy", "does", "rules of"), rows))


def policy_options() -> str:
    """Each policy with its options, as their classes have them."""
    return "\n".join(line for kind in POLICIES.values() for line in _policy(kind))


def _policy(kind: PolicyKind) -> list[str]:
    meanings = _meanings(kind.options)
    rows = [
        (f"`{each.name}`", f"`{_value(each.default)}`", _may_be(each), meanings.get(each.name, ""))
        for each in dataclasses.fields(kind.options)
    ]
    head = [f"## {kind.name}\n", f"{kind.help[0].upper()}{kind.help[1:]}. From: {kind.source}.\n"]
    if not rows:
        return [*head, "It has no options.\n"]
    return [*head, *_table(("option", "default", "may be", "meaning"), rows)]


def _may_be(option: dataclasses.Field[Any]) -> str:
    if among := option.metadata.get("among"):
        return ", ".join(f"`{each}`" for each in among)
    low, high = (option.metadata.get(name) for name in ("low", "high"))
    if low is None or high is None:
        return ""
    return f"≥ {_number(low)}" if high == MOST else f"{_number(low)} to {_number(high)}"


def _value(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)


def _meanings(options: type) -> dict[str, str]:
    """The text below each field of a dataclass and of its bases."""
    found = {}
    for base in reversed(options.__mro__[:-1]):
        (body,) = (each for each in ast.parse(inspect.getsource(base)).body)
        assert isinstance(body, ast.ClassDef)
        for field, below in pairwise(body.body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[field.target.id] = inspect.cleandoc(str(below.value.value))
    return found


def presets() -> str:
    """Each preset of targets: kind, API version, default name, and the formats that scale it."""
    rows = []
    for name, kind in PRESETS.items():
        part = next(iter(kind.parts.values()), "")
        target = Target(kind.api_version, kind.kind, "", component=part)
        scaling = [each for each in SCHEDULE_FORMATS if each not in NOT_CARRIED_OUT]
        scaled = [each for each in scaling if not refusal(each, target)]
        every = set(scaling) - {"kserve"} == set(scaled)
        rows.append(
            (
                f"`{name}`",
                kind.kind,
                f"`{kind.api_version}`",
                f"`{kind.name}`",
                "all but kserve" if every else ", ".join(scaled),
            )
        )
    return "\n".join(_table(("preset", "kind", "API version", "default name", "formats"), rows))


def nightly_metrics() -> str:
    """Metrics of `heteroplan nightly`."""
    rows = [(f"`{PREFIX}{name}`", text) for name, text in HELP.items()]
    return "\n".join(_table(("metric", "meaning"), rows))


SCHEMAS = (
    "scenario",
    "fleet",
    "profile",
    "offers",
    "sweep-study",
    "sweep",
    "plan",
    "comparison",
    "replay",
    "curation",
    "calibration",
    "size",
)
"""That pages show."""
GENERATED: dict[str, Callable[[], str]] = {
    "commands": commands,
    "constants": constants,
    "packages": packages,
    "rules": rules,
    "presets": presets,
    "nightly-metrics": nightly_metrics,
    "policy-list": policy_list,
    "policies": policy_options,
    **{kind: fields(kind) for kind in SCHEMAS},
}
"""Generated parts of pages, by the name that stands in the page."""
