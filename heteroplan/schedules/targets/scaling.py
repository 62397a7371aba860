"""Which formats can scale which objects."""

from heteroplan.entities.targets import PRESETS, WITHOUT_SIZE, kind_of
from heteroplan.schedules.targets.target import Target

_ANYTHING = frozenset(
    {"", "csv", "envoy", "httproute", "json", "prometheus", "prometheus-text", "router"}
)
"""Formats that scale nothing: planned sizes and weights."""
_OF_MODELS = "format gpustack scales a model of GPUStack by its name, as a whole and not its"
_ONE_EACH = "; give each role a name of its own, such as {preset: deployment}"
_KSERVE = PRESETS["kserve"]
_STORM_SERVICE = PRESETS["aibrix"]


def refusal(form: str, target: Target) -> str:
    """Why a format cannot scale an object and what to do; empty where it can.

    All formats but `kserve` and `aibrix` use the scale subresource, which has the one size of the
    whole object. AIBrix writes `spec.replicas`, or the size of a role of a StormService.
    """
    if form in _ANYTHING:
        return ""
    if form == "gpustack":
        return f"{_OF_MODELS} {target.component}" + _ONE_EACH if target.component else ""
    kind = kind_of(target.api_version, target.kind)
    if remedy := WITHOUT_SIZE.get((kind.group, kind.kind)):
        return f"a {kind.kind} has no size of its own; {remedy}"
    is_kserve = (kind.group, kind.kind) == (_KSERVE.group, _KSERVE.kind)
    if form == "kserve":
        return (
            ""
            if is_kserve
            else f"format kserve scales LLMInferenceServices and no {target.kind}; write preset: "
            "kserve, or choose another format such as keda"
        )
    if not kind.has_scale:
        return (
            f"{target.kind} has no scale subresource, which format {form} needs; export it with "
            "--format kserve"
        )
    of_storm = (kind.group, kind.kind) == (_STORM_SERVICE.group, _STORM_SERVICE.kind)
    if target.component and not (form == "aibrix" and of_storm):
        return (
            f"format {form} scales a {target.kind} as a whole and not its {target.component}; "
            "leave component out and give each role an object of its own, or export it with "
            "--format aibrix"
        )
    return ""
