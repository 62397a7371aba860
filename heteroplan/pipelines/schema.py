"""`schema`: JSON Schema of the files that people and scripts write and read."""

import json
from collections.abc import Mapping
from importlib import import_module

from heteroplan.errors import UsageError

_OUTPUTS = "heteroplan.outputs"
DOCUMENTS: Mapping[str, tuple[str, str]] = {
    "plan": (f"{_OUTPUTS}.plan.document.plan_document", "PlanDocument"),
    "comparison": (f"{_OUTPUTS}.compare.document", "ComparisonDocument"),
    "sweep": (f"{_OUTPUTS}.sweep.document", "SweepDocument"),
    "replay": (f"{_OUTPUTS}.replay.document", "ReplayDocument"),
    "study": (f"{_OUTPUTS}.replay.study.document", "StudyDocument"),
    "stress": (f"{_OUTPUTS}.replay.stress.document", "StressDocument"),
    "curation": (f"{_OUTPUTS}.replay.curation.document", "CurationDocument"),
    "size": (f"{_OUTPUTS}.size.document", "SizeDocument"),
    "calibration": (f"{_OUTPUTS}.replay.calibration.document", "CalibrationDocument"),
}
"""Files that heteroplan writes: module and class of the model, by kind."""


def kinds() -> list[str]:
    """All kinds of files: those that people write first."""
    from heteroplan.inputs.schemas import FILES

    return [*FILES, *DOCUMENTS]


def schema(kind: str) -> str:
    """JSON Schema of a kind of file, such as `scenario` or `plan`. Raises UsageError."""
    from heteroplan.inputs.schemas import FILES

    if kind not in (known := kinds()):
        raise UsageError(f"unknown schema {kind!r}; known are {', '.join(known)}")
    if kind in FILES:
        model = FILES[kind]
    else:
        module, name = DOCUMENTS[kind]
        model = getattr(import_module(module), name)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(),
    }
    return json.dumps(document, indent=2) + "\n"
