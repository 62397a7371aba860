"""An Envoy route configuration whose weighted clusters have the weights of one moment.

Source: Envoy v3 API (RouteConfiguration, RouteAction.weighted_clusters) in the file that Envoy's
route discovery service reads: a DiscoveryResponse with `resources`. Envoy divides by the sum of the
weights. It looks at the file when it is moved into place, which is how files are written here.
"""

from typing import Any

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.manifests import yaml_text
from heteroplan.schedules.routing.weights import (
    MODEL_HEADER,
    Router,
    Weights,
    in_force,
)
from heteroplan.schedules.targets.options import ExportOptions

ROUTE_NAME = "heteroplan"
"""What `route_config_name` of the connection manager asks for."""


def envoy(document: PlanDocument, options: ExportOptions) -> str:
    """One route a workload, to clusters named as its backends.

    Raises UsageError as `in_force` does.
    """
    found = in_force(document, options)
    routes = [
        _route(router, weights, found.asked_for.get(router.workload))
        for router, weights in found.routers
    ]
    configuration = {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": ROUTE_NAME,
        "virtual_hosts": [{"name": ROUTE_NAME, "domains": ["*"], "routes": routes}],
    }
    notes = [*found.notes, extrapolated_in_use(document)]
    return yaml_text([{"resources": [configuration]}], notes)


def _route(router: Router, weights: Weights, model: str | None) -> dict[str, Any]:
    headers = [{"name": MODEL_HEADER, "string_match": {"exact": model}}]
    return {
        "name": router.workload,
        "match": {"prefix": "/", **({"headers": headers} if model else {})},
        "route": {
            "weighted_clusters": {
                "clusters": [
                    {"name": backend.name, "weight": weight}
                    for backend, weight in zip(router.backends, weights, strict=True)
                ]
            }
        },
    }
