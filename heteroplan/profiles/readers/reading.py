"""What a measurement reader is told, and what it hands back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from heteroplan.errors import UsageError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.opened import Opened


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says of files that do not say it themselves."""

    gpu: str | None = None
    gpus: int | None = None
    model: str | None = None
    """Which one of a file's models."""

    def gpu_of(self, file: str) -> str:
        """The GPU type. Raises UsageError where it is not given."""
        return self._engine_of(file, self.gpus or 1)[0]

    def engine_of(self, file: str) -> tuple[str, int]:
        """GPU type and GPUs. Raises UsageError where one of them is not given."""
        return self._engine_of(file, self.gpus)

    def _engine_of(self, file: str, gpus: int | None) -> tuple[str, int]:
        if self.gpu is not None and gpus is not None:
            return self.gpu, gpus
        asked = {"--gpu (its GPU type)": self.gpu, "--tp (its GPUs)": gpus}
        missing = " and ".join(option for option, value in asked.items() if value is None)
        raise UsageError(f"{file} does not say what engine was measured: give {missing}")

    def model_of(self, found: Opened, models: Collection[str]) -> str:
        """The only model of a file, or the one given. Raises InputError where it is not there."""
        if len(models) == 1:
            return next(iter(models))
        if self.model is None or self.model not in models:
            known = ", ".join(sorted(models))
            found.problem(0, "", self.model or "", f"holds {known}; name one with --model")
            found.done()
        return self.model or ""


@dataclass(frozen=True, slots=True)
class Reading:
    """Measurements of one file and what the reader left out of it."""

    points: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()
    """What was dropped and why, one sentence each."""
    kv_tokens: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """KV cache of a decode replica by GPU type and GPUs, where the file says it [tokens]."""
