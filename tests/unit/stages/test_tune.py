"""Which candidates a search tries, and which it chooses."""

import pytest

from pipeline.stages.tune import MIN_GAIN_SHARE, REACHES, choose_best, draw_candidate, try_candidate
from pipeline.valuation.members import Hyperparameters
from tests.unit.stages.test_train import KINDS, make_cars

BASE = Hyperparameters(profile="quick")


def trial(error: float, factor: float = 1.0) -> dict[str, float]:
    return {**dict.fromkeys(REACHES, factor), "error": error, "mae": 1.0, "median_ape": 0.1}


def test_the_first_candidate_is_the_recipe_as_it_is():
    assert draw_candidate(0, BASE) == BASE


def test_a_candidate_is_the_same_for_ever_and_unlike_the_others():
    drawn = [draw_candidate(number, BASE) for number in range(30)]
    assert drawn == [draw_candidate(number, BASE) for number in range(30)]
    assert len(set(drawn)) == 30
    for name, reach in REACHES.items():
        values = [getattr(candidate, name) for candidate in drawn]
        assert 1 / reach <= min(values) < 1 < max(values) <= reach


def test_another_seed_draws_other_candidates():
    assert draw_candidate(1, BASE) != draw_candidate(1, Hyperparameters(profile="quick", seed=1))


def test_the_best_is_the_one_with_the_least_error():
    best = choose_best([trial(0.1), trial(0.09, 0.5), trial(0.08, 2.0), trial(0.2, 0.7)])
    assert best["factors"] == dict.fromkeys(REACHES, 2.0)
    assert best["gain_share"] == pytest.approx(0.2)
    assert best["trials"] == 4


def test_what_may_be_luck_changes_nothing():
    best = choose_best([trial(0.1), trial(0.1 * (1 - MIN_GAIN_SHARE / 2), 2.0)])
    assert (best["factors"], best["gain_share"]) == (dict.fromkeys(REACHES, 1.0), 0.0)


def test_a_trial_tells_its_factors_and_its_errors():
    candidate = Hyperparameters(iterations_factor=0.1, learning_rate_factor=1.5)
    found = try_candidate(make_cars(300), KINDS, candidate, lambda *_: None)
    assert found["iterations_factor"] == 0.1
    assert found["learning_rate_factor"] == 1.5
    assert 0 < found["median_ape"] < 0.3
    assert found["error"] < 0.3
    assert found["mae"] > 0
