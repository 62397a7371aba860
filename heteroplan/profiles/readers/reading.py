"""What a measurement reader hands back."""

from dataclasses import dataclass

from heteroplan.profiles.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Reading:
    """Measurements of one file and what the reader left out of it."""

    points: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()
    """What was dropped and why, one sentence each."""
