"""Formats of `heteroplan export`, one module each.

Those of schedules write the sizes of targets, those of `routing` what traffic pools are given.
The registries know the modules by name alone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heteroplan.schedules.formats.registry import Registry

if TYPE_CHECKING:
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.schedules.targets.options import ExportOptions
    from heteroplan.schedules.timetable.schedule import Schedule

type ScheduleFormat = Callable[[Schedule, ExportOptions], str]
type PlanFormat = Callable[[PlanDocument, ExportOptions], str]

SCHEDULE_FORMATS: "Registry[ScheduleFormat]" = Registry(
    __name__,
    {
        "aibrix": ".kubernetes.aibrix:aibrix",
        "cronhpa": ".kubernetes.cronhpa:cronhpa",
        "crontab": ".crontab:crontab",
        "gpustack": ".gpustack:gpustack",
        "hpa": ".kubernetes.hpa:hpa",
        "keda": ".kubernetes.keda:keda",
        "kserve": ".kubernetes.kserve:kserve",
        "kubernetes-cronjob": ".kubernetes.kubernetes_cronjob:kubernetes_cronjob",
        "prometheus": ".prometheus:prometheus",
        "prometheus-text": ".prometheus:prometheus_text",
        "systemd": ".systemd:systemd",
    },
)
"""Of the sizes of targets; UsageError where a format cannot say them."""

PLAN_FORMATS: "Registry[PlanFormat]" = Registry(
    __name__,
    {
        "csv": ".plan_tables:csv_of",
        "envoy": "heteroplan.schedules.routing.envoy:envoy",
        "httproute": "heteroplan.schedules.routing.httproute:httproute",
        "json": ".plan_tables:json_of",
        "router": "heteroplan.schedules.routing.router:router_json",
    },
)
"""Of the plan itself: its tables, and what of the traffic its pools are given."""

FORMATS = tuple(sorted({*SCHEDULE_FORMATS, *PLAN_FORMATS}))
"""Of `heteroplan export --format`."""


def exported(document: "PlanDocument", format: str, options: "ExportOptions") -> str:  # noqa: A002
    """Text of a plan in one of `FORMATS`; raises UsageError where the format cannot say it."""
    from dataclasses import replace

    from heteroplan.schedules.formats.prepared import prepared
    from heteroplan.schedules.timetable.schedule import schedule_of

    if format in PLAN_FORMATS:
        return PLAN_FORMATS[format](document, options)
    chosen = replace(options, format=format)
    schedule = prepared(schedule_of(document, chosen), format, options.hpa_tolerance)
    return SCHEDULE_FORMATS[format](schedule, chosen)


def __getattr__(name: str) -> Any:
    """The options, when they are first used (PEP 562)."""
    if name != "ExportOptions":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from heteroplan.schedules.targets.options import ExportOptions

    return ExportOptions


__all__ = ["FORMATS", "PLAN_FORMATS", "SCHEDULE_FORMATS", "ExportOptions", "exported"]
