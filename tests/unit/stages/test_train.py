"""How a price model is fitted, what it does with values it never saw, and what its intervals hold."""

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.train import Hyperparameters, PriceModel, fit_model
from pipeline.valuation.members import in_processes

KINDS = {"make": "category", "model": "category", "year": "number", "has_abs": "boolean", "has_esp": "boolean"}
SMALL = Hyperparameters(iterations_factor=0.1)
QUICK = Hyperparameters(profile="quick")


def make_cars(count: int, seed: int = 0, spread: float = 0.1) -> pd.DataFrame:
    """Invent cars whose price follows make, model and year, times some noise."""
    generator = np.random.default_rng(seed)
    makes, models = generator.integers(0, 4, count), generator.integers(0, 3, count)
    years = generator.integers(2000, 2020, count)
    noise = generator.lognormal(0, spread, count)
    return pd.DataFrame(
        {
            "make": pd.Series([f"make {number}" for number in makes], dtype="str"),
            "model": pd.Series([f"model {number}" for number in models], dtype="str"),
            "year": years.astype("float64"),
            "has_abs": pd.Series(generator.random(count) < 0.5, dtype="boolean"),
            "has_esp": pd.Series([False] * count, dtype="boolean"),
            "price": 1000 * (makes + 1) * (1 + models) * 1.1 ** (years - 2000) * noise,
            "group_id": pd.Series([f"group {seed} {number}" for number in range(count)], dtype="str"),
        }
    )


def fit(cars: pd.DataFrame, kinds: dict[str, str] | None = None, hyperparameters: Hyperparameters = SMALL) -> PriceModel:
    return fit_model(cars, kinds or KINDS, hyperparameters, 0.9, lambda message, share: None)


@pytest.fixture(scope="module", params=[SMALL, QUICK], ids=["full", "quick"])
def model(request: pytest.FixtureRequest) -> PriceModel:
    return fit(make_cars(800), hyperparameters=request.param)


def test_a_model_learns_what_prices_follow(model):
    cars = make_cars(300, seed=2)
    errors = (model.estimate(cars)["estimate"] / cars["price"] - 1).abs()
    assert errors.median() < 0.12


def test_intervals_hold_about_the_share_they_are_meant_to(model):
    cars = make_cars(1000, seed=3)
    estimates = model.estimate(cars)
    covered = (estimates["low"] <= cars["price"]) & (cars["price"] <= estimates["high"])
    assert 0.87 <= covered.mean() <= 0.95


def test_an_estimate_lies_inside_its_interval_and_is_money(model):
    estimates = model.estimate(make_cars(50))
    assert (estimates["low"] > 0).all()
    assert (estimates["low"] < estimates["estimate"]).all()
    assert (estimates["estimate"] < estimates["high"]).all()


def test_estimates_are_indexed_like_the_listings_and_do_not_depend_on_the_others(model):
    cars = make_cars(5).set_axis([7, 3, 9, 1, 2])
    estimates = model.estimate(cars)
    assert estimates.index.tolist() == [7, 3, 9, 1, 2]
    pd.testing.assert_frame_equal(model.estimate(cars.loc[[9]]), estimates.loc[[9]], rtol=1e-9)


def test_adverts_that_tell_thousands_as_kilometres_make_no_car_that_ran_little_cheap():
    cars = make_cars(1_200)
    driven_km = 12_000 * (2020 - cars["year"]) * np.random.default_rng(1).lognormal(0, 0.35, len(cars))
    is_slip, is_silent = cars.index < 0.03 * len(cars), cars.index >= 0.97 * len(cars)
    mileage_km = (driven_km / np.where(is_slip, 1000, 1)).round().where(~is_silent)
    cars = cars.assign(price=cars["price"] * np.exp(-driven_km / 200_000), mileage_km=mileage_km)
    model = fit(cars, {**KINDS, "mileage_km": "number"}, QUICK)
    car = cars[cars["year"] == 2010].iloc[[0] * 5].reset_index(drop=True)
    appraised = model.appraise(car.assign(mileage_km=[18_000.0, 27_000, 54_000, 120, np.nan]))
    estimates = appraised["estimate"].tolist()
    assert estimates[0] > estimates[1] > 1.1 * estimates[2]
    assert estimates[3] == estimates[4]
    assert model.domain.floor == model.recipe.encoding.floor
    assert appraised["status"].tolist() == ["priced"] * 3 + ["extrapolated", "priced"]
    assert appraised["high"][3] > appraised["high"][4]


def test_a_constant_column_is_refused_by_name(model):
    assert model.choice.refused == {"has_esp": "always False"}


def test_a_car_of_an_unseen_make_is_refused_and_still_has_an_estimate(model):
    car = pd.DataFrame({"make": ["Trabant"], "model": ["601"], "year": [2001.0], "has_abs": pd.Series([None], dtype="boolean")})
    appraised = model.appraise(car)
    assert appraised["status"].tolist() == ["refused"]
    assert np.isfinite(appraised[["estimate", "low", "high"]].to_numpy()).all()


def test_cars_outside_the_domain_have_wider_intervals():
    cars = make_cars(900)
    wild = make_cars(100, seed=5, spread=0.8)
    wild["model"] = pd.Series([f"rare {number % 20}" for number in range(100)], dtype="str")
    model = fit(pd.concat([cars, wild], ignore_index=True))
    appraised = model.appraise(pd.concat([cars.head(50), wild], ignore_index=True))
    widths = np.log(appraised["high"] / appraised["low"]).groupby(appraised["status"]).median()
    assert widths["extrapolated"] > 1.5 * widths["priced"]


def test_a_listing_that_was_learnt_from_is_estimated_by_members_that_did_not_learn_from_it():
    cars = make_cars(400)
    cars.loc[0, "price"] *= 50
    model = fit(cars)
    seen, unseen = (model.appraise(cars.head(1), unseen=flag)["estimate"].item() for flag in (False, True))
    others = model.appraise(cars.head(1).assign(group_id="nobody"), unseen=True)["estimate"].item()
    assert others == seen
    assert unseen < seen


def test_the_same_cars_give_the_same_model_however_many_folds_are_fitted_at_a_time():
    cars, asked = make_cars(200), make_cars(50, seed=4)
    one = fit_model(cars, KINDS, SMALL, 0.9, lambda *_: None, map_folds=in_processes(1)).estimate(asked)
    two = fit_model(cars, KINDS, SMALL, 0.9, lambda *_: None, map_folds=in_processes(2)).estimate(asked)
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("left", [["year"], ["make", "model"], ["make", "model", "year"]])
def test_a_model_may_see_few_columns(left):
    cars = make_cars(200)
    kinds = {name: KINDS[name] for name in left}
    assert np.isfinite(fit(cars, kinds).estimate(cars).to_numpy()).all()


def test_one_make_alone_is_enough():
    cars = make_cars(200).assign(make=pd.Series(["make 0"] * 200, dtype="str"))
    model = fit(cars)
    assert model.choice.refused["make"] == "always make 0"
    assert np.isfinite(model.estimate(cars).to_numpy()).all()


def test_a_column_may_hold_more_categories_than_trees_take():
    cars = make_cars(1200)
    cars["make"] = pd.Series([f"make {number}" for number in range(600)] * 2, dtype="str")
    assert np.isfinite(fit(cars, hyperparameters=SMALL).estimate(cars).to_numpy()).all()


def test_a_fit_tells_of_its_progress_and_of_no_values():
    told: list[tuple[str, float]] = []
    fit_model(make_cars(200), KINDS, SMALL, 0.9, lambda message, share: told.append((message, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[0][0] == "fitting 4 features on 200 listings"
    assert not any("make 1" in message for message, _ in told)
