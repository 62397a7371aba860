"""Metrics as Prometheus' own client library reads them."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from heteroplan.outputs.nightly.metrics import HELP, PREFIX, Metrics

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(
    texts, st.dictionaries(st.sampled_from(sorted(HELP)), finite), st.dictionaries(texts, finite)
)
def test_every_value_is_read_back_with_its_labels(
    folder: str, values: dict[str, float], ages: dict[str, float]
) -> None:
    values.pop("trace_age_seconds", None)
    metrics = Metrics(folder, values, {"trace_age_seconds": ("workload", ages)})
    found = {}
    for family in text_string_to_metric_families(metrics.text()):
        assert family.type == "gauge"
        assert family.documentation == HELP[family.name.removeprefix(PREFIX)]
        for sample in family.samples:
            key = (sample.name.removeprefix(PREFIX), sample.labels.get("workload"))
            assert sample.labels["dir"] == folder
            assert sample.timestamp is None
            found[key] = sample.value
    wanted: dict[tuple[str, str | None], float] = {}
    wanted |= {(name, None): value for name, value in values.items()}
    wanted |= {("trace_age_seconds", name): age for name, age in ages.items()}
    assert found == wanted


def test_what_is_not_known_has_no_series() -> None:
    metrics = Metrics("/plans", {"exit_code": 2})
    assert metrics.text() == (
        "# HELP heteroplan_nightly_exit_code Exit code of the last run; 0 where its schedule came "
        "into force.\n"
        "# TYPE heteroplan_nightly_exit_code gauge\n"
        'heteroplan_nightly_exit_code{dir="/plans"} 2\n'
    )
