import pytest

from heteroplan.inputs.overrides import override, override_fleet
from heteroplan.reading.yaml_source import Document


def document() -> Document:
    return Document("s.yaml", {"name": "s", "workloads": [{"name": "chat"}, {"name": "code"}]})


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("name=other", ("name",), "other"),
        ("workloads[1].priority=2", ("workloads", 1, "priority"), 2),
        ("workloads.code.priority=2", ("workloads", 1, "priority"), 2),
        ("workloads[0].slo.itl_ms=5e1", ("workloads", 0, "slo", "itl_ms"), 50.0),
        (
            "workloads[0].pd_ratio={min: 1, max: 2}",
            ("workloads", 0, "pd_ratio"),
            {"min": 1, "max": 2},
        ),
        ("workloads[0].slo=", ("workloads", 0, "slo"), None),
        ("name=a=b", ("name",), "a=b"),
    ],
)
def test_a_field_is_set_to_a_yaml_value(
    text: str, path: tuple[str | int, ...], value: object
) -> None:
    changed = document()
    assert override(changed, [text], None) == []
    assert changed.value(path) == value
    assert changed.problem(path, "r").file == "--set"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("name", "not PATH=VALUE; write for example workloads[0].headroom=0.2"),
        ("=1", "'' is not a path; write for example workloads[0].headroom"),
        ("a..b=1", "'a..b' is not a path; write for example workloads[0].headroom"),
        ("name.x=1", "unknown path: name.x; nothing can be set there"),
        (
            "workloads.chta.priority=1",
            "unknown path: no entry workloads.chta; there are chat, code",
        ),
        ("workloads[2].priority=1", "unknown path: no entry workloads[2]; the list has 2 entries"),
        ("demnad=2", "unknown key; did you mean 'demand'?"),
        ("slos.ttft_ms=5", "unknown key; did you mean 'slo'?"),
        (
            "workloads.chat.demand=2",
            "a factor on the demand of one workload is its growth; set that",
        ),
        (
            "workloads[0].demand=*2",
            "a factor on the demand of one workload is its growth; set that",
        ),
        ("name=[1", "not YAML: did not find expected ',' or ']'"),
        ("name=[!!int x]", "tag tag:yaml.org,2002:int is not accepted; write the plain value"),
    ],
)
def test_what_cannot_be_set_is_a_problem_of_the_option(text: str, remedy: str) -> None:
    assert [str(each) for each in override(document(), [text], None)] == [
        f"--set: {text}: {remedy}"
    ]


def test_interval_is_an_option_of_its_own() -> None:
    changed = document()
    assert override(changed, ["horizon.interval=1h"], "5min") == []
    assert changed.value(("horizon", "interval")) == "5min"
    assert changed.problem(("horizon", "interval"), "r").file == "--interval"


def fleet() -> Document:
    leaves = [{"leaf": "a-s1-l1", "nodes": {"h100x8": 2}}, {"leaf": "nodes", "nodes": {}}]
    return Document(
        "f.yaml",
        {
            "name": "f",
            "node_types": [{"name": "h100x8", "usd_per_gpu_hour": 2.5}],
            "network": [{"cluster": "a", "spines": [{"spine": "a-s1", "leaves": leaves}]}],
            "unavailable": [{"leaf": "a-s1-l1", "nodes": 1}, {"leaf": "a-s1-l1", "nodes": 2}],
        },
    )


_FIRST_LEAF = ("network", 0, "spines", 0, "leaves", 0)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("fleet.name=g", ("name",), "g"),
        (
            "fleet.node_types.h100x8.usd_per_gpu_hour=2.1",
            ("node_types", 0, "usd_per_gpu_hour"),
            2.1,
        ),
        ("fleet.node_types[0].usd_per_gpu_hour=0", ("node_types", 0, "usd_per_gpu_hour"), 0),
        ("fleet.a-s1-l1.h100x8=6", (*_FIRST_LEAF, "nodes", "h100x8"), 6),
        ("fleet.a-s1-l1.l40sx8=1", (*_FIRST_LEAF, "nodes", "l40sx8"), 1),
        ("fleet.a-s1-l1={h100x8: 1}", (*_FIRST_LEAF, "nodes"), {"h100x8": 1}),
        (
            "fleet.network.a.spines.a-s1.leaves.a-s1-l1.nodes.h100x8=5",
            (*_FIRST_LEAF, "nodes", "h100x8"),
            5,
        ),
        ("fleet.bandwidth.across_leaves=0.9", ("bandwidth", "across_leaves"), 0.9),
        # A field of the file goes before a leaf of the same name.
        ("fleet.nodes.h100x8=3", ("nodes", "h100x8"), 3),
    ],
)
def test_a_field_of_the_fleet_is_set_by_its_path_or_by_the_name_of_a_leaf(
    text: str, path: tuple[str | int, ...], value: object
) -> None:
    changed, scenario = fleet(), document()
    assert override_fleet(changed, [text, "name=other"]) == []
    assert changed.value(path) == value
    assert changed.problem(path, "r").file == "--set fleet"
    assert changed.value(("name",)) != "other"
    assert override(scenario, [text], None) == []
    assert scenario == document()


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (
            "fleet.a-s1-l2.h100x8=6",
            "the fleet has no field and no leaf a-s1-l2; did you mean a-s1-l1?; write for example "
            "fleet.node_types.NAME.usd_per_gpu_hour or fleet.LEAF.NODE_TYPE",
        ),
        (
            "fleet.node_types.h100.usd_per_gpu_hour=2",
            "unknown path: no entry fleet.node_types.h100; there are h100x8",
        ),
        (
            "fleet.unavailable.a-s1-l1.nodes=2",
            "fleet.unavailable.a-s1-l1 has several entries of that name; write its place, such as "
            "[0]",
        ),
        ("fleet.=1", "'fleet.' is not a path; write for example workloads[0].headroom"),
        ("fleet.name", "not PATH=VALUE; write for example workloads[0].headroom=0.2"),
    ],
)
def test_what_cannot_be_set_in_the_fleet_is_a_problem_of_the_option(text: str, remedy: str) -> None:
    assert [str(each) for each in override_fleet(fleet(), [text])] == [f"--set: {text}: {remedy}"]


@pytest.mark.parametrize("network", [None, 3, [3], [{"spines": [{"leaves": "x"}]}]])
def test_a_fleet_that_is_not_as_the_schema_wants_it_has_no_leaf_to_set(network: object) -> None:
    broken = Document("f.yaml", {"name": "f", "network": network})
    assert "no leaf l1" in str(override_fleet(broken, ["fleet.l1.h100x8=1"])[0])
