"""How a price model is fitted, what it does with values it never saw, and what its intervals hold."""

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.train import MAX_CATEGORIES, Hyperparameters, PriceModel, conformal_quantile, fit_model

KINDS = {"make": "category", "year": "number", "has_abs": "boolean", "has_esp": "boolean"}
HYPERPARAMETERS = Hyperparameters(iterations=20, learning_rate=0.2, max_leaf_nodes=15, min_samples_leaf=5, level=0.9, seed=0)


def make_cars(count: int, seed: int = 0) -> pd.DataFrame:
    """Invent cars whose price follows make and year, times some noise."""
    generator = np.random.default_rng(seed)
    makes, years = generator.integers(0, 4, count), generator.integers(2000, 2020, count)
    noise = generator.lognormal(0, 0.1, count)
    return pd.DataFrame(
        {
            "make": pd.Series([f"make {number}" for number in makes], dtype="str"),
            "year": years.astype("float64"),
            "has_abs": pd.Series(generator.random(count) < 0.5, dtype="boolean"),
            "has_esp": pd.Series([False] * count, dtype="boolean"),
            "price": 1000 * (makes + 1) * 1.1 ** (years - 2000) * noise,
        }
    )


def fit(cars: pd.DataFrame, calibration: pd.DataFrame, kinds: dict[str, str] | None = None) -> PriceModel:
    return fit_model(cars, calibration, kinds or KINDS, HYPERPARAMETERS, lambda message, share: None)


@pytest.fixture(scope="module")
def model() -> PriceModel:
    return fit(make_cars(600), make_cars(200, seed=1))


def test_a_model_learns_what_prices_follow(model):
    cars = make_cars(300, seed=2)
    errors = (model.estimate(cars)["estimate"] / cars["price"] - 1).abs()
    assert errors.median() < 0.12


def test_intervals_hold_about_the_share_they_are_meant_to(model):
    cars = make_cars(1000, seed=3)
    estimates = model.estimate(cars)
    covered = (estimates["low"] <= cars["price"]) & (cars["price"] <= estimates["high"])
    assert covered.mean() == pytest.approx(0.9, abs=0.04)


def test_an_estimate_lies_inside_its_interval_and_is_money(model):
    estimates = model.estimate(make_cars(50))
    assert (estimates["low"] > 0).all()
    assert (estimates["low"] < estimates["estimate"]).all()
    assert (estimates["estimate"] < estimates["high"]).all()


def test_estimates_are_indexed_like_the_listings(model):
    cars = make_cars(5).set_axis([7, 3, 9, 1, 2])
    estimates = model.estimate(cars)
    assert estimates.index.tolist() == [7, 3, 9, 1, 2]
    pd.testing.assert_frame_equal(model.estimate(cars.loc[[9]]), estimates.loc[[9]])


def test_a_constant_column_is_refused_by_name(model):
    assert model.choice.refused == {"has_esp": "always False"}


def test_a_car_of_an_unseen_make_with_nothing_known_has_an_estimate(model):
    car = pd.DataFrame({"make": ["Trabant"], "year": [np.nan], "has_abs": pd.Series([None], dtype="boolean")})
    assert np.isfinite(model.estimate(car).to_numpy()).all()


def test_the_same_cars_give_the_same_model():
    cars, asked = make_cars(200), make_cars(50, seed=4)
    first, second = (fit(cars, asked).estimate(asked) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("kinds", [{"year": "number"}, {"make": "category"}])
def test_a_model_may_see_numbers_or_categories_alone(kinds):
    cars = make_cars(200)
    assert np.isfinite(fit(cars, cars, kinds).estimate(cars).to_numpy()).all()


def test_a_column_may_hold_more_categories_than_the_model_takes():
    cars = make_cars(4 * MAX_CATEGORIES)
    cars["make"] = pd.Series([f"make {number}" for number in range(2 * MAX_CATEGORIES)] * 2, dtype="str")
    assert np.isfinite(fit(cars, cars).estimate(cars).to_numpy()).all()


def test_a_fit_tells_of_its_progress_and_of_no_values():
    told = []
    fit_model(make_cars(200), make_cars(50), KINDS, HYPERPARAMETERS, lambda message, share: told.append((message, share)))
    assert told == [("fitting 3 features on 200 listings", 0.1), ("calibrating on 50 listings", 0.9)]


@pytest.mark.parametrize(("count", "level", "expected"), [(9, 0.9, 9), (99, 0.9, 90), (19, 0.5, 10), (4, 0.9, 4), (1, 0.5, 1)])
def test_the_conformal_quantile_is_the_right_order_statistic(count, level, expected):
    residuals = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    assert conformal_quantile(residuals, level) == expected
