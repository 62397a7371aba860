"""The tables of a plan as formats, which no option changes."""

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.schedule_csv import schedule_csv
from heteroplan.schedules.formats.schedule_json import schedule_json
from heteroplan.schedules.targets.options import ExportOptions


def csv_of(document: PlanDocument, options: ExportOptions) -> str:
    """schedule.csv."""
    return schedule_csv(document)


def json_of(document: PlanDocument, options: ExportOptions) -> str:
    """The changes of each pool."""
    return schedule_json(document)
