"""Changes of pool sizes in sentences and rows."""

from dataclasses import replace

from heteroplan.entities.plan import Baseline, BaselineKind, Calming, Calmness, Plan
from heteroplan.entities.workload import Stability
from heteroplan.outputs.plan.change_lines import change_sentences, frontier_rows
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.report import report_html
from tests.plans import day_scenario, horizon, plan, pool

GREEDY = Baseline(BaselineKind.GREEDY, 1.0, 1.0, None, None, None, None, changes=9, starts=4)


def half_a_day(calming: Calming | None) -> Plan:
    """2 intervals of 6 hours; one pool of 1 and 3 replicas: one change and two starts."""
    of = day_scenario(horizon(2, interval_s=6 * 3600))
    made = plan(of, [pool([1, 3])], savings=[GREEDY])
    report = replace(made.report, objective=101.0, bound=99.0, calming=calming)
    return replace(made, report=report)


def told(made: Plan) -> list[str]:
    return list(change_sentences(document_of(made)))


def test_times_a_day_beside_the_greedy_schedule() -> None:
    assert told(half_a_day(None)) == [
        "Pool sizes change 2 times a day (greedy topology (Algorithm 4) 18); "
        "4 replicas start a day."
    ]


def test_what_the_last_pass_gave_up() -> None:
    """99 of 100 and 99 of 101 are proven."""
    calming = Calming(Calmness(5, 3, 100.0), Calmness(1, 2, 101.0))
    assert told(half_a_day(calming))[1] == (
        "The last pass: 4 fewer changes for 1.00 USD more; gap 1.0 % before, 2.0 % after."
    )
    none = Calming(calming.before, calming.before)
    assert told(half_a_day(none))[1] == "No plan with fewer changes was found within the gap."


def test_as_many_changes_at_another_cost_are_told_by_what_they_are_for() -> None:
    before = Calmness(5, 3, 100.0)
    gaps = "gap 1.0 % before, 2.0 % after."
    assert told(half_a_day(Calming(before, Calmness(5, 2, 101.0))))[1] == (
        f"The last pass: 1 fewer start for 1.00 USD more; {gaps}"
    )
    assert told(half_a_day(Calming(before, Calmness(5, 3, 101.0))))[1] == (
        f"To keep min_run and max_changes: 1.00 USD more; {gaps}"
    )
    assert told(half_a_day(Calming(Calmness(5, 3, 101.0), before)))[1] == (
        "The last pass: 1.00 USD less; gap 2.0 % before, 1.0 % after."
    )


def test_what_rules_leave_unserved_is_told_with_the_cost_without_them() -> None:
    before = Calmness(5, 3, 100.0)
    after = Calmness(1, 2, 60.0, unserved_requests=1200.0)
    assert told(half_a_day(Calming(before, after)))[1] == (
        "To keep min_run and max_changes, 1,200 more requests are left unserved; "
        "the plan without that cost 100.00 USD."
    )


def test_rules_are_named_that_the_scenario_has() -> None:
    made = half_a_day(Calming(Calmness(5, 3, 100.0), Calmness(5, 3, 101.0)))
    ruled = [replace(each, stability=Stability(min_run_s=3600)) for each in made.scenario.workloads]
    made = replace(made, scenario=replace(made.scenario, workloads=tuple(ruled)))
    assert told(made)[1].startswith("To keep min_run: 1.00 USD more")


def test_a_bound_above_the_plan_without_rules_says_nothing_of_its_gap() -> None:
    """It is 99, of plans that keep the rules."""
    calming = Calming(Calmness(5, 3, 98.0), Calmness(1, 2, 101.0))
    assert told(half_a_day(calming))[1] == (
        "The last pass: 4 fewer changes for 3.00 USD more; gap 2.0 % after."
    )


def test_the_frontier_shows_plans_that_differ() -> None:
    """A day has twice the changes; 49 are too near to 50 to be shown."""
    steps = [(50, 20, 99.0), (49, 20, 99.1), (25, 10, 108.9), (0, 0, 198.0)]
    frontier = tuple(Calmness(*each) for each in steps)
    made = half_a_day(Calming(frontier[0], frontier[0], frontier))
    assert frontier_rows(document_of(made)) == [
        ("100", "40", "99.00", "0.0 %"),
        ("50", "20", "108.90", "10.0 %"),
        ("0", "0", "198.00", "100.0 %"),
    ]
    assert "What fewer changes cost" in report_html(document_of(made))
    assert frontier_rows(document_of(half_a_day(None))) == []
