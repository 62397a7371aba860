"""Search in a box, on functions whose least value is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from heteroplan.simulation.curation.search import (
    Point,
    Score,
    Trial,
    best_of,
    clipped,
    search,
    widened,
)
from heteroplan.simulation.policies.shared.options import Searched

BOX = {"share": Searched(0.5, 1.0), "wait_s": Searched(10.0, 1000.0, log=True)}
START = {"share": 0.6, "wait_s": 900.0}


def distance(point: Point) -> float:
    """From share 0.8 and 100 s, in widths of the box."""
    return float(np.hypot((point["share"] - 0.8) / 0.5, np.log10(point["wait_s"] / 100.0) / 2))


def bowl(points: Sequence[Point]) -> list[Score]:
    return [Score(0.0, distance(each)) for each in points]


def found(trials: int, seed: int = 0) -> list[Trial]:
    return search(BOX, [START], trials, np.random.default_rng(seed), bowl)


def test_the_first_trials_are_the_given_ones_and_the_budget_is_kept() -> None:
    for trials in (1, 2, 7, 40):
        made = found(trials)
        assert len(made) == trials
        assert made[0].options == START


def test_every_trial_is_in_the_box_and_is_what_is_printed() -> None:
    for trial in found(60):
        for name, of in BOX.items():
            value = trial.options[name]
            assert of.low <= value <= of.high
            assert float(f"{value:g}") == value


@pytest.mark.parametrize("seed", range(5))
def test_steps_come_nearer_to_the_least_value_than_the_spread_did(seed: int) -> None:
    made = found(60, seed)
    spread, all_of_them = best_of(made[:25]), best_of(made)
    assert all_of_them.score.amount < 0.05
    assert all_of_them.score.amount < spread.score.amount


def test_the_seed_decides() -> None:
    assert found(30, 1) == found(30, 1)
    assert found(30, 1) != found(30, 2)


def test_a_point_that_keeps_the_slo_beats_a_cheaper_one_that_does_not() -> None:
    """Allowed is a share of 0.7 at most; the cheapest of these has 0.7."""

    def allowed(points: Sequence[Point]) -> list[Score]:
        return [Score(max(0.0, each["share"] - 0.7), 1.0 - each["share"]) for each in points]

    best = best_of(search(BOX, [START], 60, np.random.default_rng(0), allowed))
    assert best.score.shortfall == 0.0
    assert best.options["share"] == pytest.approx(0.7, abs=0.02)


def test_the_first_of_equal_trials_is_the_best() -> None:
    trials = [Trial({"share": each}, Score(0.0, 1.0)) for each in (0.9, 0.6)]
    assert best_of(trials).options == {"share": 0.9}


def test_without_options_only_the_start_is_tried() -> None:
    made = search({}, [{}], 40, np.random.default_rng(0), lambda points: [Score(0.0, 1.0)])
    assert [each.options for each in made] == [{}]


def test_a_box_is_widened_to_what_is_suggested_but_not_beyond_what_is_allowed() -> None:
    wide = widened(BOX, {"share": 1.5, "other": 7.0}, {"share": (0.1, 1.2), "wait_s": (1, 1e7)})
    assert wide == {"share": Searched(0.5, 1.2), "wait_s": BOX["wait_s"]}
    assert widened(BOX, {"share": 0.7}, {"share": (0.1, 1.2)}) == BOX


def test_suggestions_are_moved_into_the_box_and_rounded() -> None:
    assert clipped(BOX, {"share": 1.5, "wait_s": 123.456, "other": 7.0}) == {
        "share": 1.0,
        "wait_s": 123.5,
    }
