"""Static targets by the time of day: 5 requests/s a decode replica, ratio 0.5, start-up 120 s."""

from heteroplan.simulation.policies.periodic import Periodic, PeriodicOptions
from tests.autoscaling import setting, signals, sizes, state


def at(policy: Periodic, now_s: float) -> tuple[float, float, float]:
    return sizes(policy, signals(), state(now_s=now_s))


def test_targets_follow_the_forecast_of_the_hour() -> None:
    policy = Periodic(setting(rps=(20.0, 40.0)), PeriodicOptions(target_share=1.0))
    assert at(policy, 0.0) == (2, 4, 0)
    assert at(policy, 3600.0) == (4, 8, 0)
    assert at(policy, 7200.0) == (2, 4, 0)


def test_the_target_is_ordered_a_start_up_ahead() -> None:
    policy = Periodic(setting(rps=(20.0, 40.0)), PeriodicOptions(target_share=1.0))
    assert at(policy, 3420.0) == (2, 4, 0)
    assert at(policy, 3480.0) == (4, 8, 0)


def test_a_target_that_holds_longer_covers_the_most_of_its_time() -> None:
    policy = Periodic(
        setting(rps=(20.0, 40.0, 10.0, 5.0)), PeriodicOptions(target_share=1.0, hold_s=7200.0)
    )
    assert at(policy, 0.0) == (4, 8, 0)
    assert at(policy, 7200.0) == (1, 2, 0)


def test_share_and_ratio_are_the_users() -> None:
    policy = Periodic(setting(), PeriodicOptions(target_share=0.8, pd_ratio_factor=2.0))
    assert at(policy, 0.0) == (5, 5, 0)


def test_an_aggregated_workload_has_one_role() -> None:
    policy = Periodic(setting(aggregated=True), PeriodicOptions(target_share=1.0))
    assert sizes(policy, signals(), state(0, 0, aggregated=2)) == (0, 0, 4)
