"""Results of cases in a folder: a file each, named by its key, written whole or not at all."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from heteroplan.errors import UsageError
from heteroplan.studies.result import CaseResult, CaseStatus


@dataclass(frozen=True, slots=True)
class CaseStore:
    """What a study has found before, so that it goes on where it ended."""

    folder: Path

    def found(self, key: str) -> CaseResult | None:
        """The result of the case of that key, if it is there. Raises UsageError."""
        path = self._path(key)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
        try:
            return CaseResult.model_validate_json(text)
        except (ValidationError, ValueError):
            raise UsageError(f"{path}: not the result of a case; remove it") from None

    def keep(self, result: CaseResult) -> None:
        """Write a result; a failed case is not kept, and done again. Raises UsageError."""
        from heteroplan.outputs.shared.files import write_all

        if result.status is not CaseStatus.FAILED:
            write_all({self._path(result.key): f"{result.model_dump_json(indent=1)}\n"})

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"
