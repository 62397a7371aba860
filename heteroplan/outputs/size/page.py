"""report.html of a size."""

from heteroplan.outputs.size.document import SizeDocument


def size_html(document: SizeDocument) -> str:
    """TODO."""
    return document.scenario
