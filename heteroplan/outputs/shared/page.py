"""Self-contained pages: one file to open from disk or to attach; nothing is loaded.

The HTML stands in `templates` (Jinja2, which escapes every value).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from plotly.graph_objects import Figure

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
"""No request leaves the page."""
CHART_CONFIG: dict[str, Any] = {"displayModeBar": False, "responsive": True}


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
) -> str:
    """A table under a heading; columns are aligned right but those of text."""
    return render(
        "table_section.html",
        head=head,
        heads=heads,
        rows=rows,
        text_columns=text_columns,
        bold_rows=bold_rows,
        below=below,
    )


def chart_html(name: str, chart: "Figure") -> str:
    """A chart; `name` is its id."""
    return str(
        chart.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=CHART_CONFIG)
    )


def chart_section(name: str, head: str, chart: "Figure") -> str:
    """A chart under a heading; `name` is its id."""
    return render("chart_section.html", head=head, chart=chart_html(name, chart))
