"""Small traces for tests, and curves made of them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from heteroplan.forecasting.curve.curve import Curve
from heteroplan.pipelines import demand as pipeline

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def written(folder: Path, rows: Iterable[str], name: str = "trace.csv") -> str:
    """A trace with Azure's columns."""
    path = folder / name
    path.write_text(AZURE + "".join(f"{row}\n" for row in rows))
    return str(path)


def steady(
    folder: Path,
    *,
    first: str,
    seconds: int,
    every_s: int = 60,
    skip: range = range(0),
    name: str = "trace.csv",
) -> str:
    """A request every `every_s` seconds from `first`, none in `skip`, of 100 + 10 tokens."""
    begin = datetime.fromisoformat(first)
    stamps = (begin + timedelta(seconds=s) for s in range(0, seconds, every_s) if s not in skip)
    return written(folder, (f"{stamp},100,10" for stamp in stamps), name)


def hourly(folder: Path, days: Iterable[Iterable[int]], first: str = "2026-11-02") -> str:
    """Our own CSV with rates of 24 hours a day, from Monday 2 November 2026 on."""
    begin = datetime.fromisoformat(first)
    rates = [rate for day in days for rate in day]
    stamps = (begin + timedelta(hours=i) for i in range(len(rates)))
    rows = (f"{stamp.isoformat()},{rate},100,10" for stamp, rate in zip(stamps, rates, strict=True))
    path = folder / "demand.csv"
    path.write_text("\n".join(["interval_start,rps,isl,osl", *rows]))
    return str(path)


def recorded(*paths: str, **options: Any) -> Curve:
    """The intervals as they were, by their mean rates."""
    interval_s = options.pop("interval_s", 900)
    given = {"quantile": None, "peak_s": interval_s, "interval_s": interval_s, **options}
    return pipeline.demand(paths, **given).curve


def rates(curve: Curve) -> list[float]:
    return [row.rps for row in curve.rows]
