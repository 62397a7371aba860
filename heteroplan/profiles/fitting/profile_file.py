"""The profile file of fitted engines, which `plan` takes as it is."""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace

from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    Role,
    Source,
    TtftCoefficients,
)

EXPONENTIAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+\Z")
RARE = ("floor_ms", "ms_per_root_sequence")
"""Not written where they are 0."""


def profile_yaml(
    model: str,
    engines: Sequence[Engine],
    *,
    kv_bytes_per_token: float | None = None,
    startup_s: float = 0.0,
    drain_s: float = 0.0,
) -> str:
    """The text of the file.

    Start-up and drain times are of every engine. What is left out, and so taken for free or without
    limit, stands at the top as comments.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes also those texts that are numbers in YAML 1.2 alone, as 1e5 is."""

    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENTIAL, list("-+.0123456789"))
    profile: dict[str, object] = {"model": model}
    if kv_bytes_per_token is not None:
        profile["kv_bytes_per_token"] = _number(kv_bytes_per_token)
    profile["engines"] = [
        engine_entry(replace(engine, startup_s=startup_s, drain_s=drain_s)) for engine in engines
    ]
    text: str = yaml.dump(
        profile,
        None,
        Dumper,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=_printable(profile),
        width=100,
    )
    missing = _missing(engines, kv_bytes_per_token, startup_s, drain_s)
    return "".join(f"# {note}\n" for note in missing) + text


def _printable(entry: object) -> bool:
    """Whether no text in it needs escapes: line separators, what reorders text."""
    if isinstance(entry, dict):
        return all(_printable(each) for each in entry.values())
    if isinstance(entry, list):
        return all(_printable(each) for each in entry)
    return str(entry).isprintable()


def engine_entry(engine: Engine) -> dict[str, object]:
    """An undivided engine as it stands in the file."""
    return {
        "name": engine.name,
        "role": engine.role.value,
        "gpu": engine.gpu,
        "gpus": engine.gpus,
        "startup_s": _number(engine.startup_s),
        "drain_s": _number(engine.drain_s),
        **_figures(engine),
        "source": _source(engine.source),
    }


def _missing(
    engines: Sequence[Engine], kv_bytes_per_token: float | None, startup_s: float, drain_s: float
) -> list[str]:
    """What a profile of `engines` leaves out, and so takes for free or without limit."""
    notes = []
    if not startup_s:
        notes.append("no start-up time: replicas serve at once (startup_s, --startup-s)")
    if not drain_s:
        notes.append("no drain time: GPUs are free at once (drain_s, --drain-s)")
    unlimited = [each.name for each in engines if each.decode is not None and not each.kv_tokens]
    if unlimited:
        every = len(unlimited) == sum(each.decode is not None for each in engines)
        which = "" if every and len(unlimited) > 1 else f" for {', '.join(unlimited)}"
        notes.append(
            f"no KV memory limit{which}: only the measured range or max_sequences limits the batch "
            "(kv_tokens, --kv-tokens)"
        )
    if kv_bytes_per_token is None and any(each.role is not Role.AGGREGATED for each in engines):
        notes.append("no KV transfer limit (kv_bytes_per_token, --kv-bytes-per-token)")
    return notes


def _figures(engine: Engine) -> dict[str, object]:
    if engine.capacity_rps is not None:
        return {"capacity_rps": _rounded(engine.capacity_rps)}
    spans = {
        "batch_tokens": engine.batch_tokens_range,
        "batch": engine.batch_range,
        "context": engine.context_range,
        "kv_tokens": engine.kv_tokens_range,
    }
    ranges = {
        name: [_number(_rounded(span.low)), _number(_rounded(span.high))]
        for name, span in spans.items()
        if span is not None
    }
    return {
        **_block("prefill", engine.prefill),
        **_block("decode", engine.decode),
        **_block("ttft", engine.ttft),
        **{
            name: limit
            for name in ("kv_tokens", "max_sequences", "max_batch_tokens")
            if (limit := getattr(engine, name)) is not None
        },
        "range": ranges,
    }


def _block(
    name: str, values: PrefillCoefficients | DecodeCoefficients | TtftCoefficients | None
) -> dict[str, object]:
    if values is None:
        return {}
    fields = asdict(values).items()
    return {name: {field: _rounded(value) for field, value in fields if value or field not in RARE}}


def _source(source: Source) -> dict[str, object]:
    errors = {
        "error_mape": source.error_mape,
        "error_worst": source.error_worst,
        "error_beyond": source.error_beyond,
        "spread": source.spread,
    }
    return {
        "kind": source.kind.value,
        "from": source.origin,
        **{name: round(value, 4) for name, value in errors.items() if value is not None},
        "points": source.points,
        "sha256": list(source.sha256),
    }


def _rounded(value: float) -> float:
    """`value` at six significant digits, far below any error of measurement."""
    return float(f"{value:.6g}")


def _number(value: float) -> float:
    """`value`, written without a decimal point where it is whole."""
    return int(value) if float(value).is_integer() else value
