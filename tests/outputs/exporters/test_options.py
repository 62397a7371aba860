import re

import pytest

from heteroplan.errors import UsageError
from heteroplan.outputs.exporters import ExportOptions
from heteroplan.outputs.plan_document import PlanDocument
from heteroplan.outputs.plan_json import document_of
from tests.plans import day_scenario, horizon, plan, pool


def pools(*made):
    document: PlanDocument = document_of(plan(day_scenario(horizon(1)), made))
    return document.pools


def test_default_name_joins_workload_role_engine_and_domain():
    assert ExportOptions().names(pools(pool([1]))) == ("chat-1-decode-h100-tp4-decode-a-s1",)


def test_names_are_rfc_1123_labels_and_long_ones_stay_apart():
    long = "x" * 80
    names = ExportOptions(name_template="{domain}").names(
        pools(pool([1], domain=f"{long}1"), pool([1], domain=f"{long}2"), pool([1], domain="A_b."))
    )
    assert names[2] == "a-b"
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)


def test_one_name_for_two_pools_is_refused():
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
    ],
)
def test_wrong_options_are_usage_errors(options, message):
    with pytest.raises(UsageError, match=message):
        ExportOptions(**options)


def test_as_many_characters_as_a_label_may_have_are_not_cut():
    """63; one more is."""
    for length in (62, 63):
        name = "x" * length
        options = ExportOptions(name_template="{domain}", namespace=name)
        assert options.names(pools(pool([1], domain=name))) == (name,)
    (cut,) = ExportOptions(name_template="{domain}").names(pools(pool([1], domain="x" * 64)))
    assert re.fullmatch(r"x{54}-[0-9a-f]{8}", cut)
    assert ExportOptions(target_kind="K" * 63).target_kind == "K" * 63


def test_template_without_a_name_is_a_usage_error():
    with pytest.raises(UsageError, match="empty name"):
        ExportOptions(name_template="--").names(pools(pool([1])))


@pytest.mark.parametrize("template", ["{workload:d}", "{workload!x}", "{}"])
def test_odd_templates_are_usage_errors(template):
    with pytest.raises(UsageError):
        ExportOptions(name_template=template).names(pools(pool([1])))
