"""What moved a price from that of the typical car, and that it adds up."""

import numpy as np
import pandas as pd
import pytest

from pipeline.valuation.contributions import (
    MAX_EXACT_FEATURES,
    Contribution,
    Typical,
    explain_price,
    explain_prices,
    learn_typical,
)
from pipeline.valuation.features import FeatureChoice

MANY = tuple(f"extra_{number}" for number in range(MAX_EXACT_FEATURES + 2))
CHOICE = FeatureChoice(("year", "mileage_km", "has_abs"), ("make", "model", "fuel"), {})
WIDE = FeatureChoice(("year", "mileage_km", "has_abs", *MANY), ("make", "model", "fuel"), {})
LISTINGS = pd.DataFrame(
    [
        ("Fiat", "Doblo", "diesel", 2010, 100_000, True),
        ("Fiat", "Doblo", "diesel", 2012, 80_000, True),
        ("Fiat", "Doblo", "petrol", 2015, 60_000, False),
        ("Fiat", "Doblo", None, 2018, None, True),
        ("Fiat", "500", "petrol", 2020, 20_000, None),
        ("Dacia", "Logan", "petrol", 2005, None, False),
        ("Dacia", "Logan", "diesel", 2006, None, False),
    ],
    columns=["make", "model", "fuel", "year", "mileage_km", "has_abs"],
).astype({"make": "str", "model": "str", "fuel": "str", "year": "float64", "mileage_km": "float64", "has_abs": "boolean"})
WIDE_LISTINGS = LISTINGS.assign(**dict.fromkeys(MANY, 0.0))
CAR = LISTINGS.iloc[[0]].assign(fuel="petrol", year=2014.0, mileage_km=50_000.0)


@pytest.fixture(scope="module")
def typical() -> Typical:
    return learn_typical(LISTINGS, CHOICE)


def price_additively(cars: pd.DataFrame) -> np.ndarray:
    """Charge 1,000 for each year since 2000, take 3 for each 100 km and add 500 for petrol."""
    return ((cars["year"] - 2000) * 1000 - cars["mileage_km"] * 0.03 + (cars["fuel"] == "petrol") * 500).to_numpy()


def price_by_products(cars: pd.DataFrame) -> np.ndarray:
    """Multiply everything with everything."""
    extras = np.prod([1 + cars[name].to_numpy() / (number + 2) for number, name in enumerate(MANY)], axis=0)
    return extras * np.exp((cars["year"] - 2010) / 7).to_numpy() * np.where(cars["fuel"] == "petrol", 1.2, 1) * 10_000


def amounts_of(contributions: tuple[Contribution, ...]) -> dict[str, float]:
    return {contribution.feature: contribution.amount for contribution in contributions}


def test_the_typical_car_has_the_lower_median_and_the_most_common(typical):
    row = typical.models["Fiat"]["Doblo"]
    assert {name: values[row] for name, values in typical.numbers.items()} == {
        "year": 2012,
        "mileage_km": 80_000,
        "has_abs": 1,
    }
    assert typical.categories["fuel"][row] == "diesel"


def test_what_most_listings_do_not_tell_the_typical_car_does_not_tell(typical):
    assert np.isnan(typical.numbers["mileage_km"][typical.models["Dacia"]["Logan"]])


def test_of_equally_common_ones_the_first_by_the_alphabet_is_typical(typical):
    assert typical.categories["fuel"][typical.models["Dacia"]["Logan"]] == "diesel"


def test_typical_cars_are_plain_arrays_and_lists(typical):
    assert [type(values) for values in typical.numbers.values()] == [np.ndarray] * 3
    assert all(value is None or type(value) is str for value in typical.categories["fuel"])
    assert typical.makes == {"Dacia": 1, "Fiat": 2}
    assert typical.models == {"Dacia": {"Logan": 3}, "Fiat": {"500": 4, "Doblo": 5}}


def test_an_additive_price_gives_each_feature_its_own(typical):
    explanation = explain_price(CAR, typical, price_additively)
    assert explanation.typical_estimate == 12_000 - 2_400
    assert explanation.estimate == 14_000 - 1_500 + 500
    assert explanation.contributions == (
        Contribution("year", 2014.0, 2012.0, 2000.0),
        Contribution("mileage_km", 50_000.0, 80_000.0, 900.0),
        Contribution("fuel", "petrol", "diesel", 500.0),
    )
    assert explanation.based_on == "make and model"


def test_what_two_features_do_together_is_shared_equally(typical):
    explanation = explain_price(CAR, typical, lambda cars: (cars["year"] > 2013) * (cars["fuel"] == "petrol") * 800.0)
    amounts = amounts_of(explanation.contributions)
    assert amounts == pytest.approx({"fuel": 400.0, "year": 400.0, "mileage_km": 0.0})
    assert amounts["fuel"] == amounts["year"]


def test_a_feature_that_the_price_ignores_contributes_exactly_nothing(typical):
    explanation = explain_price(CAR, typical, lambda cars: np.exp(cars["year"].to_numpy() / 300))
    amounts = amounts_of(explanation.contributions)
    assert amounts["fuel"] == amounts["mileage_km"] == 0.0
    assert amounts["year"] != 0.0


def test_a_typical_car_has_nothing_to_explain(typical):
    explanation = explain_price(CAR.assign(fuel="diesel", year=2012.0, mileage_km=80_000.0), typical, price_additively)
    assert explanation.contributions == ()
    assert explanation.typical_estimate == explanation.estimate == 9_600


def test_what_is_not_told_is_a_difference_too(typical):
    car = CAR.assign(fuel=None, year=2012.0, mileage_km=80_000.0).astype({"fuel": "str"})
    explanation = explain_price(car, typical, lambda cars: cars["fuel"].isna().to_numpy() * -100.0)
    assert explanation.contributions == (Contribution("fuel", None, "diesel", -100.0),)


@pytest.mark.parametrize(
    ("changes", "based_on", "year"),
    [({"model": "Panda"}, "make", 2015.0), ({"make": "Lada"}, "market", 2012.0), ({"make": None}, "market", 2012.0)],
)
def test_an_unknown_car_is_compared_with_its_make_or_the_market(typical, changes, based_on, year):
    explanation = explain_price(CAR.assign(**changes), typical, price_additively)
    assert explanation.based_on == based_on
    assert {c.feature: c.typical_value for c in explanation.contributions}["year"] == year


def test_many_features_still_add_up():
    car = WIDE_LISTINGS.iloc[[0]].assign(year=2016.0, fuel="petrol", **dict.fromkeys(MANY, 1.0))
    explanation = explain_price(car, learn_typical(WIDE_LISTINGS, WIDE), price_by_products)
    assert len(explanation.contributions) == len(MANY) + 3
    total = explanation.typical_estimate + sum(amounts_of(explanation.contributions).values())
    assert total == pytest.approx(explanation.estimate, rel=1e-12)
    assert explanation.estimate == price_by_products(car)[0]
    assert amounts_of(explanation.contributions)["mileage_km"] == 0.0


def test_many_features_share_equally_what_pairs_of_them_do():
    car = WIDE_LISTINGS.iloc[[0]].assign(**dict.fromkeys(MANY, 1.0))
    explanation = explain_price(
        car, learn_typical(WIDE_LISTINGS, WIDE), lambda cars: cars[list(MANY)].sum(axis=1).to_numpy() ** 2
    )
    amounts = amounts_of(explanation.contributions)
    assert [amounts[name] for name in MANY] == pytest.approx([len(MANY)] * len(MANY), rel=1e-12)


def test_explaining_twice_says_the_same_and_asks_once_each():
    asked = []

    def estimate(cars: pd.DataFrame) -> np.ndarray:
        asked.append(len(cars))
        return price_by_products(cars)

    car = WIDE_LISTINGS.iloc[[0]].assign(year=2016.0, **dict.fromkeys(MANY, 1.0))
    typical = learn_typical(WIDE_LISTINGS, WIDE)
    assert explain_price(car, typical, estimate) == explain_price(car, typical, estimate)
    assert len(asked) == 2


def test_several_cars_are_explained_by_one_call_as_each_alone(typical):
    asked = []

    def estimate(cars: pd.DataFrame) -> np.ndarray:
        asked.append(len(cars))
        return price_additively(cars.fillna({"mileage_km": 0.0}))

    cars = pd.concat([CAR, LISTINGS], ignore_index=True)
    together = explain_prices(cars, typical, estimate)
    assert len(asked) == 1
    assert together == [explain_price(cars.iloc[[row]], typical, estimate) for row in range(len(cars))]
    assert explain_prices(cars.iloc[:0], typical, estimate) == []


def test_the_price_is_asked_for_cars_in_the_columns_and_kinds_that_listings_have(typical):
    asked = []

    def estimate(cars: pd.DataFrame) -> np.ndarray:
        asked.append(cars)
        return price_additively(cars)

    explain_price(CAR.assign(has_abs=pd.array([False], dtype="boolean")), typical, estimate)
    assert asked[0].dtypes.to_dict() == LISTINGS.dtypes.to_dict()
    assert len(asked[0]) == 2**4
