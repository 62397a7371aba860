"""`schema`: JSON Schema of the files that people and scripts write and read."""

import json

from heteroplan.errors import UsageError


def schema(kind: str) -> str:
    """JSON Schema of `scenario`, `fleet`, `profile`, `plan`, `replay`,
    `curation` or `calibration`. Raises UsageError."""
    from pydantic import BaseModel

    from heteroplan.inputs.schemas import FILES
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.outputs.replay.calibration.document import CalibrationDocument
    from heteroplan.outputs.replay.curation.document import CurationDocument
    from heteroplan.outputs.replay.document import ReplayDocument

    models: dict[str, type[BaseModel]] = {
        **FILES,
        "plan": PlanDocument,
        "replay": ReplayDocument,
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
