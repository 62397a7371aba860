"""Exporters: a plan as the schedule of another system, one module per format.

The formats are `crontab`, `keda`, `schedule_json`, and the CSV of `outputs.plan` for the sizes of
pools; `router`, `httproute` and `envoy` for the traffic that each is given. `changes` says when
pools change size, `weights` how traffic is divided, `options` what a user says of the cluster.
"""

from collections.abc import Callable

from heteroplan.outputs.exporters.crontab import crontab
from heteroplan.outputs.exporters.envoy import envoy
from heteroplan.outputs.exporters.httproute import httproute
from heteroplan.outputs.exporters.keda import keda
from heteroplan.outputs.exporters.options import ExportOptions
from heteroplan.outputs.exporters.router import router_json
from heteroplan.outputs.exporters.schedule_json import schedule_json
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.schedule_csv import schedule_csv

Exporter = Callable[[PlanDocument, ExportOptions], str]
"""Text of the whole schedule; raises UsageError where the format cannot say it."""

EXPORTERS: dict[str, Exporter] = {
    "crontab": crontab,
    "csv": lambda document, _: schedule_csv(document),
    "envoy": envoy,
    "httproute": httproute,
    "json": lambda document, _: schedule_json(document),
    "keda": keda,
    "router": router_json,
}
"""Formats of `heteroplan export --format`."""

__all__ = ["EXPORTERS", "ExportOptions", "Exporter"]
