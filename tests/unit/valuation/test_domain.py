"""Which cars a model may price, and what is said of the others."""

import numpy as np
import pandas as pd
import pytest

from pipeline.valuation.domain import MIN_LISTINGS_OF_MODEL, Domain, assess, learn_domain
from pipeline.valuation.features import FeatureChoice

CHOICE = FeatureChoice(numbers=("year", "mileage_km", "engine_l"), categories=("make", "model"), refused={})


def make_listings(make: str, model: str, years: list[int], engine_l: float) -> pd.DataFrame:
    """Invent listings of one model; each was driven 10,000 km a year up to 2024."""
    year = pd.Series(years, dtype="float64")
    columns = {"year": year, "mileage_km": (2024 - year) * 10_000, "engine_l": engine_l}
    return pd.DataFrame(columns).assign(make=make, model=model).astype({"make": "str", "model": "str"})


LISTINGS = pd.concat(
    [
        make_listings("Fiat", "Doblo", [*range(2006, 2022)] * 2, 1.6),
        make_listings("Dacia", "Logan", [*range(2004, 2025)], 1.5),
        make_listings("Dacia", "Spring", [2022, 2023], np.nan),
    ],
    ignore_index=True,
)
CAR = {"make": "Fiat", "model": "Doblo", "year": 2015, "mileage_km": 90_000, "engine_l": 1.6}


@pytest.fixture(scope="module")
def domain() -> Domain:
    return learn_domain(LISTINGS, CHOICE)


def assess_car(domain: Domain, **changes: object) -> tuple[str, str]:
    assessed = assess(pd.DataFrame([CAR | changes]), domain).iloc[0]
    return assessed["status"], assessed["reason"]


def test_a_car_like_many_is_priced_without_a_reason(domain):
    assert assess_car(domain) == ("priced", "")


REFUSALS = [
    ({"make": None}, "make is missing"),
    ({"make": " "}, "make is missing"),
    ({"model": None}, "model is missing"),
    ({"year": None}, "year is missing"),
    ({"year": "soon"}, "year is missing"),
    ({"make": "Daccia"}, "make 'Daccia' is not among the 2 makes learnt from (nearest: 'Dacia')"),
    ({"make": "Lada"}, "make 'Lada' is not among the 2 makes learnt from"),
    ({"make": "FIAT"}, "make 'FIAT' is not among the 2 makes learnt from (nearest: 'Fiat')"),
    ({"model": "Dublo"}, "model 'Dublo' is not the one model of Fiat learnt from (nearest: 'Doblo')"),
    ({"model": "Logan"}, "model 'Logan' is not the one model of Fiat learnt from"),
    ({"year": 2026, "mileage_km": 0}, "year 2026 is after 2024, the newest seen"),
    ({"year": 2001}, "year 2001 is before 2004, the oldest seen"),
    ({"mileage_km": -1}, "mileage -1 km is impossible"),
    ({"mileage_km": np.inf}, "mileage inf km is impossible"),
    ({"engine_l": -1.6}, "engine -1.6 l is impossible"),
    ({"make": None, "model": None, "year": None}, "make is missing; model is missing; year is missing"),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSALS)
def test_a_car_that_cannot_be_priced_is_refused(domain, changes, reason):
    assert assess_car(domain, **changes) == ("refused", reason)


def test_a_car_driven_beyond_what_its_years_allow_is_refused(domain):
    car = {"model": "Logan", "make": "Dacia", "year": 2023, "mileage_km": 600_000, "engine_l": 1.5}
    status, reason = assess_car(domain, **car)
    assert status == "refused"
    assert reason.startswith("a car of 2023 with 600,000 km contradicts itself; ")
    assert assess_car(domain, **car | {"mileage_km": 160_000}) == ("priced", "")


EXTRAPOLATIONS = [
    ({"make": "Dacia", "model": "Spring", "year": 2023}, "only 2 listings of Dacia Spring to learn from"),
    (
        {"make": "Dacia", "model": "Logan", "year": 2025, "mileage_km": 0, "engine_l": 1.5},
        "year 2025 is after 2024, the newest seen",
    ),
    ({"make": "Dacia", "model": "Logan", "year": 2002, "engine_l": 1.5}, "year 2002 is before 2004, the oldest seen"),
    ({"year": 2023}, "year 2023 is after 2021, the newest of the Fiat Doblo seen"),
    ({"year": 2005}, "year 2005 is before 2006, older than nearly all Fiat Doblo seen"),
    ({"mileage_km": 480_000}, "mileage 480,000 km is beyond the 180,000 km that nearly all Fiat Doblo stay within"),
    ({"mileage_km": 90}, "mileage 90 km is hardly believable for a car of 2015 and was left out"),
    ({"mileage_km": 0}, "mileage 0 km is hardly believable for a car of 2015 and was left out"),
    ({"engine_l": 2.0}, "engine 2.0 l is beyond the 1.6 l seen of Fiat Doblo"),
    ({"engine_l": 1.25}, "engine 1.2 l is below the 1.6 l seen of Fiat Doblo"),
    (
        {"make": "Dacia", "model": "Spring", "year": 2023, "engine_l": 2.0},
        "only 2 listings of Dacia Spring to learn from; engine 2.0 l is beyond the 1.6 l seen of cars of any model",
    ),
]


@pytest.mark.parametrize(("changes", "reason"), EXTRAPOLATIONS)
def test_a_car_unlike_those_seen_is_extrapolated(domain, changes, reason):
    expected = reason.replace("2.0 l", "2 l")
    assert assess_car(domain, **changes) == ("extrapolated", expected)


NEW = {"make": "Dacia", "model": "Logan", "year": 2024, "mileage_km": 0, "engine_l": 1.5}


@pytest.mark.parametrize("changes", [{"year": 2022}, {"mileage_km": 30_000}, {"mileage_km": None}, {"engine_l": None}, NEW])
def test_the_next_year_little_mileage_and_what_is_not_told_are_priced(domain, changes):
    assert assess_car(domain, **changes) == ("priced", "")


def test_a_refused_car_keeps_what_else_is_held_against_it(domain):
    assert assess_car(domain, engine_l=-1.0, mileage_km=200_000) == (
        "refused",
        "engine -1 l is impossible; mileage 200,000 km is beyond the 180,000 km that nearly all Fiat Doblo stay within",
    )


@pytest.mark.parametrize("count", [1, MIN_LISTINGS_OF_MODEL - 1, MIN_LISTINGS_OF_MODEL])
def test_how_many_listings_of_a_model_are_enough(count):
    listings = pd.concat([LISTINGS, make_listings("Seat", "Leon", [2015] * count, 1.6)], ignore_index=True)
    status, _ = assess_car(learn_domain(listings, CHOICE), make="Seat", model="Leon")
    assert status == ("priced" if count >= MIN_LISTINGS_OF_MODEL else "extrapolated")


def test_what_was_seen_of_a_model_leaves_a_typing_error_aside():
    listings = pd.concat([LISTINGS, make_listings("Seat", "Leon", [2015] * 200, 1.6)], ignore_index=True)
    listings.loc[listings.index[-1], "mileage_km"] = 900_000
    _, reason = assess_car(learn_domain(listings, CHOICE), make="Seat", model="Leon", mileage_km=300_000)
    assert reason == "mileage 300,000 km is beyond the 90,000 km that nearly all Seat Leon stay within"


def test_a_number_that_the_model_does_not_use_is_not_held_against_a_car():
    choice = FeatureChoice(numbers=("year",), categories=("make", "model"), refused={})
    assert assess_car(learn_domain(LISTINGS, choice), mileage_km=900_000, engine_l=-1) == ("priced", "")


def test_columns_that_are_absent_are_missing(domain):
    assert assess(pd.DataFrame([{"make": "Fiat", "model": "Doblo", "year": 2015}]), domain)["status"].tolist() == ["priced"]
    assert assess(pd.DataFrame([{"year": 2015}]), domain)["reason"].tolist() == ["make is missing; model is missing"]


def test_answers_are_indexed_like_the_listings(domain):
    cars = pd.DataFrame([CAR, CAR | {"make": "Lada"}, CAR], index=[7, 3, 7])
    assessed = assess(cars, domain)
    assert assessed.index.tolist() == [7, 3, 7]
    assert assessed["status"].tolist() == ["priced", "refused", "priced"]


def test_no_cars_have_no_answers(domain):
    assert assess(LISTINGS.iloc[:0], domain).columns.tolist() == ["status", "reason"]
    assert len(assess(LISTINGS.iloc[:0], domain)) == 0


def test_listings_without_make_or_model_teach_nothing():
    nameless = LISTINGS.assign(make=LISTINGS["make"].where(LISTINGS["make"] != "Dacia"))
    assert learn_domain(nameless, CHOICE).models == {"Fiat": ["Doblo"]}


def test_a_domain_holds_plain_arrays_lists_and_numbers_only(domain):
    assert domain.models == {"Dacia": ["Logan", "Spring"], "Fiat": ["Doblo"]}
    assert type(domain.models["Dacia"][0]) is str
    assert domain.counts.tolist() == [21, 2, 32]
    assert domain.lows.shape == domain.highs.shape == domain.has_own_bounds.shape == (3, 3)
    assert domain.counts.dtype == np.int64
    assert domain.lows.dtype == np.float64
    assert domain.has_own_bounds.tolist() == [[True, True, True], [False] * 3, [True] * 3]


TOLD = LISTINGS.assign(fuel="diesel", color="red").astype({"fuel": "str", "color": "str"})
CHOICE_OF_WORDS = FeatureChoice(numbers=("year",), categories=("make", "model", "fuel", "color"), refused={})


@pytest.mark.parametrize(
    ("fuels", "asked", "reason"),
    [
        ({}, "petrol", "none of the 32 Fiat Doblo seen has fuel 'petrol'"),
        ({}, "steam", "none of the 32 Fiat Doblo seen has fuel 'steam'"),
        ({0: "petrol"}, "petrol", ""),
        ({}, "diesel", ""),
        ({}, None, ""),
        ({}, "other", ""),
        (dict.fromkeys(range(21), None), "petrol", "none of the 11 Fiat Doblo seen has fuel 'petrol'"),
        (dict.fromkeys(range(22), None), "petrol", ""),
        (dict.fromkeys(range(len(TOLD)), None), "petrol", ""),
    ],
)
def test_a_word_that_none_of_enough_cars_of_its_model_has_is_held_against_a_car(fuels, asked, reason):
    fuel = TOLD["fuel"].astype(object)
    for place, word in fuels.items():
        fuel[place] = word
    domain = learn_domain(TOLD.assign(fuel=fuel), CHOICE_OF_WORDS)
    assert assess_car(domain, fuel=asked, color="blue") == ("extrapolated" if reason else "priced", reason)
    assert assess_car(domain, make="Lada", model="Niva", fuel=asked)[0] == "refused"
