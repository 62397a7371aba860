"""Self-contained pages: one file to open from disk or to attach; nothing is loaded."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STYLE = """
:root { color-scheme: light; --ink: #1f2933; --soft: #616e7c; --line: #e4e7eb; --good: #0b7a4b;
  --bad: #b42318; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7fa; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { margin: 0; font-size: 26px; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 0 0 10px; font-size: 17px; }
p { margin: 0; }
.soft { color: var(--soft); }
.verdict { margin: 18px 0; padding: 14px 18px; border-radius: 8px; font-weight: 600;
  color: #fff; background: var(--good); overflow-wrap: anywhere; }
.verdict.short { background: var(--bad); }
.note { margin: 0 0 12px; padding-left: 10px; border-left: 3px solid #e08a1e; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; }
.card, section { background: #fff; border: 1px solid var(--line); border-radius: 8px; }
.card { padding: 12px 16px; }
.card b { display: block; font-size: 22px; font-weight: 650; font-variant-numeric: tabular-nums; }
section { margin-top: 16px; padding: 16px 18px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: right; color: var(--soft); font-weight: 500; }
td { text-align: right; border-top: 1px solid var(--line); white-space: nowrap; }
th, td { padding: 6px 10px; vertical-align: top; }
th.text, td.text { text-align: left; white-space: normal; }
tr.bold td { font-weight: 650; }
@media (max-width: 640px) {
  main { padding: 20px 10px; }
  section { padding: 12px 10px; font-size: 12px; }
  th, td { padding: 5px 4px; }
  td.text:last-child { overflow-wrap: anywhere; }
}
footer { margin-top: 18px; font-size: 13px; overflow-wrap: anywhere; }
"""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
"""No request leaves the page."""


def page(
    title: str, body: Iterable[str], *, style: str = "", meta: Mapping[str, str] | None = None
) -> str:
    """A page with plotly.js in it; `body` is HTML, `meta` names and contents of meta tags."""
    from plotly.offline import get_plotlyjs

    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            *(
                f'<meta name="{escape(name)}" content="{escape(content)}">'
                for name, content in (meta or {}).items()
            ),
            f"<title>{escape(title)}</title><style>{STYLE}{style}</style>",
            f"<script>{get_plotlyjs()}</script></head><body><main>",
            *body,
            "</main></body></html>\n",
        ]
    )


def cards(figures: Iterable[tuple[str, str]]) -> str:
    """Figures, each with what it is."""
    shown = "".join(
        f'<div class="card"><b>{escape(value)}</b><span class="soft">{escape(what)}</span></div>'
        for value, what in figures
    )
    return f'<div class="cards">{shown}</div>'


def table_section(
    head: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text_columns: set[int],
    bold_rows: Collection[int] = (),
    below: Iterable[str] = (),
) -> str:
    """A table under a heading; columns are aligned right but those of text."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=text' if i in text_columns else ''}>{escape(cell)}</{tag}>"
            for i, cell in enumerate(row)
        )

    body = "".join(
        f"<tr{' class=bold' if i in bold_rows else ''}>{cells('td', row)}</tr>"
        for i, row in enumerate(rows)
    )
    return (
        f"<section><h2>{escape(head)}</h2><table><thead><tr>{cells('th', heads)}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
        + "".join(f'<p class="soft">{escape(sentence)}</p>' for sentence in below)
        + "</section>"
    )


def chart_section(name: str, head: str, chart: "Figure") -> str:
    """A chart under a heading; `name` is its id."""
    config: dict[str, Any] = {"displayModeBar": False, "responsive": True}
    body = chart.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=config)
    return f"<section><h2>{escape(head)}</h2>{body}</section>"
