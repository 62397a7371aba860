"""How far a sweep is, on a terminal."""

from time import monotonic

from rich.console import Console

from heteroplan.outputs.shared.terminal import LiveLine


class SweepProgress(LiveLine):
    """Cases that are done and the time that the others take, if they take as long."""

    def __init__(self, console: Console) -> None:
        super().__init__("Loading", console)
        self._began = monotonic()

    def done(self, count: int, known: int, of: int) -> None:
        """So many of all cases are done, of which some were known before."""
        self.show(progress_text(count, known, of, monotonic() - self._began))


def progress_text(count: int, known: int, of: int, seconds: float) -> str:
    """`12 of 100 cases are done (2 known before), about 3 min left`."""
    text = f"{count:,} of {of:,} cases are done"
    if known:
        text += f" ({known:,} known before)"
    planned = count - known
    if planned > 0 and count < of:
        text += f", about {_time(seconds / planned * (of - count))} left"
    return text


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
