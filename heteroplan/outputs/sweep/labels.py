"""Inputs, their values and amounts of a study in words, as its page shows them."""

import re
from collections.abc import Iterable

from heteroplan.entities.scenario import Objective
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.outputs.shared.words import amount_unit, figure
from heteroplan.outputs.sweep.figures import AS_IT_IS, value_text
from heteroplan.studies.case import Value
from heteroplan.studies.result import CaseResult, CaseStatus, amount, number_of
from heteroplan.text import percent

_WORDS = (
    (r"growth", "demand"),
    (r"weeks_ahead", "weeks from now"),
    (r"growth_per_week", "growth a week"),
    (r"slo\.(?P<what>ttft|itl)_ms", "{what} limit"),
    (r"workloads\.(?P<name>[^.]+)\.slo\.(?P<what>ttft|itl)_ms", "{what} limit of {name}"),
    (r"workloads\.(?P<name>[^.]+)\.growth", "demand of {name}"),
    (r"fleet\.node_types\.(?P<name>[^.]+)\.usd_per_gpu_hour", "price of {name}"),
    (r"fleet\.nodes\.(?P<name>[^.]+)", "nodes of {name}"),
    (rf"fleet\.(?!(?:{'|'.join(FleetFile.model_fields)})\.)(?P<leaf>[^.]+)\.(?P<name>[^.]+)",
     "nodes of {name} on {leaf}"),
    (r"profile\.(?P<name>[^.]+)\.speed_factor", "speed of {name}"),
)  # fmt: skip
"""Paths that have a name, the whole of them; others are shown as they are."""
_UNITS = {"_ms": "ms", "usd_per_gpu_hour": "USD/h", "_s": "s", "_usd": "USD"}


def input_label(path: str) -> str:
    """Such as `price of h100x8` for `fleet.node_types.h100x8.usd_per_gpu_hour`."""
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, path):
            parts = found.groupdict()
            return words.format(**{**parts, "what": parts.get("what", "").upper()})
    return path


def value_label(path: str, value: Value) -> str:
    """Such as `1,000 ms`, or `-10 %` for the factor `*0.9`."""
    number = number_of(value)
    if number is None:
        return value_text(value)
    if isinstance(value, str):
        return f"{100 * (number - 1):+.3g} %"
    return number_label(path, number)


def number_label(path: str, number: float) -> str:
    """With its unit, as far as the path has one."""
    return f"{number:,.9g} {unit_of(path)}".rstrip()


def unit_of(path: str) -> str:
    """As the last part of the path says it; empty where that has none."""
    return next((unit for ending, unit in _UNITS.items() if path.endswith(ending)), "")


def settings_label(settings: Iterable[tuple[str, Value]]) -> str:
    """Such as `demand 1.2, TTFT limit 500 ms`; `as it is` where nothing is set."""
    return (
        ", ".join(f"{input_label(path)} {value_label(path, value)}" for path, value in settings)
        or AS_IT_IS
    )


def unit_label(objective: Objective, horizon_hours: float) -> str:
    """What amounts of the horizon are in: `USD a day`, `USD in 7 days`, `GPU-hours in 6 h`."""
    unit = amount_unit(objective)
    if horizon_hours == 24:
        return f"{unit} a day"
    days = horizon_hours / 24
    return f"{unit} in {days:g} days" if days == int(days) else f"{unit} in {horizon_hours:g} h"


def amount_label(case: CaseResult, objective: Objective) -> str:
    """What its plan costs; empty without one."""
    value = amount(case, objective)
    return "" if value is None else figure(value)


def coverage_label(case: CaseResult) -> str:
    """Such as `covered`, `97.3 % served` or `failed`."""
    if case.status is CaseStatus.FAILED:
        return "failed"
    if case.covered == "short" and case.served_fraction is not None:
        return f"{served_label(case.served_fraction)} served"
    return case.covered or ""


def served_label(fraction: float) -> str:
    """A share below 1 never as 100 %."""
    return next(
        (
            text
            for digits in (1, 2, 3, 4)
            if not (text := percent(fraction, digits)).startswith("100")
        ),
        "almost 100 %",
    )
