"""Sources of a fleet as texts, read by a format."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heteroplan.errors import InputError
from heteroplan.inventory.formats import FORMATS
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from heteroplan.inventory.reading import open_source
from tests.realdata import DATA


def source(content: str | dict[str, Any] | list[Any], name: str = "f") -> SourceFile:
    """A text, or JSON."""
    if isinstance(content, str):
        return SourceFile(name, content, None)
    text = json.dumps(content)
    return SourceFile(name, text, json.loads(text))


def read(
    name: str,
    content: str | dict[str, Any] | list[Any],
    columns: Mapping[str, str] | None = None,
    zone: str | None = None,
) -> Contents:
    """What a format that fits makes of a content."""
    file = source(content)
    options = SourceOptions(columns or {}, None if zone is None else ZoneInfo(zone))
    return FORMATS[name].read(file, options)


def fits(name: str, content: str | dict[str, Any] | list[Any]) -> bool:
    return FORMATS[name].fits(source(content))


def refused(name: str, content: str | dict[str, Any] | list[Any], **options: Any) -> str:
    """The message for a content that cannot be read."""
    with pytest.raises(InputError) as raised:
        read(name, content, **options)
    return str(raised.value)


def sample(name: str, file: str) -> Contents:
    """What a format makes of a file of ../shared/data/fleet."""
    opened = open_source(DATA / "fleet" / file)
    assert FORMATS[name].fits(opened)
    return FORMATS[name].read(opened, SourceOptions())


def by_name(contents: Contents) -> dict[str, NodeRecord]:
    return {node.name: node for node in contents.nodes}


def nodes_by_path(contents: Contents) -> Counter[tuple[str, ...] | None]:
    return Counter(node.path for node in contents.nodes)
