"""The time axis of plotly charts: elapsed time, labelled with what the local clock shows."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from heteroplan.outputs.shared.clock_ticks import clock_ticks, clocks_change

_ROOM = 48
"""Characters below a chart on a phone."""
CHANGES = (
    "Clocks change within this time: the axis is elapsed time, labelled with what the local clock "
    "shows, so an hour that occurs twice appears twice, a skipped hour does not appear."
)


def places(first: datetime, moments: Iterable[datetime]) -> list[str]:
    """Elapsed time as a clock without a zone that starts with the local one at `first`.

    It is the local clock while that is not changed. No offset, because plotly would move it.
    """
    clock, start_s = first.replace(tzinfo=None), first.timestamp()
    return [
        (clock + timedelta(seconds=moment.timestamp() - start_s)).isoformat(" ")
        for moment in moments
    ]


def time_ticks(moments: Sequence[datetime]) -> dict[str, Any]:
    """Plotly's own, which follow the zoom; where clocks change, what they show at each place."""
    if not clocks_change(moments):
        return {"tickformat": "%H:%M\n%a %d %b"}
    at, ticks = places(moments[0], moments), clock_ticks(moments, _ROOM)
    return {"tickvals": [at[i] for i, _ in ticks], "ticktext": [label for _, label in ticks]}
