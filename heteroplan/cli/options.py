"""Options as users write them. What does not fit is named by Typer with the option."""

import math
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from heteroplan.cli import completion
from heteroplan.clock import LEAST_SHARE
from heteroplan.entities.workload import Span
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared import limits
from heteroplan.reading.input_size import MOST_BYTES, MOST_MEASURED_BYTES, parse_size, size
from heteroplan.reading.local_time import check_year, parse_stamp
from heteroplan.reading.numbers import (
    beyond,
    more_or_less,
    parse_number,
    parse_percent,
    parse_whole,
    plain_share,
)

_PROCESS_BEGAN = [time.monotonic() - time.process_time()]
"""Of the process, until its first command takes it [s]."""
_BEGAN: ContextVar[float] = ContextVar("_BEGAN")
"""Of the command, on the clock of time.monotonic [s]."""
MOST_NUMBER = 1e12
MOST_GPUS = 10_000
"""Of a replica."""
MOST_KV_TOKENS = 10**12
MOST_SECONDS = 86_400.0
"""Start-up and drain, at most: a day. All of these are as in the files."""


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
        found = Span(parse_number(low) if low else 0.0, parse_number(high) if high else math.inf)
    except ValueError:
        found = Span(math.nan, math.nan)
    if not colon or not found.low <= found.high:
        raise typer.BadParameter(f"{text!r} is not LOW:HIGH, such as 512:2048")
    return found


def kv_tokens(text: str) -> KvTokens:
    """`516000` or `H100-SXM-80GB:4=516000`."""
    engine, equals, tokens = text.rpartition("=")
    gpu, _, gpus = engine.rpartition(":")
    try:
        if equals and not gpu:
            raise ValueError
        known = (gpu, parse_whole(gpus, 1, MOST_GPUS)) if equals else None
        return KvTokens(known, parse_whole(tokens, 1, MOST_KV_TOKENS))
    except ValueError:
        message = f"{text!r} is not TOKENS or GPU:TP=TOKENS, such as 516000"
        raise typer.BadParameter(message) from None


def shares(
    plain_below: float = math.inf, *, least: float = 0.0, such_as: str = "0.1 for 10 %"
) -> Callable[[str], float]:
    """Reads `0.1` and `10%` from `least` on; from `plain_below` upwards only the latter."""

    def share(text: str) -> float:
        given = parse_percent(text)
        try:
            value = _number(text, such_as) if given is None else given
            if value < least:
                raise ValueError(f"{beyond(text, least, math.inf, below=True)}, such as {such_as}")
            return value if given is not None else plain_share(value, plain_below)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return share


share = shares()
headroom = shares(2.0)
relative_gap = shares(0.5, such_as="0.01 for 1 %")


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


def equality(text: str) -> tuple[str, str]:
    """`model=chat-70b`: a column and a value."""
    column, equals, value = text.partition("=")
    if not (column.strip() and equals):
        raise typer.BadParameter(f"{text!r} is not COLUMN=VALUE, such as model=chat-70b")
    return column.strip(), value.strip()


def named[T](read: Callable[[str], T]) -> Callable[[str], tuple[str, T]]:
    """Reads `NAME=VALUE`, or a value for all others, whose name is empty."""

    def pair(text: str) -> tuple[str, T]:
        name, equals, value = text.rpartition("=")
        if equals and not name:
            raise typer.BadParameter(
                f"{text!r} is without a name before =; write NAME=VALUE, or a value for all others"
            )
        try:
            return name, read(value)
        except typer.BadParameter as error:
            raise typer.BadParameter(f"{name}: {error}" if name else str(error)) from None

    return pair


def by_name(option: str, pairs: Sequence[tuple[str, Any]] | None) -> dict[str, Any]:
    """Values by name. Raises UsageError: a name comes twice."""
    found: dict[str, Any] = {}
    for name, value in pairs or ():
        if name in found:
            whose = f" for {name}" if name else ""
            raise UsageError(f"{option} is given twice{whose}; give it once")
        found[name] = value
    return found


def by_column(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Values of each column, in their order."""
    found: dict[str, list[str]] = {}
    for column, value in pairs:
        found.setdefault(column, []).append(value)
    return found


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
    """`1.2`; for a share the error says what to write."""
    more = parse_percent(text)
    return _number(text, "a factor, such as 1.2" if more is None else more_or_less(text, more))


def numbers(least: float, most: float) -> Callable[[str], float]:
    """Reads a number from `least` to `most`."""

    def read(text: str) -> float:
        value = _number(text, "digits, such as 12 or 0.5")
        if not least <= value <= most:
            raise typer.BadParameter(beyond(text, least, most, below=value < least))
        return value

    return read


number = numbers(-math.inf, math.inf)


def wholes(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        try:
            return parse_whole(text, least, most)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return read


def _number(text: str, meant: str) -> float:
    try:
        return parse_number(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}; write {meant}") from None


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
    from heteroplan.reading.durations import parse_duration_s

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
        found = parse_stamp(text)
        check_year(found)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no moment; write for example 2026-11-23T06:00"
        ) from error
    return found


def day(text: str) -> date:
    """ISO 8601."""
    try:
        found = date.fromisoformat(text)
        check_year(found)
    except ValueError as error:
        message = f"{text!r} is no date; write for example 2026-11-23"
        raise typer.BadParameter(message) from error
    return found


ScenarioPath = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="A scenario.yaml, a folder that holds one, or - for standard input.",
        show_default=False,
        autocompletion=completion.scenarios,
    ),
]
Where = Annotated[
    list[Any] | None,
    typer.Option(
        "--where",
        parser=equality,
        metavar="COLUMN=VALUE",
        help="Only requests of a log with that value, such as model=chat-70b, or counters with "
        "that label. Repeatable: one column several times takes any of the values.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a field of the scenario, such as workloads.chat-70b.headroom=0.2, or of its "
        "fleet, such as fleet.node_types.h100x8.usd_per_gpu_hour=2.1 or fleet.LEAF.NODE_TYPE=6. "
        "Repeatable.",
    ),
]
Offers = Annotated[
    str | None,
    typer.Option(
        "--offers",
        parser=named_file,
        metavar="FILE",
        help="What nodes can be bought, reserved or rented for; - for standard input. Default: the "
        "file that the scenario names (offers:).",
    ),
]
Interval = Annotated[
    str | None,
    typer.Option("--interval", metavar="DURATION", help="Length of an interval, such as 15min."),
]
HELD, MEASURED_HELD = size(MOST_BYTES), size(MOST_MEASURED_BYTES)
"""Defaults of `--max-bytes`."""
MaxBytes = Annotated[
    int,
    typer.Option(
        "--max-bytes",
        parser=byte_size,
        metavar="BYTES",
        help="Memory limit for one file, such as 2GiB; a line may take 1/32 of it.",
    ),
]
TimeLimit = Annotated[
    float,
    typer.Option(
        "--time-limit", parser=seconds, metavar="SECONDS", help="Limit for the whole command [s]."
    ),
]
Solver = Annotated[
    str,
    typer.Option(
        "--solver",
        metavar="NAME",
        help="MIP and LP solver: HiGHS or one that PuLP finds, such as gurobi, copt, cplex, cbc.",
    ),
]
TraceSolve = Annotated[
    Path | None,
    typer.Option(
        "--trace-solve",
        parser=named_path,
        metavar="FILE",
        help="Write cost and bound during the search there, as JSON lines.",
    ),
]
Gap = Annotated[
    float,
    typer.Option(
        parser=relative_gap,
        metavar="SHARE",
        help="Gap at which the search ends; 1 % is 0.01.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        parser=wholes(*limits.CHECK["jobs"]),
        metavar="N",
        help="Plans that are made at a time, a process each; default: as many as there are "
        "processors.",
    ),
]
