"""Tables that appear line by line while a benchmark runs."""

from collections.abc import Sequence


def header(title: str, how: str, columns: Sequence[str]) -> None:
    """A heading, how the table was made, and its first two lines."""
    print(f"\n### {title}\n\n{how}\n")
    row(*columns)
    row(*(["---"] * len(columns)))


def row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def percent(share: float) -> str:
    return f"{share * 100:.1f} %".replace("-0.0", "0.0")


def ratio(top: float, bottom: float) -> str:
    return f"{top / bottom:.2f}" if bottom else ""
