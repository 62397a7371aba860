"""Gateway API HTTPRoutes whose backends have the weights of one moment.

Source: Gateway API v1 (HTTPRoute: at most 16 `backendRefs` a rule, `weight` from 0 to 1,000,000,
a Service needs its `port`) and Gateway API Inference Extension v1 (InferencePool of the group
inference.networking.k8s.io as a backend; the model of a request in the header
X-Gateway-Model-Name, which its body-based router sets).
"""

from typing import Any

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.manifests import yaml_text
from heteroplan.schedules.routing.weights import (
    MODEL_HEADER,
    InForce,
    Router,
    Weights,
    in_force,
)
from heteroplan.schedules.targets.options import ExportOptions, rfc_1123_label

MOST_BACKENDS = 16
"""Of a rule."""
INFERENCE_GROUP = "inference.networking.k8s.io"


def httproute(document: PlanDocument, options: ExportOptions) -> str:
    """One HTTPRoute a workload, as documents of one YAML file.

    Raises UsageError as `in_force` does, for too many backends, and for names that are alike.
    """
    found = in_force(document, options)
    routes = [
        _route(document, router, _rule(router, weights, found, options), options)
        for router, weights in found.routers
    ]
    names = [route["metadata"]["name"] for route in routes]
    if len(set(names)) < len(names):
        raise UsageError(f"two workloads are the same as names of routes: {', '.join(names)}")
    return yaml_text(routes, [*found.notes, extrapolated_in_use(document)])


def _route(
    document: PlanDocument, router: Router, rule: dict[str, Any], options: ExportOptions
) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": rfc_1123_label(router.workload),
            **({"namespace": options.namespace} if options.namespace else {}),
            "annotations": {
                "heteroplan/scenario": document.scenario,
                "heteroplan/inputs-sha256": document.inputs_sha256,
            },
        },
        "spec": {"parentRefs": [{"name": options.gateway}], "rules": [rule]},
    }


def _rule(
    router: Router, weights: Weights, found: InForce, options: ExportOptions
) -> dict[str, Any]:
    if len(weights) > MOST_BACKENDS:
        raise UsageError(
            f"{router.workload} has {len(weights)} backends and a rule of an HTTPRoute at most "
            f"{MOST_BACKENDS}; export envoy or router, or plan with a wider affinity or max_groups"
        )
    model = found.asked_for.get(router.workload)
    header = {"type": "Exact", "name": MODEL_HEADER, "value": model}
    return {
        **({"matches": [{"headers": [header]}]} if model else {}),
        "backendRefs": [
            {**_backend(backend.name, options), "weight": weight}
            for backend, weight in zip(router.backends, weights, strict=True)
        ],
    }


def _backend(name: str, options: ExportOptions) -> dict[str, Any]:
    if options.backend_kind == "Service":
        return {"kind": "Service", "name": name, "port": options.port}
    return {"group": INFERENCE_GROUP, "kind": "InferencePool", "name": name}
