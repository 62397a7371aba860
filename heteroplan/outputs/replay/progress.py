"""How far a replay is, on a terminal."""

from collections.abc import Mapping

from rich.console import Console

from heteroplan.outputs.shared.terminal import LiveLine, SolveProgress
from heteroplan.text import percent


class ReplayProgress(LiveLine):
    """How much of each policy's replay is over. A context manager."""

    def __init__(self, console: Console) -> None:
        super().__init__("Planning", console)
        self._shares: dict[str, float] = {}

    def update(self, policy: str, share: float) -> None:
        """Show that so much of the replay of a policy is over, 0 to 1; several may run at once."""
        self._shares[policy] = share
        self.show(_text(self._shares))


class PlanProgress(SolveProgress):
    """A solve, and then the replay of its plan. A context manager."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._shares: dict[str, float] = {}

    def replaying(self, policy: str, share: float) -> None:
        """As `ReplayProgress.update`."""
        self._shares[policy] = share
        self.show(_text(self._shares))


def _text(shares: Mapping[str, float]) -> str:
    running = [f"{name} {percent(each, 0)}" for name, each in shares.items() if each < 1]
    return ", ".join([f"Replaying: {len(shares) - len(running):,} done", *running])
