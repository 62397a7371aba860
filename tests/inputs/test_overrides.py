import pytest

from heteroplan.inputs.overrides import override
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
