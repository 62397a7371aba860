"""What names a case: a hash of all that its result depends on."""

import hashlib
import json
from dataclasses import asdict, dataclass

from heteroplan import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How every case of a study is solved: what its result depends on beside its inputs."""

    gap: float
    steps: int | None
    """Steps of the search at most; None is no limit."""
    solver: str


def case_key(inputs_sha256: str, search: Search, start: str | None = None) -> str:
    """Of the files as read with all that is set in them, the search, and the version.

    `start` is the key of the case from whose plan this one starts.
    """
    parts = {
        "inputs": inputs_sha256,
        **asdict(search),
        "version": __version__,
        "start": start,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
