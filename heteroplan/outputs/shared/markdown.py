"""Tables and texts in Markdown, as GitHub and GitLab show it."""

import re
from collections.abc import Iterable, Sequence

from heteroplan.text import visible

_MARKS = re.compile(r"([\\`*_{}\[\]<>|#~&$@])")
"""What Markdown may take for more than a character; `@` mentions people."""


def plain(text: str) -> str:
    """`text` on one line, as it is."""
    return _MARKS.sub(r"\\\1", visible(text))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns, those whose head begins with `>` right-aligned; cells are `plain` already."""
    rules = ["---:" if head.startswith(">") else "---" for head in heads]
    names = [plain(head.removeprefix(">")) for head in heads]
    return "".join(f"| {' | '.join(row)} |\n" for row in (names, rules, *rows))


def block(text: str) -> str:
    """Lines as they are, in a fence that none of them ends."""
    lines = [visible(line) for line in text.splitlines()]
    longest = max((len(found) for line in lines for found in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *lines, fence, ""])
