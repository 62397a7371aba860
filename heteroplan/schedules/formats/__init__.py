"""Formats of `heteroplan export`, one module each.

Those of schedules write the sizes of targets, those of `routing` what traffic pools are given.
"""

from collections.abc import Callable

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.schedule_csv import schedule_csv
from heteroplan.schedules.formats.aibrix import aibrix
from heteroplan.schedules.formats.cronhpa import cronhpa
from heteroplan.schedules.formats.crontab import crontab
from heteroplan.schedules.formats.gpustack import gpustack
from heteroplan.schedules.formats.hpa import hpa
from heteroplan.schedules.formats.keda import keda
from heteroplan.schedules.formats.kserve import kserve
from heteroplan.schedules.formats.kubernetes_cronjob import kubernetes_cronjob
from heteroplan.schedules.formats.prepared import prepared
from heteroplan.schedules.formats.prometheus import prometheus, prometheus_text
from heteroplan.schedules.formats.schedule_json import schedule_json
from heteroplan.schedules.formats.systemd import systemd
from heteroplan.schedules.routing.envoy import envoy
from heteroplan.schedules.routing.httproute import httproute
from heteroplan.schedules.routing.router import router_json
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.schedule import Schedule, schedule_of

type ScheduleFormat = Callable[[Schedule, ExportOptions], str]
type PlanFormat = Callable[[PlanDocument, ExportOptions], str]

SCHEDULE_FORMATS: dict[str, ScheduleFormat] = {
    "aibrix": aibrix,
    "cronhpa": cronhpa,
    "crontab": crontab,
    "gpustack": gpustack,
    "hpa": hpa,
    "keda": keda,
    "kserve": kserve,
    "kubernetes-cronjob": kubernetes_cronjob,
    "prometheus": prometheus,
    "prometheus-text": prometheus_text,
    "systemd": systemd,
}
"""Of the sizes of targets; UsageError where a format cannot say them."""

PLAN_FORMATS: dict[str, PlanFormat] = {
    "csv": lambda document, _: schedule_csv(document),
    "envoy": envoy,
    "httproute": httproute,
    "json": lambda document, _: schedule_json(document),
    "router": router_json,
}
"""Of the plan itself: its tables, and what of the traffic its pools are given."""

FORMATS = tuple(sorted({*SCHEDULE_FORMATS, *PLAN_FORMATS}))
"""Of `heteroplan export --format`."""


def exported(document: PlanDocument, format: str, options: ExportOptions) -> str:  # noqa: A002
    """Text of a plan in one of `FORMATS`; raises UsageError where the format cannot say it."""
    if format in PLAN_FORMATS:
        return PLAN_FORMATS[format](document, options)
    schedule = prepared(schedule_of(document, options), format, options.hpa_tolerance)
    return SCHEDULE_FORMATS[format](schedule, options)


__all__ = ["FORMATS", "ExportOptions", "exported"]
