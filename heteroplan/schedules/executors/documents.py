"""Objects of a YAML file, and which of them is for a target."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import yaml

from heteroplan.errors import UsageError
from heteroplan.schedules.targets.target import Target

_CONTEXT = "heteroplan/context"


def of_kind(text: str, kind: str, target: Target) -> Iterator[Mapping[str, Any]]:
    """Objects of a kind where the target is. Raises UsageError for what is not YAML."""
    for document in _documents(text):
        about = document.get("metadata", {})
        context = about.get("annotations", {}).get(_CONTEXT, target.context)
        if (document["kind"], about.get("namespace", ""), context) == (
            kind,
            target.namespace,
            target.context,
        ):
            yield document


def scales(document: Mapping[str, Any], target: Target) -> bool:
    """Whether `scaleTargetRef` is the target."""
    of = document["spec"]["scaleTargetRef"]
    found = (of.get("apiVersion", "apps/v1"), of.get("kind", "Deployment"), of["name"])
    return found == (target.api_version, target.kind, target.name)


def missing(kind: str, target: Target) -> UsageError:
    """The error where nothing is for the target."""
    where = f" in {target.namespace}" if target.namespace else ""
    return UsageError(f"there is no {kind} for {target.kind} {target.name}{where}")


@lru_cache(maxsize=4)
def _documents(text: str) -> tuple[dict[str, Any], ...]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = list(yaml.load_all(text, Loader=loader))
    except yaml.YAMLError as error:
        raise UsageError(f"the schedule is not YAML: {error}") from error
    return tuple(each for each in found if isinstance(each, dict) and "kind" in each)
