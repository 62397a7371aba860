"""`--set PATH=VALUE`: fields of the scenario and of its fleet set from the command line."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.inputs.schemas.profile import ProfileFile
from heteroplan.inputs.schemas.scenario import ScenarioFile
from heteroplan.inputs.schemas.workload import WorkloadSpec
from heteroplan.reading.yaml_source import Document, FieldPath, dotted, parse_value

OPTION = "--set"
FLEET, PROFILE = "fleet", "profile"
DEMAND, GROWTH = "demand", "growth"
_FACTORS = (GROWTH, "speed_factor")
"""Fields that are 1 where they are not given."""
MOST_LISTED = 8
"""Names that a message lists."""
_STEP = re.compile(r"\.?([^.\[\]=]+)|\[([0-9]{1,6})\]")
_OF_FLEET, _OF_PROFILE = re.compile(rf"{FLEET}[.\[]"), re.compile(rf"{PROFILE}[.\[]")
_TIMES = re.compile(r"\s*\*\s*(.+)")
"""A value that multiplies the number that is there."""
_OF_WORKLOADS = WorkloadSpec.model_fields.keys() - ScenarioFile.model_fields.keys()
"""Fields that, at the top of a path, are those of every workload."""
_NAMES = ("name", "cluster", "spine", "leaf")
"""Keys under which a list's entry has its name."""


def override(
    document: Document, overrides: Sequence[str], interval: str | None
) -> list[InputProblem]:
    """Set fields of the scenario `document` in place; what cannot be set is a problem.

    A list's entry goes by index (`workloads[0].priority=2`) or by name
    (`workloads.chat-70b.priority=2`). A field of workloads without either is set in all of them
    (`slo.ttft_ms=500`), and a number as `demand` is the scenario's `growth`. Values are YAML;
    `*1.1` is 1.1 times the number that is there. Keys that the schema does not know are left for
    it to refuse. Paths into other files are passed over: see `override_fleet` and
    `ProfileOverrides`.
    """
    problems = []
    for text in overrides:
        if not (_OF_FLEET.match(text) or _OF_PROFILE.match(text)):
            problems += _problems(document, text, OPTION)
    if interval is not None:
        try:
            _set(document, ("horizon", "interval"), interval, "--interval")
        except ValueError as error:
            problems.append(InputProblem("--interval", 0, "", interval, str(error)))
    return problems


def override_fleet(fleet: Document, overrides: Sequence[str]) -> list[InputProblem]:
    """Set fields of the fleet that a scenario names, in place: those whose path begins `fleet.`.

    After that comes a field of the file (`fleet.node_types.h100x8.usd_per_gpu_hour=2.1`), or a
    leaf by its name, whose nodes are set (`fleet.a-s1-l1.h100x8=6`).
    """
    return [
        problem
        for text in overrides
        if _OF_FLEET.match(text)
        for problem in _problems(fleet, text, f"{OPTION} {FLEET}")
    ]


class ProfileOverrides:
    """Fields of the profiles that a scenario names: those set whose path begins `profile.`.

    After that comes the name of an engine (`profile.h100-tp4-prefill.startup_s=60`), or a field of
    the file; it is set in every profile that has it.
    """

    def __init__(self, overrides: Sequence[str]) -> None:
        self._left = {text: "" for text in overrides if _OF_PROFILE.match(text)}
        """Those that no profile has taken yet, and why the last one did not."""
        self._texts = tuple(self._left)

    def apply(self, profile: Document) -> list[InputProblem]:
        """Set them in a profile, in place."""
        problems = []
        for text in self._texts:
            try:
                path = _in_profile(profile, _parsed(text)[0][1:])
            except (ValueError, InputError) as error:
                if text in self._left:
                    self._left[text] = _reason(error)
                continue
            self._left.pop(text, None)
            problems += _set_in(profile, path, text, f"{OPTION} {PROFILE}", (PROFILE,))
        return problems

    def unmatched(self) -> list[InputProblem]:
        """Those that no profile has taken, once all are read."""
        return [InputProblem(OPTION, 0, "", text, why) for text, why in self._left.items() if why]


def _problems(document: Document, text: str, option: str) -> list[InputProblem]:
    """Sets what `text` says; what is wrong with it."""
    try:
        path, _ = _parsed(text)
        if option != OPTION:
            paths = [_in_fleet(document, path[1:])]
        else:
            paths = list(_in_scenario(document, path, text))
    except (ValueError, InputError) as error:
        return [InputProblem(OPTION, 0, "", text, _reason(error))]
    above = (FLEET,) if option != OPTION else ()
    return [each for path in paths for each in _set_in(document, path, text, option, above)]


def _set_in(
    document: Document, path: FieldPath, text: str, option: str, above: FieldPath
) -> list[InputProblem]:
    try:
        written = text.partition("=")[2]
        times = _TIMES.fullmatch(written)
        value = _multiple(document, path, times[1]) if times else _parsed(text)[1]
        _set(document, path, value, option, above)
    except (ValueError, InputError) as error:
        return [InputProblem(OPTION, 0, "", text, _reason(error))]
    return []


def _reason(error: ValueError | InputError) -> str:
    return error.problems[0].remedy if isinstance(error, InputError) else str(error)


def _parsed(text: str) -> tuple[FieldPath, Any]:
    """The path, and the value unless it multiplies what is there."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("not PATH=VALUE; write for example workloads[0].headroom=0.2")
    path: list[str | int] = []
    end = 0
    while end < len(name):
        step = _STEP.match(name, end)
        if step is None:
            break
        path.append(step[1] if step[1] is not None else int(step[2]))
        end = step.end()
    if not path or end < len(name):
        raise ValueError(f"'{name}' is not a path; write for example workloads[0].headroom")
    return tuple(path), None if _TIMES.fullmatch(value) else parse_value(value, OPTION)


def _in_scenario(document: Document, path: FieldPath, text: str) -> Iterator[FieldPath]:
    """`path` from the top of the scenario: in every workload where it is a field of theirs."""
    first = path[0]
    factor = path[-1] == DEMAND and _is_number(text.partition("=")[2])
    if factor and path == (DEMAND,):
        yield (GROWTH,)
    elif factor and len(path) == 3 and first == "workloads":
        raise ValueError(f"a factor on the demand of one workload is its {GROWTH}; set that")
    elif first in _OF_WORKLOADS:
        for i in range(len(_entries(document.data, "workloads"))):
            yield ("workloads", i, *path)
    elif near := _near_of_workloads(first):
        raise ValueError(f"unknown key; did you mean '{near}'?")
    else:
        yield path


def _near_of_workloads(first: str | int) -> str:
    """The field of workloads that an unknown key at the top looks like more than any other."""
    known = ScenarioFile.model_fields.keys()
    if first in known:
        return ""
    near = next(iter(get_close_matches(str(first), [*known, *sorted(_OF_WORKLOADS)], n=1)), "")
    return "" if near in known else near


def _is_number(text: str) -> bool:
    if _TIMES.fullmatch(text):
        return True
    value = parse_value(text, OPTION)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _multiple(document: Document, path: FieldPath, factor: str) -> float:
    """So many times the number at `path`. Raises ValueError."""
    at: Any = document.data
    for i, step in enumerate(path):
        key = _entry(at, step, dotted(path[: i + 1]))
        at = at.get(key) if isinstance(at, dict) else at[key]
    if at is None and path[-1] in _FACTORS:
        at = 1.0
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise ValueError(f"no number stands at {dotted(path)} that could be multiplied; set one")
    try:
        times = float(factor)
    except ValueError:
        raise ValueError(f"{factor} is not a factor; write for example *1.1") from None
    product = at * times
    # Of a count a whole number stays one.
    return round(product) if isinstance(at, int) and product == round(product) else product


def _in_fleet(fleet: Document, path: FieldPath) -> FieldPath:
    """`path` from the top of the fleet file, where it begins with a leaf's name too."""
    first = path[0]
    if first in FleetFile.model_fields:
        return path
    leaves = _leaf_paths(fleet)
    if first not in leaves:
        names = [*FleetFile.model_fields, *(name for name in leaves if name is not None)]
        nodes = "LEAF.NODE_TYPE" if leaves else "nodes.NODE_TYPE"
        raise ValueError(
            f"the fleet has no field and no leaf {first}; {_hint(str(first), names)}; write for "
            f"example {FLEET}.node_types.NAME.usd_per_gpu_hour or {FLEET}.{nodes}"
        )
    return (*leaves[first], "nodes", *path[1:])


def _in_profile(profile: Document, path: FieldPath) -> FieldPath:
    """`path` from the top of the profile, where it begins with an engine's name too."""
    if not path:
        raise ValueError(f"name an engine and a field, such as {PROFILE}.ENGINE.startup_s")
    first = path[0]
    if first in ProfileFile.model_fields:
        return path
    names = [_name(each) for each in _entries(profile.data, "engines")]
    if first not in names:
        known = [*ProfileFile.model_fields, *(str(name) for name in names if name is not None)]
        raise ValueError(
            f"no profile has a field or an engine {first}; {_hint(str(first), known)}; write for "
            f"example {PROFILE}.ENGINE.startup_s"
        )
    return ("engines", names.index(first), *path[1:])


def _leaf_paths(fleet: Document) -> dict[Any, FieldPath]:
    """Where each leaf stands that has a name; what is not as the schema wants it is left out."""
    found: dict[Any, FieldPath] = {}
    for i, cluster in enumerate(_entries(fleet.data, "network")):
        for j, spine in enumerate(_entries(cluster, "spines")):
            for k, leaf in enumerate(_entries(spine, "leaves")):
                if isinstance(leaf, dict) and isinstance(leaf.get("leaf"), str):
                    path = ("network", i, "spines", j, "leaves", k)
                    found.setdefault(leaf["leaf"], path)
    return found


def _entries(at: Any, key: str) -> list[Any]:
    found = at.get(key) if isinstance(at, dict) else None
    return found if isinstance(found, list) else []


def _set(
    document: Document, path: FieldPath, value: Any, option: str, above: FieldPath = ()
) -> None:
    """`above` is what messages write before the path."""
    at: Any = document.data
    trail: list[str | int] = []
    for i, step in enumerate(path):
        where = dotted((*above, *path[: i + 1]))
        key = _entry(at, step, where)
        trail.append(key)
        if i == len(path) - 1:
            at[key] = value
        elif isinstance(at, dict) and at.get(key) is None:
            at[key] = {}
        at = at[key]
    document.origins[tuple(trail)] = option


def _entry(at: Any, step: str | int, where: str) -> str | int:
    """Key or index of `step` in `at`. Raises ValueError where it cannot have one."""
    if isinstance(at, dict) and isinstance(step, str):
        return step
    if isinstance(at, list) and isinstance(step, int) and step < len(at):
        return step
    if isinstance(at, list) and isinstance(step, str):
        names = [_name(item) for item in at]
        if names.count(step) > 1:
            raise ValueError(
                f"{where} has several entries of that name; write its place, such as [0]"
            )
        if step in names:
            return names.index(step)
        known = [str(name) for name in names if name is not None]
        raise ValueError(f"unknown path: no entry {where}; {_hint(step, known)}")
    if isinstance(at, list):
        raise ValueError(f"unknown path: no entry {where}; the list has {len(at)} entries")
    raise ValueError(f"unknown path: {where}; nothing can be set there")


def _name(item: Any) -> Any:
    """That of a list's entry; None where it has none."""
    if not isinstance(item, dict):
        return None
    return next((item[key] for key in _NAMES if key in item), None)


def _hint(wrong: str, known: Sequence[str]) -> str:
    """Of many names those that `wrong` may mean, or the first."""
    if len(known) <= MOST_LISTED:
        return f"there are {', '.join(known)}" if known else "the list has no names"
    if near := get_close_matches(wrong, known):
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(known[:MOST_LISTED])} and {len(known) - MOST_LISTED} more"
