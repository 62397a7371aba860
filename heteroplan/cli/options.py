"""Options as users write them. What does not fit is named by Typer with the option."""

import math
import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heteroplan.entities.workload import RequestClass, Slo, Span
from heteroplan.errors import UsageError
from heteroplan.input_size import MOST_BYTES, MOST_MEASURED_BYTES, parse_size, size

if TYPE_CHECKING:
    from heteroplan.profiles.replica import Asked


_PROCESS_BEGAN = [time.monotonic() - time.process_time()]
"""Of the process, until its first command takes it [s]."""
_BEGAN: ContextVar[float] = ContextVar("_BEGAN")
"""Of the command, on the clock of time.monotonic [s]."""
LEAST_SHARE = 0.1
"""Of a time limit, that is left although starting took longer."""


@dataclass(frozen=True, slots=True)
class KvTokens:
    """`[GPU:TP=]TOKENS`: KV cache of a decode replica."""

    engine: tuple[str, int] | None
    """GPU type and GPUs a replica; None is every engine."""
    tokens: int


def span(text: str) -> Span:
    """`LO:HI`, either of which may be left out."""
    low, colon, high = text.partition(":")
    try:
        found = Span(float(low) if low else 0.0, float(high) if high else math.inf)
    except ValueError:
        found = Span(math.nan, math.nan)
    if not colon or not found.low <= found.high:
        raise typer.BadParameter(f"{text!r} is not LOW:HIGH, such as 512:2048")
    return found


def kv_tokens(text: str) -> KvTokens:
    """`516000` or `H100-SXM-80GB:4=516000`."""
    engine, _, tokens = text.rpartition("=")
    gpu, _, gpus = engine.rpartition(":")
    known = bool(gpu) and gpus.isdecimal()
    if not tokens.isdecimal() or int(tokens) == 0 or (engine and not known):
        raise typer.BadParameter(f"{text!r} is not TOKENS or GPU:TP=TOKENS, such as 516000")
    return KvTokens((gpu, int(gpus)) if known else None, int(tokens))


def kv_tokens_by_engine(
    given: Iterable[KvTokens], engines: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    """KV cache of each engine (GPU type, GPUs); what names an engine wins.

    Raises UsageError for an engine that is not among `engines`.
    """
    known = list(dict.fromkeys(engines))
    named = {each.engine: each.tokens for each in given}
    for engine in named:
        if engine is not None and engine not in known:
            names = ", ".join(f"{gpu}:{gpus}" for gpu, gpus in known) or "none"
            raise UsageError(f"--kv-tokens {engine[0]}:{engine[1]}: decode engines are {names}")
    tokens = {engine: named.get(engine, named.get(None)) for engine in known}
    return {engine: value for engine, value in tokens.items() if value is not None}


def asked(
    shape: tuple[float, float] | None,
    ttft_ms: float | None,
    itl_ms: float | None,
    percentile: float,
) -> "Asked | None":
    """What a replica is asked for; None where no SLO is given. Raises UsageError for half of it."""
    from heteroplan.profiles.replica import Asked

    if not 0 < percentile < 1:
        raise UsageError(f"--percentile {percentile:g}: must lie between 0 and 1, such as 0.95")
    if ttft_ms is None and itl_ms is None:
        return None
    given = {"--isl and --osl": shape, "--ttft-ms": ttft_ms, "--itl-ms": itl_ms}
    missing = [option for option, value in given.items() if value is None]
    if shape is None or ttft_ms is None or itl_ms is None:
        raise UsageError(f"what a replica serves also needs {', '.join(missing)}")
    return Asked(RequestClass("all", 1.0, *shape), Slo(ttft_ms, itl_ms, percentile))


def shape(isl: float | None, osl: float | None) -> tuple[float, float] | None:
    """Input and output tokens of a request; None where neither is given. Raises UsageError."""
    if (isl is None) != (osl is None):
        raise UsageError("--isl and --osl are given together or not at all")
    return None if isl is None or osl is None else (isl, osl)


def share(text: str) -> float:
    """`0.1`; a number with % is told what to write."""
    percent = text.removesuffix("%") if isinstance(text, str) and text.endswith("%") else ""
    try:
        meant = f"{float(percent) / 100:g}"
    except ValueError:
        meant = "0.1 for 10 %"
    return _number(text, meant)


def share_or_none(text: str) -> float | None:
    """`0.95`, or `none`."""
    return None if text == "none" else share(text)


def columns(text: str) -> dict[str, str]:
    """`timestamp=ts,isl=prompt_tokens`: our names of columns -> theirs."""
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not (ours.strip() and equals and theirs) for ours, equals, theirs in pairs):
        raise typer.BadParameter(
            f"{text!r} is not NAME=COLUMN,..., such as timestamp=ts,isl=prompt_tokens"
        )
    return {ours.strip(): theirs for ours, _, theirs in pairs}


def seconds(text: str) -> float:
    """`60`."""
    return _number(text, "seconds without a unit, such as 60")


def begin() -> None:
    """Start the clock of a command: the first of a process began with it."""
    _BEGAN.set(_PROCESS_BEGAN.pop() if _PROCESS_BEGAN else time.monotonic())


def seconds_left(time_limit_s: float) -> float:
    """Of a command's time limit, less what its start took; what is no limit stays as it is."""
    left_s = time_limit_s - (time.monotonic() - _BEGAN.get(time.monotonic()))
    return max(left_s, LEAST_SHARE * time_limit_s) if time_limit_s > 0 else time_limit_s


def factor(text: str) -> float:
    """`1.2`."""
    return _number(text, "a factor, such as 1.2")


def _number(text: str, meant: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a number; write {meant}") from error


def named_file(text: str) -> str:
    """A name that is not empty."""
    if not text:
        raise typer.BadParameter("the name is empty; name a file")
    return text


def named_path(text: str) -> Path:
    """A file's name that is not empty."""
    return Path(named_file(text))


def named_folder(text: str) -> Path:
    """A folder; no name at all is not the current one."""
    if not text:
        raise typer.BadParameter("the name is empty; name a folder, such as . for this one")
    return Path(text)


def duration_s(text: str) -> int:
    """`15min` as seconds."""
    from heteroplan.inputs.durations import parse_duration_s

    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}") from error


def byte_size(text: str) -> int:
    """`2GiB` or `2000000000`."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}") from error


def moment(text: str) -> datetime:
    """ISO 8601, with or without an offset."""
    try:
        return _in_years(datetime.fromisoformat(text))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no moment; write for example 2026-11-23T06:00"
        ) from error


def _in_years[D: date](found: D) -> D:
    if not 1970 <= found.year < 2200:
        raise ValueError(found.year)
    return found


def day(text: str) -> date:
    """ISO 8601."""
    try:
        return _in_years(date.fromisoformat(text))
    except ValueError as error:
        message = f"{text!r} is no date; write for example 2026-11-23"
        raise typer.BadParameter(message) from error


ScenarioPath = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="A scenario.yaml, a folder that holds one, or - for standard input.",
        show_default=False,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a field of the scenario, such as workloads.chat-70b.headroom=0.2. Repeatable.",
    ),
]
Interval = Annotated[
    str | None, typer.Option("--interval", metavar="DURATION", help="Planning step, such as 15min.")
]
HELD, MEASURED_HELD = size(MOST_BYTES), size(MOST_MEASURED_BYTES)
"""Defaults of `--max-bytes`."""
MaxBytes = Annotated[
    Any,
    typer.Option(
        "--max-bytes",
        parser=byte_size,
        metavar="BYTES",
        help="Held of a file at a time, such as 2GiB; a line takes a 32nd of that at most.",
    ),
]
TimeLimit = Annotated[
    Any,
    typer.Option(
        "--time-limit", parser=seconds, metavar="SECONDS", help="For the whole command [s]."
    ),
]
Solver = Annotated[
    str,
    typer.Option(
        "--solver",
        metavar="NAME",
        help="Solver of MIPs and LPs: one that PuLP finds here, such as gurobi, copt, cplex, cbc.",
    ),
]
TraceSolve = Annotated[
    Any,
    typer.Option(
        "--trace-solve",
        parser=named_path,
        metavar="FILE",
        help="Write JSON lines there: best objective and bound as they change.",
    ),
]
