"""What is not told of a car is lent by the adverts nearest to it, and how far they differ widens its interval."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.train import Hyperparameters, PriceModel, fit_model
from pipeline.valuation.contributions import explain_price
from pipeline.valuation.donors import COUNT, MOST_OF_MODEL, Donors, Lent, learn_donors
from pipeline.valuation.features import FeatureChoice
from pipeline.valuation.mileage import MileageFloor
from tests.drawing import draw_listings

CHOICE = FeatureChoice(("year", "mileage_km", "engine_l", "first_owner"), ("make", "model", "fuel", "gearbox"), {})
BELIEVED = MileageFloor(newest_year=2020.0, km_per_year=2_000.0)
ADVERTS = draw_listings(
    """
    make  | model | year | mileage_km | engine_l | first_owner | fuel   | gearbox
    Fiat  | Doblo | 2010 | 100000     | 1.3      | yes     | diesel | manual
    Fiat  | Doblo | 2019 | 10000      | 1.4      | yes     | petrol | automatic
    Fiat  | 500   | 2010 | 90000      | 0.9      | yes     | petrol | manual
    Dacia | Logan | 2010 | 100000     |          | no      | diesel | manual
    Dacia | Logan | 2010 | 120        | 1.5      | no      | diesel | manual
    """,
    group_id=[f"group {number}" for number in range(5)],
)
KINDS = {"make": "category", "model": "category", "year": "number", "mileage_km": "number", "gearbox": "category"}
UNTOLD = ("gearbox",)


@pytest.fixture(scope="module")
def donors() -> Donors:
    return learn_donors(ADVERTS, CHOICE, BELIEVED)


def car(**told: object) -> pd.DataFrame:
    """Return one Fiat Doblo of which nothing is told but this."""
    nothing: Mapping[str, object] = {"year": 2010.0, "mileage_km": np.nan, "engine_l": np.nan, "fuel": None, "gearbox": None}
    row = {"make": "Fiat", "model": "Doblo", **nothing, **told}
    return pd.DataFrame([row]).assign(first_owner=pd.Series([None], dtype="boolean"))


def test_each_donor_lends_all_that_is_open_and_leaves_what_is_told(donors):
    asked = car(fuel="electric")
    found = donors.lend(asked, donors.find_open(asked, ["mileage_km", "engine_l", "gearbox", "fuel"]), CHOICE)
    lent = found.cars
    assert (found.owners.tolist(), found.counts.tolist()) == ([0, 0], [1, 1])
    assert set(zip(lent["mileage_km"], lent["engine_l"], lent["gearbox"], strict=True)) == {
        (100_000.0, 1.3, "manual"),
        (10_000.0, 1.4, "automatic"),
    }
    assert lent["fuel"].tolist() == ["electric"] * 2
    assert lent["first_owner"].isna().sum() == 0, "hardly an advert is silent about it"


def test_the_nearest_lend_where_there_are_more_than_are_asked():
    years = pd.DataFrame({"year": np.arange(1960.0, 2010)})
    adverts = years.assign(make="Fiat", model="Doblo", fuel="petrol", gearbox=years["year"].astype("str"), group_id=years["year"])
    choice = FeatureChoice(("year",), ("make", "model", "fuel", "gearbox"), {})
    donors = learn_donors(adverts, choice, BELIEVED)
    asked = pd.DataFrame({"make": "Fiat", "model": "Doblo", "year": [2009.0, 1960.0], "fuel": "petrol", "gearbox": None})
    found = donors.lend(asked, donors.find_open(asked, UNTOLD), choice)
    assert sorted(found.cars["gearbox"][found.owners == 0]) == [f"{year}.0" for year in range(2010 - COUNT, 2010)]
    assert sorted(found.cars["gearbox"][found.owners == 1]) == [f"{year}.0" for year in range(1960, 1960 + COUNT)]


def test_a_word_that_is_told_chooses_donors_that_say_the_same():
    rows = [{"make": "Fiat", "model": "Doblo", "year": 2010.0, "fuel": fuel, "gearbox": fuel} for fuel in ("petrol", "diesel")]
    adverts = pd.DataFrame(rows * COUNT).assign(group_id=range(2 * COUNT))
    choice = FeatureChoice(("year",), ("make", "model", "fuel", "gearbox"), {})
    donors = learn_donors(adverts, choice, BELIEVED)
    asked = pd.DataFrame({"make": "Fiat", "model": "Doblo", "year": [2011.0, 2011.0], "fuel": ["petrol", None], "gearbox": None})
    found = donors.lend(asked, donors.find_open(asked, UNTOLD), choice)
    told = list(zip(found.owners.tolist(), found.cars["gearbox"], found.counts.tolist(), strict=True))
    assert told[0] == (0, "petrol", COUNT), "donors that lend the same make one car"
    assert {word for owner, word, _ in told if owner == 1} == {"petrol", "diesel"}
    assert sum(count for owner, _, count in told if owner == 1) == COUNT


def test_what_is_missing_is_open_where_it_is_untold_or_hardly_an_advert_is_silent(donors):
    assert set(donors.always_told) == {"mileage_km", "first_owner", "fuel", "gearbox"}, "a fifth is silent about the engine"
    assert donors.find_open(car(), []).iloc[0].to_dict() == dict.fromkeys(donors.always_told, True)
    assert donors.find_open(car(), ["engine_l"])["engine_l"].item()
    told = donors.find_open(car(mileage_km=5.0, fuel="petrol", gearbox="manual").assign(first_owner=True), [])
    assert not told.any(axis=None)
    assert donors.find_open(car().drop(columns="fuel"), []).loc[0, "fuel"], "an absent column is missing"


@pytest.mark.parametrize("unknown", [{"model": "Panda"}, {"make": "Lada"}, {"model": None}])
def test_a_model_without_donors_has_nothing_open(donors, unknown):
    assert not donors.find_open(car(**unknown), ["engine_l"]).any(axis=None)


def test_neither_make_nor_model_nor_year_is_ever_lent(donors):
    assert not {"make", "model", "year"} & set(donors.find_open(car(year=np.nan), ["make", "model", "year"]).columns)


def test_a_mileage_that_is_not_believed_is_not_lent(donors):
    asked = car(make="Dacia", model="Logan")
    lent = donors.lend(asked, donors.find_open(asked, []), CHOICE)
    assert lent.cars["mileage_km"].tolist() == [100_000.0]


def test_twins_lend_once_and_of_a_common_model_so_many_are_kept():
    many = pd.concat([ADVERTS.iloc[[1]]] * (MOST_OF_MODEL + 9), ignore_index=True)
    alone = learn_donors(many.assign(group_id="one"), CHOICE, BELIEVED)
    apart = learn_donors(many.assign(group_id=range(len(many))), CHOICE, BELIEVED)
    assert (alone.starts.tolist(), apart.starts.tolist()) == ([0, 1], [0, MOST_OF_MODEL])


def test_variances_add_and_each_donor_counts():
    lent = Lent(pd.DataFrame(index=range(3)), owners=np.array([0, 0, 1]), counts=np.array([3, 1, 2]))
    means, widths = lent.average(np.array([9.0, 13.0, 5.0]), np.array([1.0, 5.0, 0.5]), 0.9)
    assert means.tolist() == [10.0, 5.0]
    assert widths == pytest.approx([np.sqrt(2.0**2 + 1.6449**2 * np.var([9, 9, 9, 13], ddof=1)), 0.5], rel=1e-4)


def make_cars(count: int, seed: int) -> pd.DataFrame:
    """Invent cars of which an automatic one costs half as much again, and every advert says whether it is."""
    generator = np.random.default_rng(seed)
    models, years = generator.integers(0, 4, count), generator.integers(2005, 2020, count)
    is_automatic = generator.random(count) < 0.3
    noise = generator.lognormal(0, 0.08, count)
    return pd.DataFrame(
        {
            "make": pd.Series(["Fiat"] * count, dtype="str"),
            "model": pd.Series([f"model {number}" for number in models], dtype="str"),
            "year": years.astype("float64"),
            "mileage_km": generator.integers(5_000, 200_000, count).astype("float64"),
            "gearbox": pd.Series(np.where(is_automatic, "automatic", "manual"), dtype="str"),
            "price": 4_000 * (1 + models) * 1.1 ** (years - 2005) * np.where(is_automatic, 1.5, 1) * noise,
            "group_id": pd.Series([f"group {seed} {number}" for number in range(count)], dtype="str"),
        }
    )


@pytest.fixture(scope="module")
def model() -> PriceModel:
    return fit_model(make_cars(1_500, seed=0), KINDS, Hyperparameters(profile="quick"), 0.9, lambda *_: None)


def test_an_interval_holds_what_it_is_meant_to_of_cars_of_which_little_is_told(model):
    cars = make_cars(600, seed=1)
    silent = cars.assign(gearbox=pd.Series([None] * len(cars), dtype="str"))
    for untold in ([], UNTOLD):  # every advert tells it, so that a blank is never an advert's silence
        found = model.appraise(silent, untold=untold)
        is_held = (found["low"] <= cars["price"]) & (cars["price"] <= found["high"])
        assert 0.85 < is_held.mean() < 0.97
        assert (found["status"] == model.appraise(cars)["status"]).all(), "it is held against no car"
    plain, _ = model._estimate(silent, np.zeros(len(cars), dtype=bool))
    assert (np.log(found["estimate"] / cars["price"])).abs().mean() < 0.9 * np.abs(plain - np.log(cars["price"])).mean()


def test_what_is_told_is_priced_as_ever_and_a_car_alone_as_among_others(model):
    cars = make_cars(40, seed=2)
    plain, _ = model._estimate(cars, np.zeros(len(cars), dtype=bool))
    assert model.estimate(cars, untold=UNTOLD)["estimate"].tolist() == np.exp(plain).tolist()
    silent = cars.assign(gearbox=cars["gearbox"].where(cars.index % 2 == 0))
    together, alone = model.estimate(silent), pd.concat([model.estimate(silent.iloc[[place]]) for place in range(len(cars))])
    pd.testing.assert_frame_equal(together, alone, rtol=1e-9)
    assert together["estimate"].tolist()[::2] == pytest.approx(np.exp(plain)[::2].tolist(), rel=1e-9)


def test_contributions_add_up_to_the_estimate_of_a_car_of_which_little_is_told(model):
    asked = make_cars(1, seed=3).assign(gearbox=pd.Series([None], dtype="str"))
    told = explain_price(asked, model.typical.without(["gearbox"]), lambda cars: model.estimate(cars)["estimate"].to_numpy())
    assert {change.feature for change in told.contributions} == {"year", "mileage_km"}
    total = told.typical_estimate + sum(change.amount for change in told.contributions)
    assert total == pytest.approx(model.estimate(asked)["estimate"].item())
