"""`schema`: JSON Schema of the files that people and scripts write and read."""

import json

from heteroplan.errors import UsageError


def schema(kind: str) -> str:
    """JSON Schema of a kind of file, such as `scenario` or `plan`. Raises UsageError."""
    from pydantic import BaseModel

    from heteroplan.inputs.schemas import FILES
    from heteroplan.outputs.compare.document import ComparisonDocument
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.outputs.replay.calibration.document import CalibrationDocument
    from heteroplan.outputs.replay.curation.document import CurationDocument
    from heteroplan.outputs.replay.document import ReplayDocument
    from heteroplan.outputs.replay.stress.document import StressDocument
    from heteroplan.outputs.replay.study.document import StudyDocument

    models: dict[str, type[BaseModel]] = {
        **FILES,
        "plan": PlanDocument,
        "comparison": ComparisonDocument,
        "replay": ReplayDocument,
        "study": StudyDocument,
        "stress": StressDocument,
        "curation": CurationDocument,
        "calibration": CalibrationDocument,
    }
    if kind not in models:
        raise UsageError(f"unknown schema {kind!r}; known are {', '.join(models)}")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **models[kind].model_json_schema(),
    }
    return json.dumps(document, indent=2) + "\n"
