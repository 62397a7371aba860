"""Why demand is unserved, in words: in one interval, and in several in a row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from heteroplan.entities.plan import ShortageKind
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import ReasonPart
from heteroplan.outputs.shared.words import clock

MOST_MERGED, MOST_PLACES = 2, 3
"""Node types, and domains of each, that `merged_text` names."""
_LATE = "when replicas would have to start"


def reasons_text(reasons: Sequence[ReasonPart], horizon: HorizonPart) -> str:
    """All reasons of one shortage."""
    return "; ".join(_text(each, horizon) for each in reasons)


def merged_text(reasons: Iterable[ReasonPart], horizon: HorizonPart) -> str:
    """Reasons of several shortages: each node type once, with the domains of all.

    No more than `MOST_MERGED` node types and `MOST_PLACES` domains of each are named.
    """
    others: dict[str, None] = {}
    placed: dict[str, _Merged] = {}
    for each in reasons:
        if not each.domains:
            others[_text(each, horizon)] = None
            continue
        entry = placed.setdefault(_what(each), _Merged())
        entry.domains |= dict.fromkeys(each.domains)
        entry.at_once |= each.starts is None
        entry.starts += [] if each.starts is None else [each.starts]
    shown = [f"{what} in {placed[what].text(horizon)}" for what in list(placed)[:MOST_MERGED]]
    more = len(placed) - len(shown)
    return "; ".join([*others, *shown, *([f"and {more} more"] if more else [])])


def _text(reason: ReasonPart, horizon: HorizonPart) -> str:
    """Such as `h100x8 full in a-s1, a-s2 at 18:00, when replicas would have to start`."""
    if not reason.domains:
        return _what(reason)
    late = "" if reason.starts is None else f" at {clock(horizon, reason.starts)}, {_LATE}"
    return f"{_what(reason)} in {', '.join(reason.domains)}{late}"


def _what(reason: ReasonPart) -> str:
    """The reason without places and times."""
    match reason.kind:
        case ShortageKind.NO_ENGINE:
            return f"no engine: {reason.detail}"
        case ShortageKind.NO_GPUS:
            return f"no engine for its requests in any {reason.affinity} with GPUs for it"
        case ShortageKind.MAX_REPLICAS:
            return f"max_replicas of {reason.role}"
        case ShortageKind.RULE:
            return reason.detail
        case ShortageKind.RESILIENCE:
            return f"resilience to the loss of a {reason.lose}"
        case ShortageKind.FULL:
            return f"{reason.node_type} full"
        case ShortageKind.HELD_BEFORE:
            return f"{reason.node_type} held until then by what ran before"
        case ShortageKind.NO_PAIR:
            return "no room for prefill and decode together"
        case ShortageKind.UNKNOWN:
            return "no known cause: the search found no better plan"


@dataclass(slots=True)
class _Merged:
    """Where and when there is no room for one kind of replica."""

    domains: dict[str, None] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    """Intervals in which replicas would have to start."""
    at_once: bool = False
    """No room when the replica would serve, not only when it would start."""

    def text(self, horizon: HorizonPart) -> str:
        names = list(self.domains)
        more = len(names) - MOST_PLACES
        text = ", ".join(names[:MOST_PLACES]) + (f" and {more} more" if more > 0 else "")
        if not self.starts:
            return text
        moments = [clock(horizon, t) for t in sorted(set(self.starts))]
        first, last = min(moments), max(moments)
        span = first if first == last else f"{first} to {last}"
        return f"{text}{', or' if self.at_once else ''} at {span}, {_LATE}"
