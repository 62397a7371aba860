"""A curation as a page: one file to open from disk or to attach."""

from collections.abc import Sequence

from heteroplan.inputs.plan_ids import META
from heteroplan.outputs.replay.curation.figures import (
    heading,
    option_lines,
    policy_columns,
    pressure_columns,
    pressure_sentence,
    rows_of,
    table_sentence,
    verdict,
)
from heteroplan.outputs.replay.figures import Column, Kept, one_line
from heteroplan.outputs.shared.page import page, render, table_section
from heteroplan.simulation.curation.results import Curation


def curation_html(curation: Curation) -> str:
    """Verdict, policies on the unseen part, their options, pressure tests and notes."""
    title = f"{curation.scenario}: curated policies"
    is_kept, sentence = verdict(curation)
    return page(
        title,
        [
            render(
                "verdict_head.html",
                title=title,
                below=heading(curation),
                verdict_class=(Kept.ALWAYS if is_kept else Kept.NOT).value,
                verdict=sentence,
                notes=list(curation.notes),
            ),
            _section("On the unseen part", policy_columns(curation), table_sentence(curation)),
            table_section(
                "Options found, for --policy",
                ("policy",),
                [(line,) for line in option_lines(curation)],
                text_columns={0},
            ),
            _section(
                "Pressure tests",
                pressure_columns(curation, all_splits=True),
                pressure_sentence(curation),
            ),
        ],
        meta={META: curation.plan_id or ""},
    )


def _section(head: str, columns: Sequence[Column], below: str) -> str:
    return table_section(
        head,
        [one_line(each.head) for each in columns],
        rows_of(columns),
        text_columns={0, 1},
        below=[below],
    )
