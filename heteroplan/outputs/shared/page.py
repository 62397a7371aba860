"""Self-contained pages: one file to open from disk or to attach; nothing is loaded.

The HTML stands in `templates` (Jinja2, which escapes every value).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from heteroplan.outputs.shared.chart_style import legend_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from plotly.graph_objects import Figure

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
"""No request leaves the page."""
CHART_CONFIG: dict[str, Any] = {"displayModeBar": False, "responsive": True}
_PHONE_PX, _CHARACTER_PX, _PADDING_PX = 346, 7.7, 8
"""Inner width of a section at 390 px; a character and a cell's padding in its font."""
_BREAKS = re.compile(r"[\s-]+")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("heteroplan.outputs.shared"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, **values: object) -> str:
    """HTML of a template, every value escaped that the template does not call safe."""
    return _environment().get_template(template).render(**values)


def page(
    title: str, body: Iterable[str], *, style: str = "", meta: Mapping[str, str] | None = None
) -> str:
    """A page with plotly.js in it; `body` is HTML, `meta` names and contents of meta tags."""
    from plotly.offline import get_plotlyjs

    return render(
        "page.html",
        title=title,
        body=body,
        style=style,
        meta=meta or {},
        policy=POLICY,
        plotly=get_plotlyjs(),
    )


def page_heading(title: str, below: str) -> str:
    """The title of a page and a line below it."""
    return render("heading.html", title=title, below=below)


def cards(figures: Iterable[tuple[str, str]]) -> str:
    """Figures, each with what it is."""
    return render("cards.html", figures=figures)


def table_section(
    head: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text_columns: set[int],
    bold_rows: Collection[int] = (),
    below: Iterable[str] = (),
    above: str = "",
) -> str:
    """A table under a heading; columns are aligned right but those of text. `above` is HTML."""
    table = PageTable(heads, tuple(rows), text_columns, bold_rows)
    return render(
        "table_section.html", head=head, above=above, table=table_html(table), below=below
    )


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table of texts."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: Collection[int] = (0,)
    """Aligned left, and wrapped."""
    bold_rows: Collection[int] = ()
    caption: str = ""

    @property
    def fits_a_phone(self) -> bool:
        """Whether its columns stand side by side there; or else each row becomes a list."""
        columns = zip(self.heads, *self.rows, strict=True)
        widths = (
            max(_widest(cell, wraps=i in self.text_columns or row == 0) for row, cell in column)
            for i, column in enumerate(map(enumerate, columns))
        )
        return sum(width * _CHARACTER_PX + _PADDING_PX for width in widths) <= _PHONE_PX


def _widest(cell: str, *, wraps: bool) -> int:
    """Characters of what cannot be broken."""
    return max(map(len, _BREAKS.split(cell))) if wraps else len(cell)


def table_html(table: PageTable) -> str:
    """A table without a section around it."""
    return render("table.html", table=table)


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the charts that stand side by side where there is room."""

    title: str
    chart: "Figure"


def chart_section(
    name: str,
    head: str,
    charts: "Figure | Sequence[Panel]",
    tables: Iterable[PageTable] = (),
    below: Iterable[str] = (),
) -> str:
    """Charts under a heading, and below them what they show as tables; `name` begins their ids."""
    panels = charts if isinstance(charts, Sequence) else (Panel("", charts),)
    return render(
        "chart_section.html", head=head, charts=charts_html(name, head, panels, tables), below=below
    )


def charts_html(
    name: str, what: str, panels: Sequence[Panel], tables: Iterable[PageTable] = ()
) -> str:
    """Charts with one legend, and their tables, which are shown when asked for."""
    return render(
        "charts.html",
        legend=legend_of([panel.chart for panel in panels]),
        panels=[
            {"title": panel.title, "chart": chart_html(f"{name}-{i}" if i else name, panel.chart)}
            for i, panel in enumerate(panels)
        ],
        summary=f"{what} as a table",
        tables=[table_html(table) for table in tables],
    )


def chart_html(name: str, chart: "Figure") -> str:
    """A chart; `name` is its id."""
    from plotly.io import to_html

    drawn = chart.to_dict()
    drawn["layout"]["template"] = _chart_template()
    html = to_html(
        drawn,
        validate=False,
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config=CHART_CONFIG,
    )
    return str(html)


@cache
def _chart_template() -> dict[str, Any]:
    """Colours of grids and axes. Plotly takes long to check it when a figure is given it."""
    from plotly.io import templates

    template: dict[str, Any] = templates["plotly_white"].to_plotly_json()
    return template
