"""A comparison in Markdown, for a comment on a change or a chat."""

from collections.abc import Sequence

from heteroplan.outputs.compare.document import ComparisonDocument
from heteroplan.outputs.compare.sentences import (
    INPUT_HEADS,
    POOL_HEADS,
    TOTAL_HEADS,
    WORKLOAD_HEADS,
    counts_sentence,
    headline,
    input_rows,
    pool_rows,
    sentences,
    side_text,
    total_rows,
    workload_rows,
)
from heteroplan.outputs.shared.markdown import plain, table

MOST_ROWS = 100
"""Of a table: a comment on GitHub holds 65,536 characters."""


def comparison_md(found: ComparisonDocument) -> str:
    """The same as on the terminal."""
    parts = [
        f"**{plain(headline(found))}**\n",
        f"- before: {plain(side_text(found.before))}\n- after: {plain(side_text(found.after))}\n",
        *(f"{plain(each)}\n" for each in sentences(found)),
        _table(TOTAL_HEADS, list(total_rows(found))),
    ]
    if inputs := input_rows(found):
        parts.append(_table(INPUT_HEADS, inputs))
    parts += [
        _table(WORKLOAD_HEADS, list(workload_rows(found))),
        f"**{plain(counts_sentence(found))}**\n",
    ]
    if pools := pool_rows(found):
        parts.append(_table(POOL_HEADS, pools))
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    shown = [[plain(cell) for cell in row] for row in rows[:MOST_ROWS]]
    more = len(rows) - MOST_ROWS
    return table(heads, shown) + (f"\nand {more:,} more\n" if more > 0 else "")
