"""nightly.json: what the folder of a night knows of the run that made it."""

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from heteroplan.errors import InputError, InputProblem

RECORD = "nightly.json"
MOST_BYTES = 1 << 20


class NightRecord(BaseModel):
    """What is written beside the files of a plan."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    schema_version: Literal[1] = 1
    scenario: str
    finished: AwareDatetime
    """When the run was over."""
    previous: str | None = None
    """The night that was in force before; None in the first one."""
    start: AwareDatetime
    """When the schedule begins."""
    end: AwareDatetime | None
    """When it ends; None where it repeats."""
    formats: tuple[str, ...]
    """Files of the schedule, for other systems."""

    def text(self) -> str:
        """As the file holds it."""
        return self.model_dump_json(indent=2) + "\n"


def read_record(night: Path) -> NightRecord:
    """The record in the folder of a night. Raises InputError."""
    path = night / RECORD
    try:
        with path.open("rb") as file:
            return NightRecord.model_validate_json(file.read(MOST_BYTES))
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
    except ValidationError:
        reason = "is no record of a night; a file of this folder was changed"
    raise InputError([InputProblem(str(path), 0, "", "", reason)])
