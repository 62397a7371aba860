"""Metrics of a nightly job, for node_exporter's textfile collector.

Every name begins with `heteroplan_nightly_`, and every series has the label `dir`: the folder of
the job. What is not known has no series.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PREFIX = "heteroplan_nightly_"
HELP = {
    "last_run_timestamp_seconds": "When the last run ended.",
    "last_success_timestamp_seconds": "When the last run ended whose schedule came into force.",
    "exit_code": "Exit code of the last run; 0 where its schedule came into force.",
    "duration_seconds": "Time that the last run took.",
    "schedule_start_timestamp_seconds": "When the schedule in force begins.",
    "schedule_end_timestamp_seconds": "When the schedule in force ends, unless it repeats.",
    "cost_usd": "Cost of the plan of the last run.",
    "gpu_hours": "GPU-hours of the plan of the last run.",
    "peak_gpus": "Most GPUs at a time in the plan of the last run.",
    "gap_ratio": "Relative gap between the plan of the last run and its proven bound.",
    "unserved_requests": "Requests that the plan of the last run leaves unserved.",
    "short_minutes": "Pool-minutes with fewer replicas than planned, by a replay of the format.",
    "trace_age_seconds": "Time from the last request of a trace to the start of the horizon.",
}
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(slots=True)
class Metrics:
    """Values of a run so far; by label where a name has one."""

    folder: str
    """That `--out` names, absolute."""
    values: dict[str, float] = field(default_factory=dict)
    labelled: dict[str, tuple[str, Mapping[str, float]]] = field(default_factory=dict)
    """Of names: a label, and its values."""

    def text(self) -> str:
        """In Prometheus' text format 0.0.4."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        unknown = {*self.values, *self.labelled} - set(HELP)
        assert not unknown, unknown
        for name, text in HELP.items():
            series = list(self._series(name))
            if series:
                yield f"# HELP {PREFIX}{name} {text}"
                yield f"# TYPE {PREFIX}{name} gauge"
                yield from series

    def _series(self, name: str) -> Iterator[str]:
        folder = f'dir="{_escaped(self.folder)}"'
        if name in self.values:
            yield f"{PREFIX}{name}{{{folder}}} {_number(self.values[name])}"
        label, values = self.labelled.get(name, ("", {}))
        for key, value in values.items():
            yield f'{PREFIX}{name}{{{folder},{label}="{_escaped(key)}"}} {_number(value)}'


def _escaped(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().translate(_ESCAPES)


def _number(value: float) -> str:
    return repr(float(value)) if value != int(value) else str(int(value))
