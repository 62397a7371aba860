"""Requests as arrays, and what somebody else counted of them in windows of time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    type Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
    type Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
    type Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]

UNKNOWN = -1
"""A length that the trace does not tell."""
MOST_TOKENS = 2**40
"""Most tokens of a request; more is no count of tokens."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Prefix blocks of some requests: of request i, `ids[offsets[i]:offsets[i + 1]]`, in order."""

    offsets: "Integers"
    ids: "Integers"
    """Equal where the block and all before it hold equal tokens."""
    tokens: int
    """Tokens of each block; the last one of a request may hold fewer."""

    def where(self, wanted: "Booleans") -> "Blocks":
        """Those of some of the requests."""
        import numpy as np

        lengths = np.diff(self.offsets)
        offsets = np.concatenate([[0], np.cumsum(lengths[wanted], dtype=np.int64)])
        return Blocks(offsets, self.ids[np.repeat(wanted, lengths)], self.tokens)


@dataclass(frozen=True, slots=True)
class Requests:
    """Some requests of a trace, in the order of the file."""

    arrival_us: "Integers"
    """Since 1970 UTC, or since the start of a trace that knows no more [microseconds]."""
    input_tokens: "Integers"
    """`UNKNOWN` where the trace does not tell."""
    output_tokens: "Integers"
    """Tokens of the answers, `UNKNOWN` where the trace does not tell."""
    cached_tokens: "Integers | None" = None
    """Input tokens found in a prefix cache; None where the trace does not tell."""
    blocks: Blocks | None = None

    def where(self, wanted: "Booleans") -> "Requests":
        """Some of the requests."""
        return Requests(
            self.arrival_us[wanted],
            self.input_tokens[wanted],
            self.output_tokens[wanted],
            None if self.cached_tokens is None else self.cached_tokens[wanted],
            None if self.blocks is None else self.blocks.where(wanted),
        )


@dataclass(frozen=True, slots=True)
class Windows:
    """What came in windows of time. NaN is what is not known; an absent window is missing data."""

    start_us: "Integers"
    """Since 1970 UTC, or since the start of a trace that knows no more [microseconds]; ascending,
    and no window overlaps the next one."""
    end_us: "Integers"
    requests: "Floats"
    """Requests that arrived in the window."""
    with_lengths: "Floats"
    """Requests of the window whose tokens are counted below."""
    input_tokens: "Floats"
    """Input tokens of the requests with lengths, together."""
    output_tokens: "Floats"
    cached_tokens: "Floats | None" = None
    """Those of the input tokens found in a prefix cache; None where the trace does not tell."""
