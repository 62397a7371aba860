"""Fits of whole measurement files, and the profile file that they make."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heteroplan.entities.workload import PrefillCoefficients, Role, Span
from heteroplan.profiles.fit import ALL, Fit, Within, fit
from heteroplan.profiles.measurement import Measurement


@dataclass(frozen=True, slots=True)
class FitReport:
    """What `heteroplan fit` found."""

    fits: tuple[Fit, ...]
    """Prefill before decode, by GPU type, then by size."""
    skipped: tuple[str, ...]
    """Engines with too few points, and the remedy."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A file of measurements."""

    name: str
    sha256: str


def fit_all(
    points: Iterable[Measurement],
    *,
    gpu: str | None = None,
    gpus: int | None = None,
    within: Within = ALL,
) -> FitReport:
    """A fit for every GPU type, engine size and phase of `points`, or those of `gpu` and `gpus`."""
    groups: dict[tuple[bool, str, int], list[Measurement]] = {}
    for point in points:
        if gpu in (None, point.gpu) and gpus in (None, point.gpus):
            key = (point.phase is Role.DECODE, point.gpu, point.gpus)
            groups.setdefault(key, []).append(point)
    fits, skipped = [], []
    for key in sorted(groups):
        try:
            fits.append(fit(groups[key], within))
        except ValueError as error:
            skipped.append(str(error))
    return FitReport(tuple(fits), tuple(skipped))


def profile_yaml(
    model: str,
    fits: Sequence[Fit],
    *,
    kv_bytes_per_token: float | None = None,
    kv_tokens: Mapping[tuple[str, int], int] | None = None,
    startup_s: float = 0.0,
    drain_s: float = 0.0,
    origins: Mapping[tuple[str, int, Role], Sequence[Origin]] | None = None,
) -> str:
    """A profile file with one engine a fit, which `plan` takes as it is.

    `kv_tokens` is the KV cache of a decode replica by GPU type and GPUs [tokens]; where it is not
    given, the measured batches bound the batch; `origins` are the files behind a fit, by GPU type,
    GPUs and phase. Errors are those held out. What is left out, and so taken for free or without
    limit, stands at the top as comments.
    """
    import yaml

    profile: dict[str, object] = {"model": model}
    if kv_bytes_per_token is not None:
        profile["kv_bytes_per_token"] = _number(kv_bytes_per_token)
    short_names = _short_names({found.gpu for found in fits})
    profile["engines"] = [
        {
            "name": f"{short_names[found.gpu]}-tp{found.gpus}-{found.phase.value}",
            "role": found.phase.value,
            "gpu": found.gpu,
            "gpus": found.gpus,
            "startup_s": _number(startup_s),
            "drain_s": _number(drain_s),
            **_phase(found, (kv_tokens or {}).get((found.gpu, found.gpus))),
            "source": _source(found, (origins or {}).get((found.gpu, found.gpus, found.phase), ())),
        }
        for found in fits
    ]
    text: str = yaml.safe_dump(
        profile, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100
    )
    missing = _missing(fits, kv_bytes_per_token, kv_tokens or {}, startup_s, drain_s)
    return "".join(f"# {note}\n" for note in missing) + text


def _source(found: Fit, origins: Sequence[Origin]) -> dict[str, object]:
    return {
        "kind": found.kind.value,
        "from": ", ".join(origin.name for origin in origins),
        "error_mape": round(found.error.mape, 4),
        "error_worst": round(found.error.worst, 4),
        **({} if found.spread is None else {"spread": round(found.spread, 4)}),
        "points": found.points,
        "sha256": [origin.sha256 for origin in origins],
    }


def _missing(
    fits: Sequence[Fit],
    kv_bytes_per_token: float | None,
    kv_tokens: Mapping[tuple[str, int], int],
    startup_s: float,
    drain_s: float,
) -> list[str]:
    """What a profile of `fits` leaves out, and so takes for free or without limit."""
    notes = []
    if not startup_s:
        notes.append("no start-up time: replicas serve at once (startup_s, --startup-s)")
    if not drain_s:
        notes.append("no drain time: GPUs come back at once (drain_s, --drain-s)")
    names = _short_names({found.gpu for found in fits})
    unlimited = [
        f"{names[found.gpu]}-tp{found.gpus}-decode"
        for found in fits
        if found.phase is Role.DECODE and (found.gpu, found.gpus) not in kv_tokens
    ]
    if unlimited:
        notes.append(
            f"no KV memory limit for {', '.join(unlimited)}: only the measured batches bound the "
            "batch (kv_tokens, --kv-tokens)"
        )
    if kv_bytes_per_token is None:
        notes.append("no KV transfer limit (kv_bytes_per_token, --kv-bytes-per-token)")
    return notes


def _phase(found: Fit, kv_tokens: int | None) -> dict[str, object]:
    values = found.coefficients
    if isinstance(values, PrefillCoefficients):
        return {
            "prefill": {
                "overhead_ms": _rounded(values.overhead_ms),
                "ms_per_token": _rounded(values.ms_per_token),
                "ms_per_token_squared": _rounded(values.ms_per_token_squared),
                **({"floor_ms": _rounded(values.floor_ms)} if values.floor_ms else {}),
            },
            "range": _ranges(batch_tokens=found.batch_tokens_range),
        }
    return {
        "decode": {
            "base_ms": _rounded(values.base_ms),
            "ms_per_sequence": _rounded(values.ms_per_sequence),
            "ms_per_context_token": _rounded(values.ms_per_context_token),
            **({"floor_ms": _rounded(values.floor_ms)} if values.floor_ms else {}),
        },
        **({} if kv_tokens is None else {"kv_tokens": kv_tokens}),
        "range": _ranges(batch=found.batch_range, context=found.context_range),
    }


def _ranges(**spans: Span | None) -> dict[str, list[float]]:
    return {
        name: [_number(span.low), _number(span.high)]
        for name, span in spans.items()
        if span is not None
    }


def _rounded(value: float) -> float:
    """`value` at six significant digits, far below any error of measurement."""
    return float(f"{value:.6g}")


def _number(value: float) -> float:
    """`value`, written without a decimal point where it is whole."""
    return int(value) if float(value).is_integer() else value


def _short_names(gpus: Iterable[str]) -> dict[str, str]:
    """First part of each GPU name, or all of it where two types share that; RFC 1123 letters."""
    labels = {gpu: re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-") for gpu in gpus}
    first = {gpu: label.partition("-")[0] for gpu, label in labels.items()}
    shared = list(first.values())
    return {gpu: first[gpu] if shared.count(first[gpu]) == 1 else labels[gpu] for gpu in labels}
