"""Objects of other systems as documents of one YAML file, under notes that a reader needs."""

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

_NEVER_FOLDED = 100_000
"""Characters a line: no word of a name begins one, where a CI log may take it for a command."""


def yaml_text(objects: Sequence[dict[str, Any]], notes: Iterable[str]) -> str:
    """One document an object, after a comment for each note that is not empty."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump_all(
        objects, Dumper=dumper, sort_keys=False, explicit_start=True, width=_NEVER_FOLDED
    )
    return "".join(f"# {note}\n" for note in notes if note) + text
