"""HTML pages as a browser takes them apart."""

from html.parser import HTMLParser

NASTY = "</script></title><img src=x onerror=alert(1)>"
"""A name that becomes an element wherever it is not taken for text."""


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "data")]


def _elements(page: str) -> _Elements:
    found = _Elements()
    found.feed(page)
    found.close()
    return found


def tags(page: str) -> list[str]:
    """Every element of a page, in its order."""
    return _elements(page).tags


def addresses(page: str) -> list[str]:
    """What a page refers to, such as `img src`."""
    return _elements(page).addresses
