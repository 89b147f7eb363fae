"""The recipe: folds, profiles, members that learn from all, and listings that tell little."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.valuation import recipe
from pipeline.valuation.encoding import encode, learn_encoding
from pipeline.valuation.members import NO_FOLD, Columns, Hyperparameters, MapFolds, build_estimator, fit_member, in_processes
from pipeline.valuation.recipe import BIG_ABSOLUTE, ENRICHED_SQUARED, choose_profile, draw_folds, fit_recipe

KINDS = {"make": "category", "model": "category", "fuel": "category", "year": "number", "mileage_km": "number"}


def draw(count: int, seed: int = 0) -> pd.DataFrame:
    """Invent listings whose price follows make and year."""
    drawn = np.random.default_rng(seed)
    makes, years = drawn.integers(0, 3, count), drawn.integers(2000, 2020, count)
    return pd.DataFrame(
        {
            "make": [f"make {make}" for make in makes],
            "model": [f"model {model}" for model in drawn.integers(0, 3, count)],
            "fuel": drawn.choice(["diesel", "petrol"], count),
            "year": years.astype(float),
            "mileage_km": (2021 - years) * drawn.uniform(5_000, 25_000, count),
            "price": 1_000 * (makes + 1) * 1.1 ** (years - 2000) * drawn.lognormal(0, 0.1, count),
            "group_id": [f"group {number // 2}" for number in range(count)],
        }
    )


def test_twins_share_a_fold_and_few_groups_have_few_folds():
    folds = draw_folds(np.array(["a", "b", "a", "c"] * 5), 5, seed=0)
    assert len({*folds[::4], *folds[2::4]}) == 1
    assert set(folds) == {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "listings", "folds", "members"),
    [("quick", 19_999, 5, 0), ("quick", 20_000, 3, 0), ("full", 19_999, 5, 3), ("full", 20_000, 4, 3), ("full", 60_000, 3, 2)],
)
def test_the_more_listings_the_fewer_folds_and_members(name, listings, folds, members):
    profile = choose_profile(name, listings)
    assert (profile.folds, len(profile.members)) == (folds, members)


@pytest.mark.parametrize("profile", ["full", "quick"])
@pytest.mark.parametrize(
    "change",
    [
        lambda listings: listings.head(30),
        lambda listings: listings.drop(columns=["fuel", "mileage_km"]),
        lambda listings: listings.assign(fuel=None, mileage_km=np.nan),
        lambda listings: listings.assign(make="Ford").drop(columns="model"),
        lambda listings: listings.drop(columns="year"),
    ],
    ids=["30 listings", "no fuel or mileage", "all missing", "one make, no model", "no year"],
)
def test_listings_that_tell_little_have_finite_estimates(change, profile):
    hyperparameters = Hyperparameters(profile=profile, iterations_factor=0.03)
    model, fitted = fit_recipe(change(draw(120)), KINDS, hyperparameters, lambda *_: None)
    assert np.isfinite(fitted.view.logs).all()
    asked = draw(40, seed=1).assign(make="Zzz", fuel="steam").drop(columns="mileage_km")
    assert np.isfinite(model.predict_log(asked)).all()
    assert (model.weights >= 0).all()
    assert np.isclose(model.weights.sum(), 1)


def test_members_learn_from_all_listings():
    asked = []
    fit_recipe(draw(120), KINDS, Hyperparameters(iterations_factor=0.03), lambda *_: None, _watch(asked))
    assert asked == [[0, 1, 2, 3, 4, NO_FOLD]] * 3


def test_the_quick_profile_is_the_process_alone():
    model, _ = fit_recipe(draw(120), KINDS, Hyperparameters(profile="quick"), lambda *_: None)
    assert (model.names, model.weights.tolist()) == (["process"], [1.0])
    np.testing.assert_array_equal(model.predict_log(draw(9)), model.process.predict(encode(draw(9), model.encoding)))


def test_a_member_predicts_by_the_estimator_that_held_nothing_out():
    drawn = np.random.default_rng(0)
    features, folds = drawn.normal(size=(200, 3)), np.arange(200) % 4
    logs = features[:, 0] + drawn.normal(0, 0.1, 200)
    member, out_of_fold = fit_member(BIG_ABSOLUTE, features, Columns(0), logs, folds, 0, in_processes(1))
    whole = build_estimator(BIG_ABSOLUTE, Columns(0), 3, 0).fit(features, logs)
    np.testing.assert_array_equal(member.predict(features), whole.predict(features))
    assert np.abs(out_of_fold - logs).mean() > 2 * np.abs(member.predict(features) - logs).mean()


def test_a_member_is_told_which_column_is_the_year():
    listings = draw(60)
    encoded = encode(listings, learn_encoding(listings, KINDS))
    views = recipe.build_views(encoded, np.zeros((60, 4)), np.zeros(60))
    for name, columns in recipe._name_columns(encoded).items():
        np.testing.assert_array_equal(views[name][:, columns.year], listings["year"])
    assert recipe._name_columns(encoded)["native"].categories == len(encoded.categories)


def test_a_member_does_not_follow_the_chance_prices_of_single_years():
    drawn = np.random.default_rng(0)
    year = drawn.integers(2000, 2020, 2_000).astype(float)
    logs = 0.05 * (year - 2020) + drawn.normal(0, 0.2, 20)[(year - 2000).astype(int)]
    features, folds, years = np.column_stack([drawn.normal(size=2_000), year]), np.arange(2_000) % 4, np.arange(2000.0, 2020.0)
    falls = []
    for columns in (Columns(0), Columns(0, year=1)):
        member, _ = fit_member(ENRICHED_SQUARED, features, columns, logs, folds, 0, in_processes(1))
        falls.append((np.diff(member.predict(np.column_stack([np.zeros(20), years]))) < -1e-9).sum())
    assert falls[0] > 4
    assert falls[1] == 0


def _watch(asked: list[list[int]]) -> MapFolds:
    def map_folds(function: Callable[..., Any], shared: tuple[Any, ...], each: Sequence[Any]) -> list[Any]:
        asked.append(list(each))
        return [function(*shared, one) for one in each]

    return map_folds
