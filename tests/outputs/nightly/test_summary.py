"""summary.md: plans that differ in a few numbers that tests give them."""

from collections.abc import Mapping
from typing import Any

from heteroplan.outputs.nightly.summary import Story, Written, summary_md
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.export_summary import ExportSummary, TargetDeviation
from tests.plans import shown_plan


def document(totals: Mapping[str, Any] | None = None, pools: int | None = None) -> PlanDocument:
    """A plan with other totals, and only its first pools."""
    whole = document_of(shown_plan(workloads=2, intervals=24))
    changed = {
        "totals": whole.totals.model_copy(update=dict(totals or {})),
        "pools": whole.pools[:pools],
    }
    return whole.model_copy(update=changed)


def lines(story: Story) -> list[str]:
    return summary_md(story, "prod").splitlines()


def test_totals_are_told_against_the_plan_before() -> None:
    """500 after 400 USD is a quarter more, 90 after 100 GPU-hours a tenth less."""
    last = document({"cost_usd": 400.0, "gpu_hours": 100.0, "peak_gpus": 16})
    now = document({"cost_usd": 500.0, "gpu_hours": 90.0, "peak_gpus": 24})
    found = lines(Story("2026-11-22", now, last))
    day = last.horizon.boundaries()[0]
    assert (
        "- 500.00 USD (+25.0 %), 90.0 GPU-hours (-10.0 %), peak 24 GPUs (+8) against the plan "
        f"before, from {day:%Y-%m-%d} 00:00 on"
    ) in found
    same = lines(Story("2026-11-22", last, last))
    assert any("400.00 USD (as before)" in line and "GPUs (as before)" in line for line in same)


def test_pools_that_come_and_go_are_named() -> None:
    whole, less = document(), document(pools=1)
    names = {f"`{p.workload} {p.role} {p.engine} on {p.node_type} in {p.domain}`"
             for p in whole.pools[1:] if any(p.replicas)}  # fmt: skip
    (added,) = [each for each in lines(Story("x", whole, less)) if each.startswith("- pools")]
    (removed,) = [each for each in lines(Story("x", less, whole)) if each.startswith("- pools")]
    assert added.startswith("- pools added: ")
    assert removed.startswith("- pools removed: ")
    shown = [name for name in names if name in added]
    assert shown
    assert all(name in removed for name in shown)
    assert not any(each.startswith("- pools") for each in lines(Story("x", whole, whole)))


def test_a_plan_of_another_length_is_not_compared() -> None:
    now = document()
    half = now.horizon.model_copy(update={"intervals": 12})
    last = now.model_copy(update={"horizon": half})
    (totals,) = [each for each in lines(Story("x", now, last)) if " USD" in each and "- " in
                 each and "peak" in each]  # fmt: skip
    assert "before" not in totals


def test_what_came_of_the_export_is_told() -> None:
    pool = TargetDeviation("Deployment", "chat", 1440, 3, 7, 1, 2)
    written = Written("keda.yaml", ExportSummary("keda", (pool,), 0), ("Apply it soon.",))
    found = lines(Story(None, document(), written=(written, Written("router.json"))))
    assert "- router.json" in found
    assert "- Apply it soon." in found
    (told,) = [
        each for each in found if each.startswith("- keda.yaml: keda, carried out for 1 pool")
    ]
    assert told.endswith(": 3 of 1,440 pool-minutes short, 7 over.")


def test_a_run_without_a_plan_says_why_and_what_stays() -> None:
    story = Story("2026-11-22", problem="a.yaml: wrong\nb.yaml: as \x1b[1mwell")
    assert summary_md(story, "prod") == (
        "**prod: no plan**\n\nNot in force, the schedule of 2026-11-22 stays in force: "
        "a.yaml: wrong; b.yaml: as \\x1b[1mwell\n"
    )
    assert "Not in force, no schedule is in force: " in summary_md(Story(None, problem="x"), "p")
