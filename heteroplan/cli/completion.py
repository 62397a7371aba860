"""What a shell offers for arguments and options, when Tab is pressed.

Each function takes what is written so far and gives the values that may follow. Where there are
none the shell offers files. Nothing is raised: what cannot be read offers nothing.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import typer

_DEPTH = 3
"""Folders below one another in which scenarios are looked for."""
_MOST_FOLDERS = 500
"""That are looked into."""
_SCENARIO = "scenario.yaml"


def _matching(values: Iterable[str], incomplete: str) -> list[str]:
    return [each for each in values if each.startswith(incomplete)]


def scenarios(incomplete: str) -> list[str]:
    """Folders with a scenario, below the folder that is written."""
    head = os.path.dirname(incomplete)  # noqa: PTH120
    found = sorted(_scenario_folders(Path(head or ".")))
    return _matching((os.path.join(head, each) for each in found), incomplete)  # noqa: PTH118


def _scenario_folders(top: Path) -> Iterator[str]:
    """Relative to `top`, breadth first."""
    level, looked = [""], 0
    for _ in range(_DEPTH):
        following = []
        for name in level:
            with suppress(OSError), os.scandir(top / name) as entries:
                following += [
                    f"{name}/{each.name}" if name else each.name
                    for each in entries
                    if not each.name.startswith(".") and each.is_dir()
                ]
            looked += 1
            if looked > _MOST_FOLDERS:
                return
        for name in following:
            with suppress(OSError):
                if (top / name / _SCENARIO).is_file():
                    yield name
        level = following


def models(incomplete: str) -> list[str]:
    """Ready profiles, after the name of a workload too."""
    from heteroplan.inputs.ready import ready_profiles

    head, equals, name = incomplete.rpartition("=")
    return [f"{head}{equals}{each}" for each in _matching(ready_profiles(), name)]


def gpus(incomplete: str) -> list[str]:
    """GPU types."""
    from heteroplan.inputs.gpu_types import built_in

    return _matching(built_in(), incomplete)


def demands(incomplete: str) -> list[str]:
    """Shapes of a day."""
    from heteroplan.inputs.daily_shapes import PREFIX, SHAPES

    return _matching((f"{PREFIX}{each}:" for each in SHAPES), incomplete)


def trace_formats(incomplete: str) -> list[str]:
    """Formats of `demand`."""
    from heteroplan.forecasting.traces.formats import FORMATS

    return _matching(FORMATS, incomplete)


def measurement_formats(incomplete: str) -> list[str]:
    """Formats of `fit`."""
    from heteroplan.profiles.readers.formats import FORMATS

    return _matching(FORMATS, incomplete)


def export_formats(incomplete: str) -> list[str]:
    """Formats of `export`."""
    from heteroplan.schedules.formats import PLAN_FORMATS, SCHEDULE_FORMATS

    return _matching((*SCHEDULE_FORMATS, *PLAN_FORMATS), incomplete)


def schedule_formats(incomplete: str) -> list[str]:
    """Formats of `nightly`."""
    from heteroplan.schedules.formats import SCHEDULE_FORMATS

    return _matching(SCHEDULE_FORMATS, incomplete)


def policies(incomplete: str) -> list[str]:
    """Autoscaling policies."""
    from heteroplan.simulation.policies.registry import POLICIES

    return _matching(POLICIES, incomplete)


def schemas(incomplete: str) -> list[str]:
    """Kinds of files."""
    from heteroplan.pipelines.schema import kinds

    return _matching(kinds(), incomplete)


def timezones(incomplete: str) -> list[str]:
    """IANA names."""
    from zoneinfo import available_timezones

    return _matching(sorted(available_timezones()), incomplete)


def workloads(ctx: typer.Context, incomplete: str) -> list[str]:
    """Of the plan.json that is named before."""
    import json

    named = [ctx.params.get("plan"), *ctx.args]
    with suppress(OSError, ValueError, KeyError, TypeError, StopIteration):
        name = next(each for each in named if each is not None)
        plan = json.loads(Path(name).read_text(encoding="utf-8"))
        return _matching((each["name"] for each in plan["workloads"]), incomplete)
    return []
