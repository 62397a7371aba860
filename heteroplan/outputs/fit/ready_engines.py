"""Ready profiles on a terminal, from 80 columns up, and as JSON."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console

from heteroplan.entities.workload import Engine, Profile, Role, SourceKind, Span
from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.profiles.fitting.profile_file import engine_entry

SCHEMA_VERSION = 1
WIDE = 100
"""Columns from which backends and precisions are shown."""
KILO = 1024
ROLES = list(Role)
LEGEND = (
    "range: tokens of a prompt or prefill batch, sequences x context tokens of a decode step "
    "(k: 1,024). Nothing outside it was measured or modelled.",
    "error: mean error; of aggregated engines the larger of those of TTFT and TPOT. Fitted "
    "engines: at points left out of the fit. Modelled engines: against measurements nearby "
    "(?: there are none). Sources and comparisons: --json.",
)


def profiles_json(profiles: Sequence[Profile]) -> str:
    """Every engine with all that its profile holds, under the names that profiles have for it."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "profiles": [
            {
                "name": f"ready:{profile.model}",
                "model": profile.model,
                "kv_bytes_per_token": profile.kv_bytes_per_token,
                "engines": [engine_entry(engine) for engine in profile.engines],
            }
            for profile in profiles
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def render_profiles(profiles: Sequence[Profile], console: Console) -> None:
    """A paragraph a profile; a line for each GPU type, role, size and kind of source."""
    for profile in profiles:
        console.print(Text(f"ready:{profile.model}", style="bold"))
        _render_engines(profile, console)
        console.print()
    for sentence in LEGEND:
        print_wrapped(Text(sentence, style="dim"), console)


def _render_engines(profile: Profile, console: Console) -> None:
    wide = console.width >= WIDE
    table = plain_table(console, ("GPU", "left"), ("role", "left"), ("GPUs", "right"),
                        ("range", "left"), ("error", "right"), ("source", "left"),
                        *((("variants", "left"),) if wide else ()))  # fmt: skip
    table.columns[-1].no_wrap = not wide
    before: tuple[str, str] = ("", "")
    for engines in _lines(profile):
        first = engines[0]
        table.add_row(
            Text("" if first.gpu == before[0] else first.gpu),
            Text("" if (first.gpu, first.role) == before else first.role.value),
            str(first.gpus),
            _range(engines),
            _error(engines),
            Text(first.source.kind.value, style=_style(first)),
            *([Text(", ".join(filter(None, map(_variant, engines))))] if wide else ()),
        )
        before = (first.gpu, first.role)
    print_trimmed(table, console)


def _lines(profile: Profile) -> Iterator[list[Engine]]:
    """Engines that share a line."""

    def line(engine: Engine) -> tuple[str, int, int, str]:
        return engine.gpu, ROLES.index(engine.role), engine.gpus, engine.source.kind.value

    for _, engines in groupby(sorted(profile.engines, key=line), key=line):
        yield list(engines)


def _range(engines: Sequence[Engine]) -> str:
    """Such as `1k-8k, 4-64 x 1.5k-8.5k`."""
    prompts = _reach([engine.batch_tokens_range for engine in engines])
    batches = _reach([engine.batch_range for engine in engines])
    contexts = _reach([engine.context_range for engine in engines])
    steps = f"{batches} x {contexts}" if batches and contexts else batches or contexts
    return ", ".join(part for part in (prompts, steps) if part)


def _reach(spans: Sequence[Span | None]) -> str:
    known = [span for span in spans if span is not None]
    if not known:
        return ""
    least, most = min(span.low for span in known), max(span.high for span in known)
    return f"{_short(least)}-{_short(most)}"


def _short(value: float) -> str:
    return f"{value / KILO:.2g}k" if value >= KILO else f"{value:.0f}"


def _error(engines: Sequence[Engine]) -> str:
    """Such as `8-31 %`, and `?` where none is known."""
    known = [engine.source.error_mape for engine in engines if engine.source.error_mape is not None]
    if not known:
        return "?"
    least, most = (f"{100 * error:.0f}" for error in (min(known), max(known)))
    return f"{least} %" if least == most else f"{least}-{most} %"


def _style(engine: Engine) -> str:
    return "yellow" if engine.source.kind is SourceKind.MODELLED else ""


def _variant(engine: Engine) -> str:
    """What its name says after the role: backend, precision, parallelism."""
    return engine.name.partition(f"{engine.role.value}-")[2]
