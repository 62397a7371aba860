"""What a measurement reader is given, and what it returns."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from heteroplan.entities.workload import Role
from heteroplan.errors import InputError, InputProblem
from heteroplan.profiles.measurement import Measurement, Rated, Run
from heteroplan.profiles.readers.measurement_file import MeasurementFile, listed_names
from heteroplan.profiles.readers.table import MeasurementTable
from heteroplan.reading.csv_rows import Row


class SeveralModelsError(InputError):
    """A file holds measurements of more than one model, and none was named."""

    def __init__(self, file: str, models: Collection[str]) -> None:
        self.models = sorted(models)
        super().__init__([InputProblem(file, 0, "", "", _one_of(models))])


def _one_of(models: Collection[str]) -> str:
    return f"holds {listed_names(models)}; name one: --model, or model: of the profile"


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says of files that do not say it themselves.

    Where it is not given, that is a problem of the file like any other.
    """

    gpu: str | None = None
    gpus: int | None = None
    model: str | None = None
    """Which one of a file's models."""
    layers: int | None = None
    """Layers of the model, where times are a layer's."""
    context: float | None = None
    """Tokens a sequence of decode steps [tokens]."""

    def gpu_of(self, found: MeasurementFile) -> str:
        """The GPU type that was measured."""
        return self._engine_of(found, self.gpus or 1)[0]

    def engine_of(
        self, found: MeasurementFile, gpu: str | None = None, gpus: int | None = None
    ) -> tuple[str, int]:
        """GPU type and GPUs that were measured: what the file says, or else what is given.

        It is a problem where they contradict each other.
        """
        for option, given, said in (("--gpu", self.gpu, gpu), ("--tp", self.gpus, gpus)):
            if given is not None and said is not None and given != said:
                found.problem(0, "", str(said), f"is what was measured; {option} says {given}")
        completed = replace(self, gpu=gpu or self.gpu, gpus=gpus or self.gpus)
        return completed._engine_of(found, completed.gpus)

    def _engine_of(self, found: MeasurementFile, gpus: int | None) -> tuple[str, int]:
        asked = {"--gpu (its GPU type)": self.gpu, "--tp (its GPUs)": gpus}
        missing = [option for option, value in asked.items() if value is None]
        if missing:
            remedy = f"does not say what engine was measured: give {' and '.join(missing)}"
            found.problem(0, "", "", remedy)
        return self.gpu or "", gpus or 1

    def layers_of(self, found: MeasurementFile) -> int:
        """Layers of the model."""
        if self.layers is None:
            found.problem(
                0, "", "", "holds times per layer: give the number of layers with --layers"
            )
        return self.layers or 1

    def context_of(self, found: MeasurementFile) -> float:
        """Context of the decode steps [tokens]."""
        if self.context is None:
            remedy = "does not say how long its sequences were: give --context-tokens"
            found.problem(0, "", "", remedy)
        return self.context or 1.0

    def model_of(self, found: MeasurementFile, models: Collection[str]) -> str:
        """The only model of a file, or the one given.

        Raises SeveralModelsError where there are several and none is given.
        """
        if len(models) == 1:
            return next(iter(models))
        if not models:
            found.problem(0, "", "", "holds no model")
        elif self.model is None:
            raise SeveralModelsError(found.file, models)
        elif self.model not in models:
            found.problem(0, "", self.model, _one_of(models))
        return self.model or ""

    def rows_of(self, table: MeasurementTable, column: str = "model") -> tuple[str, list[Row]]:
        """The model to take, by a column, and its rows."""
        for line, name in zip(table.lines, table.texts[column], strict=True):
            if not name:
                table.problem(line, column, "", "is empty")
        model = self.model_of(table, set(table.texts[column]) - {""})
        return model, [(line, row) for line, row in table.rows() if row[column] == model]


@dataclass(frozen=True, slots=True)
class FileMeasurements:
    """Measurements of one file and what the reader left out of it."""

    points: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()
    """What was dropped and why, one sentence each."""
    kv_tokens: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """KV cache of a decode replica by GPU type and GPUs, where the file says it [tokens]."""
    model: str | None = None
    """Name of the model in the file; None where it has none."""
    runs: tuple[Run, ...] = ()
    """End-to-end measurements of whole replicas."""
    rated: tuple[Rated, ...] = ()
    """Capacities at an SLO that the file states."""
    sha256: str = ""
    """SHA-256 of the file's bytes, in hexadecimal; empty where there is no file."""
    origin: str = ""
    """What made it, where it is of no file."""

    @property
    def engines(self) -> frozenset[tuple[str, int, Role]]:
        """GPU types, GPUs and roles of what was measured."""
        return frozenset(
            (
                *((each.gpu, each.gpus, each.phase) for each in self.points),
                *((each.gpu, each.gpus, Role.AGGREGATED) for each in self.rated),
                *(engine for each in self.runs for engine in each.engines),
            )
        )
