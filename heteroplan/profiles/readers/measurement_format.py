"""What a measurement format tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from heteroplan.profiles.readers.arrays import MeasurementArrays
from heteroplan.profiles.readers.document import MeasurementDocument
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_file import MeasurementFile
from heteroplan.profiles.readers.table import MeasurementTable

KINDS: dict[type[MeasurementFile], str] = {
    MeasurementTable: "a CSV table",
    MeasurementDocument: "a JSON or YAML document",
    MeasurementArrays: "an .npz file",
}


@dataclass(frozen=True, slots=True)
class MeasurementFormat:
    """How files of one measurement format are known and read."""

    names: tuple[str, ...]
    """Columns, keys or arrays by which it is known."""
    kinds: tuple[type[MeasurementFile], ...]
    """Kinds of its files; `parse` takes each of them."""
    parse: Callable[[Any, Given], FileMeasurements]
