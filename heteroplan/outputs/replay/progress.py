"""How far a replay is, on a terminal."""

from time import monotonic

from rich.console import Console

from heteroplan.outputs.shared.terminal import LiveLine
from heteroplan.outputs.shared.words import figure
from heteroplan.text import percent


class ReplayProgress(LiveLine):
    """The simulated time and the speed of the policy that is simulated. A context manager."""

    def __init__(self, console: Console) -> None:
        super().__init__("Planning", console)
        self._policy = ""
        self._began_s = 0.0

    def update(self, policy: str, done_s: float, duration_s: float, requests: int) -> None:
        """Show how far a policy is in a replay of `duration_s` [s], and its requests so far."""
        now_s = monotonic()
        if policy != self._policy:
            self._policy, self._began_s = policy, now_s
        share = done_s / duration_s if duration_s > 0 else 1.0
        spent_s = now_s - self._began_s
        speed = f", {figure(requests / spent_s)} requests a second" if spent_s > 0 else ""
        hours, rest = divmod(int(done_s), 3600)
        at = f"{hours}:{rest // 60:02}"
        self.show(f"Replaying {policy}: {at} h, {percent(share, 0)}, {requests:,} requests{speed}")
