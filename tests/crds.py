"""Schemas of the objects that schedules are written for: what an API server would refuse."""

import gzip
import json
from functools import lru_cache
from typing import Any

import kubernetes_validate
import kubernetes_validate.utils
from openapi_schema_validator import OAS30Validator

from tests.realdata import DATA

KUBERNETES = ("1.27", "1.33", kubernetes_validate.latest_version())
"""Versions of the API that objects of Kubernetes itself must be valid in."""
_CRDS = {
    "ScaledObject": "scaledobjects.keda.sh",
    "LLMInferenceService": "llminferenceservices.serving.kserve.io",
    "PodAutoscaler": "podautoscalers.autoscaling.aibrix.ai",
}


def check_custom(item: dict[str, Any]) -> None:
    """Raises for an object that its CustomResourceDefinition refuses, unknown fields included."""
    _validator(item["kind"], item["apiVersion"]).validate(item)


def check_built_in(item: dict[str, Any]) -> None:
    """Raises for an object that a Kubernetes of `KUBERNETES` refuses, unknown fields included."""
    for version in KUBERNETES:
        kubernetes_validate.validate(item, version, strict=True)


kubernetes_validate.utils.schema_contents = lru_cache(kubernetes_validate.utils.schema_contents)
"""Files of some MB, which it would read anew for each object."""


@lru_cache
def _validator(kind: str, api_version: str) -> OAS30Validator:
    text = gzip.decompress((DATA / "crd" / f"{_CRDS[kind]}.json.gz").read_bytes())
    spec = json.loads(text)["spec"]
    group, _, wanted = api_version.partition("/")
    assert (spec["group"], spec["names"]["kind"]) == (group, kind)
    (version,) = (each for each in spec["versions"] if each["name"] == wanted and each["served"])
    return OAS30Validator(_closed(version["schema"]["openAPIV3Schema"]))


def _closed(schema: Any) -> Any:
    """A schema in which no object has fields beyond its properties."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    free = {"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & schema.keys()
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict) and not free:
        found["additionalProperties"] = False
    return found
