"""How far a replay is, on a terminal."""

from rich.console import Console

from heteroplan.outputs.shared.terminal import LiveLine
from heteroplan.text import percent


class ReplayProgress(LiveLine):
    """How much of each policy's replay is over. A context manager."""

    def __init__(self, console: Console) -> None:
        super().__init__("Planning", console)
        self._shares: dict[str, float] = {}

    def update(self, policy: str, share: float) -> None:
        """Show that so much of the replay of a policy is over, 0 to 1; several may run at once."""
        self._shares[policy] = share
        running = [f"{name} {percent(each, 0)}" for name, each in self._shares.items() if each < 1]
        done = len(self._shares) - len(running)
        self.show(", ".join([f"Replaying: {done:,} done", *running]))
