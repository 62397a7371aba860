import re
from typing import Any

import pytest

from heteroplan.entities.plan import Pool
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.schedules.formats import ExportOptions
from tests.plans import day_scenario, horizon, plan, pool


def pools(*made: Pool) -> tuple[PoolPart, ...]:
    document: PlanDocument = document_of(plan(day_scenario(horizon(1)), made))
    return document.pools


def test_default_name_joins_workload_role_engine_and_domain() -> None:
    assert ExportOptions().names(pools(pool([1]))) == ("chat-1-decode-h100-tp4-decode-a-s1",)


def test_names_are_rfc_1123_labels_and_long_ones_stay_apart() -> None:
    long = "x" * 80
    names = ExportOptions(name_template="{domain}").names(
        pools(pool([1], domain=f"{long}1"), pool([1], domain=f"{long}2"), pool([1], domain="A_b."))
    )
    assert names[2] == "a-b"
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)


def test_one_name_for_two_pools_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'chat-1' to two pools, .* in a and .* in b"):
        ExportOptions(name_template="{workload}").names(
            pools(pool([1], domain="a"), pool([1], domain="b"))
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name_template": "{pod}"}, r"no field \{pod\}; fields are workload"),
        ({"name_template": "{workload.__class__}"}, "no field"),
        ({"name_template": "{workload"}, "--name-template"),
        ({"target_kind": "a;b"}, "--target-kind"),
        ({"target_kind": "K" * 64}, "--target-kind"),
        ({"target_kind": "deployment"}, "write a Kubernetes kind such as Deployment"),
        ({"target_api_version": "apps"}, "write group/version such as apps/v1"),
        ({"namespace": "Bad NS"}, "--namespace 'Bad NS': not an RFC 1123 label"),
        ({"namespace": "x" * 64}, "at most 63"),
        ({"context": "a\nb"}, "--context must stand on one line"),
        ({"namespace": "a\u2028b"}, "--namespace must stand on one line"),
        ({"name_template": "a\nb"}, "--name-template must stand on one line"),
        (
            {"name_template": "{pod}{a}{workload}"},
            r"no field \{a\}; fields are workload, role, "
            "engine, node_type, domain$",
        ),
        ({"target_api_version": "Apps/v1"}, "--target-api-version 'Apps/v1': write group/version"),
        ({"target_api_version": "apps/v1gamma1"}, "--target-api-version"),
        ({"target_api_version": "apps/v"}, "--target-api-version"),
        ({"target_api_version": "a/b/v1"}, "--target-api-version"),
        ({"target_api_version": "/v1"}, "--target-api-version"),
        (
            {"namespace": "-a"},
            "not an RFC 1123 label; use lower-case letters, digits and -, at most 63",
        ),
        ({"namespace": "a-"}, "not an RFC 1123 label"),
        ({"gateway": "A"}, "--gateway 'A': not an RFC 1123 label"),
        ({"backend_kind": "Pod"}, "--backend-kind 'Pod': write InferencePool or Service"),
        ({"hpa_tolerance": 1.0}, "--hpa-tolerance 1.0: write a number from 0 to below 1"),
        ({"hpa_tolerance": -0.1}, "--hpa-tolerance -0.1"),
        ({"hpa_tolerance": float("nan")}, "--hpa-tolerance nan"),
        ({"kubectl_image": "a b"}, "--kubectl-image 'a b': write an image such as rancher/kubectl"),
        ({"kubectl_image": ""}, "--kubectl-image ''"),
        ({"port": 0}, "--port 0: write a number from 1 to 65535"),
        ({"group_template": "{engine}"}, "--group-template: no field {engine}"),
        ({"served_template": "{domain}"}, "--served-name: no field {domain}"),
        ({"served_template": "{"}, "--served-name '{'"),
    ],
)
def test_wrong_options_are_usage_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ExportOptions(**options)


def test_as_many_characters_as_a_label_may_have_are_not_cut() -> None:
    """63; one more is."""
    for length in (62, 63):
        name = "x" * length
        options = ExportOptions(name_template="{domain}", namespace=name)
        assert options.names(pools(pool([1], domain=name))) == (name,)
    (cut,) = ExportOptions(name_template="{domain}").names(pools(pool([1], domain="x" * 64)))
    assert re.fullmatch(r"x{54}-[0-9a-f]{8}", cut)
    assert ExportOptions(target_kind="K" * 63).target_kind == "K" * 63


def test_template_without_a_name_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="empty name"):
        ExportOptions(name_template="--").names(pools(pool([1])))


@pytest.mark.parametrize("template", ["{workload:d}", "{workload!x}", "{}"])
def test_odd_templates_are_usage_errors(template: str) -> None:
    with pytest.raises(UsageError):
        ExportOptions(name_template=template).names(pools(pool([1])))


@pytest.mark.parametrize("version", ["v1", "apps/v1", "nvidia.com/v1alpha1", "a-b.c/v12beta3"])
def test_versions_of_an_api_are_taken(version: str) -> None:
    assert ExportOptions(target_api_version=version).target_api_version == version


def test_what_is_not_said_is_a_deployment_where_kubectl_stands() -> None:
    options = ExportOptions()
    assert (options.target_kind, options.target_api_version) == ("Deployment", "apps/v1")
    assert (options.namespace, options.context) == ("", "")


def test_a_name_may_be_of_all_fields_and_keeps_the_order_of_pools() -> None:
    template = "{domain}.{node_type}_{engine}/{role} {workload}"
    made = pools(pool([1], domain="Z"), pool([1], domain="a"))
    assert ExportOptions(name_template=template).names(made) == (
        "z-h100x8-h100-tp4-decode-decode-chat-1",
        "a-h100x8-h100-tp4-decode-decode-chat-1",
    )


def test_a_long_name_stays_what_it_was() -> None:
    """Its first 54 characters without a dash at the end, and 8 digits of the SHA-256 of all."""
    domain = "x" * 53 + "-" * 5 + "y" * 10
    (name,) = ExportOptions(name_template="{domain}").names(pools(pool([1], domain=domain)))
    assert name == "x" * 53 + "-96a7aa7a"


def test_long_names_that_look_alike_stay_apart() -> None:
    """What a label cannot hold tells them apart in the digest."""
    made = pools(pool([1], domain="x" * 80), pool([1], domain="X" * 80))
    first, second = ExportOptions(name_template="{domain}").names(made)
    assert first[:55] == second[:55] == "x" * 54 + "-"
    assert first != second


def test_pools_of_one_name_are_told_with_what_sets_them_apart() -> None:
    message = (
        "--name-template gives 'chat-1' to two pools, h100-tp4-decode (h100x8) in a and "
        "l40s-tp8-decode (l40sx8) in b; add to it of {workload}, {role}, {engine}, {node_type}, "
        "{domain}"
    )
    other = pool([1], engine_name="l40s-tp8-decode", node="l40sx8", gpus=8, domain="b")
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        ExportOptions(name_template="{workload}").names(
            pools(pool([1], domain="a"), other, pool([1], domain="c"))
        )
