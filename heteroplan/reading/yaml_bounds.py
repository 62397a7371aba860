"""YAML text looked through before anything is made of it: how deep it nests, how much it holds."""

from collections.abc import Iterator

import yaml

MAX_NODES = 500_000
"""Keys, values, lists and mappings of one file."""


class RefusedYamlError(ValueError):
    """The message says what is wrong, and what to do."""

    def __init__(self, event: yaml.Event, remedy: str) -> None:
        super().__init__(remedy)
        self.line = event.start_mark.line + 1 if event.start_mark else 0
        """1-based."""


def bounded_events(
    text: str, loader: type[yaml.SafeLoader], max_depth: int
) -> Iterator[yaml.Event]:
    """The events of `text`. Raises RefusedYamlError, and what PyYAML raises of a syntax error.

    Composing is ten times as slow, takes a kilobyte a node and recurses; this does not.
    """
    depth = nodes = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > max_depth:
            raise RefusedYamlError(event, f"nested deeper than {max_depth} levels; flatten it")
        if nodes > 2 * MAX_NODES:
            raise RefusedYamlError(event, f"more than {MAX_NODES} fields; use fewer")
        yield event
