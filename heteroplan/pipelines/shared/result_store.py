"""Results in a folder: a file each, named by its key, written whole or not at all."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from heteroplan.errors import UsageError
from heteroplan.pipelines.shared.arguments import Name
from heteroplan.studies.result import CaseResult

if TYPE_CHECKING:
    from heteroplan.pipelines.shared.quantile_plans import QuantilePlan


@dataclass(frozen=True, slots=True)
class ResultStore[Result]:
    """What a study has found before, so that it goes on where it ended."""

    folder: Path
    form: TypeAdapter[Result]
    what: str
    """A file holds, such as `the result of a case`."""

    def found(self, key: str) -> Result | None:
        """The result of that key, if it is there. Raises UsageError."""
        path = self._path(key)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"{path}: cannot be read: {reason}") from None
        try:
            return self.form.validate_json(text)
        except (ValidationError, ValueError):
            raise UsageError(f"{path}: not {self.what}; remove it") from None

    def keep(self, key: str, result: Result) -> None:
        """Write a result. Raises UsageError."""
        from heteroplan.outputs.shared.files import write_all

        text = self.form.dump_json(result, indent=1).decode()
        write_all({self._path(key): f"{text}\n"})

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def kept_cases(folder: Name | None) -> ResultStore[CaseResult] | None:
    """Those of a sweep into `folder`. Raises UsageError where nothing can be written."""
    if folder is None:
        return None
    return ResultStore(_there(folder, "cases"), TypeAdapter(CaseResult), "the result of a case")


def kept_plans(folder: Name | None) -> "ResultStore[QuantilePlan] | None":
    """Those that risk is told of. Raises UsageError where nothing can be written."""
    if folder is None:
        return None
    from heteroplan.pipelines.shared.quantile_plans import KEPT_PLAN

    return ResultStore(_there(folder, "plans"), KEPT_PLAN, "a plan for a quantile")


def _there(folder: Name, inside: str) -> Path:
    from heteroplan.outputs.shared.files import try_folder

    kept = Path(os.fspath(folder)) / inside
    try_folder(kept)
    return kept
