"""Routes of routers, field for field as Gateway API, InferencePool and Envoy name them."""

import json
from dataclasses import replace

import pytest
import yaml

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import ExportOptions, exported
from tests.plans import day_scenario, horizon, plan, pool
from tests.schedules.routing.test_weights import carrying, document, two_groups

FIRST = ExportOptions(at="2026-11-23T00:30")


def test_an_httproute_has_the_weights_of_its_moment() -> None:
    text = exported(two_groups(), "httproute", replace(FIRST, namespace="llm", gateway="g"))
    assert text.startswith(
        "# Weights of the plan 'day' (inputs 000000000000) for 2026-11-23 00:00 to 01:00, once.\n"
    )
    (route,) = yaml.safe_load_all(text)
    pool_of = {"group": "inference.networking.k8s.io", "kind": "InferencePool"}
    assert route == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": "chat-1",
            "namespace": "llm",
            "annotations": {"heteroplan/scenario": "day", "heteroplan/inputs-sha256": "0" * 64},
        },
        "spec": {
            "parentRefs": [{"name": "g"}],
            "rules": [
                {
                    "backendRefs": [
                        {**pool_of, "name": "chat-1-a-s1", "weight": 4000},
                        {**pool_of, "name": "chat-1-b-s1", "weight": 6000},
                    ]
                }
            ],
        },
    }


def test_a_service_needs_its_port() -> None:
    options = ExportOptions(at="2026-11-23T01:30", backend_kind="Service", port=8080)
    (route,) = yaml.safe_load_all(exported(two_groups(), "httproute", options))
    assert route["spec"]["rules"][0]["backendRefs"] == [
        {"kind": "Service", "name": "chat-1-a-s1", "port": 8080, "weight": 10000},
        {"kind": "Service", "name": "chat-1-b-s1", "port": 8080, "weight": 0},
    ]


def two_workloads(served: str = "{workload}") -> dict[str, str]:
    """Of both formats that route by the model a request asks for."""
    pools = [carrying(pool([1, 1], of=name), 10.0, 10.0) for name in ("chat-1", "chat-2")]
    made = plan(day_scenario(horizon(2), workloads=2), pools)
    options = replace(FIRST, served_template=served)
    return {name: exported(document_of(made), name, options) for name in ("httproute", "envoy")}


def test_workloads_are_told_apart_by_the_model_that_is_asked_for() -> None:
    text = two_workloads()
    first, second = yaml.safe_load_all(text["httproute"])
    assert [each["metadata"]["name"] for each in (first, second)] == ["chat-1", "chat-2"]
    assert second["spec"]["rules"][0]["matches"] == [
        {"headers": [{"type": "Exact", "name": "X-Gateway-Model-Name", "value": "chat-2"}]}
    ]
    (file,) = yaml.safe_load_all(text["envoy"])
    routes = file["resources"][0]["virtual_hosts"][0]["routes"]
    assert [each["match"] for each in routes] == [
        {
            "prefix": "/",
            "headers": [{"name": "X-Gateway-Model-Name", "string_match": {"exact": name}}],
        }
        for name in ("chat-1", "chat-2")
    ]
    with pytest.raises(UsageError, match="--served-name gives 'm' to chat-1 and chat-2"):
        two_workloads("m")


def test_envoy_reads_a_discovery_response_with_weighted_clusters() -> None:
    (file,) = yaml.safe_load_all(exported(two_groups(), "envoy", FIRST))
    clusters = [
        {"name": "chat-1-a-s1", "weight": 4000},
        {"name": "chat-1-b-s1", "weight": 6000},
    ]
    assert file == {
        "resources": [
            {
                "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
                "name": "heteroplan",
                "virtual_hosts": [
                    {
                        "name": "heteroplan",
                        "domains": ["*"],
                        "routes": [
                            {
                                "name": "chat-1",
                                "match": {"prefix": "/"},
                                "route": {"weighted_clusters": {"clusters": clusters}},
                            }
                        ],
                    }
                ],
            }
        ]
    }


def test_more_backends_than_a_rule_takes_are_refused() -> None:
    pools = [carrying(pool([1], domain=f"s{i}"), 1.0) for i in range(17)]
    of = document(pools, (17.0,), day_scenario(horizon(1), rps=(17.0,)))
    with pytest.raises(UsageError, match="17 backends and a rule of an HTTPRoute at most 16"):
        exported(of, "httproute", FIRST)
    assert exported(of, "envoy", FIRST).count("weight: ") == 17


def test_json_has_every_change_and_what_holds_inside_groups() -> None:
    found = json.loads(
        exported(two_groups(), "router", ExportOptions(name_template="{engine}-{domain}"))
    )
    assert {key: found[key] for key in ("repeats", "timezone", "total_weight", "end")} == {
        "repeats": "once",
        "timezone": "UTC",
        "total_weight": 10000,
        "end": "2026-11-23T02:00:00+00:00",
    }
    (chat,) = found["workloads"]
    assert chat == {
        "workload": "chat-1",
        "model": "model-chat-1",
        "changes": [
            {
                "at": "2026-11-23T00:00:00+00:00",
                "weights": {"chat-1-a-s1": 4000, "chat-1-b-s1": 6000},
                "within": {
                    "chat-1-b-s1": {
                        "decode": {"h100-tp4-decode-b-s1": 7500, "l40s-tp8-decode-b-s1": 2500}
                    }
                },
            },
            {
                "at": "2026-11-23T01:00:00+00:00",
                "weights": {"chat-1-a-s1": 10000, "chat-1-b-s1": 0},
            },
        ],
    }


def test_json_leaves_out_what_does_not_change() -> None:
    pools = [carrying(pool([1, 2, 1]), 5.0, 5.0, 5.0)]
    of = document(pools, (5.0, 5.0, 5.0), day_scenario(horizon(3), rps=(5.0, 5.0, 5.0)))
    (chat,) = json.loads(exported(of, "router", ExportOptions()))["workloads"]
    assert [change["weights"] for change in chat["changes"]] == [{"chat-1-a-s1": 10000}]
