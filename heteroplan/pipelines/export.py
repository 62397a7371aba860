"""`export`: the schedule of a plan for another system."""

from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.errors import UsageError

if TYPE_CHECKING:
    from heteroplan.schedules.formats import ExportOptions

OF_ONE_MOMENT = ("httproute", "envoy", "prometheus-text")
"""Formats that have the weights or sizes of one moment, which `--at` picks."""


def export(source: str, *, format: str, options: "ExportOptions | None" = None) -> str:  # noqa: A002
    """The schedule of the plan.json at `source` (or `-`) for another system.

    Raises InputError for the plan and UsageError for the format and its options.
    """
    from heteroplan.outputs.plan.document.plan_json import read_plan
    from heteroplan.schedules.formats import FORMATS, ExportOptions, exported

    if format not in FORMATS:
        raise UsageError(f"unknown export format {format!r}; known are {', '.join(FORMATS)}")
    chosen = options or ExportOptions()
    if chosen.at != "now" and format not in OF_ONE_MOMENT:
        raise UsageError(
            f"--at {chosen.at}: {format} has the whole time; leave out --at, or write --format "
            f"{' or '.join(OF_ONE_MOMENT)}"
        )
    return exported(read_plan(source), format, chosen)


def files(text: str, *, format: str, folder: str) -> dict[str, str]:  # noqa: A002
    """The files of an export, by their paths in a folder. Raises UsageError for other formats."""
    from heteroplan.outputs.shared.files import try_folder
    from heteroplan.schedules.formats.systemd import unit_files

    if format != "systemd":
        raise UsageError(f"--out {folder} is a folder, and {format} is one file; name a file")
    try_folder(Path(folder))
    return {f"{folder}{name}": content for name, content in unit_files(text).items()}
