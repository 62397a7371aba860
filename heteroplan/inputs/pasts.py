"""Traces that were read once, for several loads of a scenario, and what they were forecast with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heteroplan.forecasting.curve.curve import CurveOptions
    from heteroplan.forecasting.curve.history import History


@dataclass(slots=True)
class Pasts:
    """What `load` keeps of the traces behind demand, where a caller gives it one of these.

    A load reads no trace again that an earlier one read in the same way, unless its file is another
    one now.
    """

    histories: "dict[str, History]" = field(default_factory=dict)
    """By what was read, and how."""
    used: "dict[str, tuple[History, CurveOptions]]" = field(default_factory=dict)
    """Of the workloads of the last load, by name; of those whose demand comes from a trace."""

    def read(self, key: str, read: "Callable[[], History]") -> "History":
        """The past of that key, read now where it was not before."""
        if key not in self.histories:
            self.histories[key] = read()
        return self.histories[key]
