"""Which adverts are like a car, and what is said of how they differ."""

import pandas as pd
import pytest

from pipeline.valuation.comparables import COUNT, FAR, MIN_COUNT, find_comparables

CAR = {
    "make": "Fiat",
    "model": "Doblo",
    "year": 2015.0,
    "mileage_km": 100_000.0,
    "fuel": "diesel",
    "gearbox": "manual",
    "body": "van",
    "drive": "front-wheel",
    "condition": "good",
    "engine_l": 1.6,
    "first_owner": True,
}
TEXTS = dict.fromkeys(("listing_id", "group_id", "make", "model", "fuel", "gearbox", "body", "drive", "condition"), "str")


def make_listings(*changes: dict[str, object]) -> pd.DataFrame:
    """Invent adverts of cars like CAR but for the changes, named a, b, c… and each at a price of its own."""
    rows = [
        {"listing_id": chr(97 + number), "group_id": chr(97 + number), "price": 50_000.0 + number} | CAR | change
        for number, change in enumerate(changes)
    ]
    return pd.DataFrame(rows).astype(TEXTS | {"first_owner": "boolean"})


def find(*changes: dict[str, object], car: dict[str, object] | None = None, count: int = COUNT) -> pd.DataFrame:
    return find_comparables(pd.DataFrame([CAR | (car or {})]), make_listings(*changes), count)


DIFFERENCES = [
    ({}, 0, "the same in all that is told"),
    ({"year": 2017.0}, 2, "2 years newer"),
    ({"year": 2014.0}, 1, "1 year older"),
    ({"mileage_km": 70_000.0}, 2, "30,000 km less"),
    ({"mileage_km": 100_400.0}, 400 / 15_000, "the same in all that is told"),
    ({"fuel": "petrol"}, 3, "petrol"),
    ({"gearbox": "automatic"}, 2, "automatic"),
    ({"drive": "rear-wheel"}, 2, "rear-wheel drive"),
    ({"body": "minivan"}, 0, "the same in all that is told"),
    ({"condition": "damaged"}, 6, "damaged condition"),
    ({"condition": "unheard of"}, 0.25, "unheard of condition"),
    ({"engine_l": 1.3}, 1.5, "1.3 l engine"),
    ({"engine_l": 6.0}, 4, "6.0 l engine"),
    ({"first_owner": False}, 0.5, "not the first owner"),
    ({"year": 2016.0, "mileage_km": 130_000.0, "gearbox": "automatic"}, 5, "1 year newer, 30,000 km more, automatic"),
]


@pytest.mark.parametrize(("changes", "distance", "differences"), DIFFERENCES)
def test_what_a_difference_costs_and_how_it_is_told(changes, distance, differences):
    found = find(changes).iloc[0]
    assert found["distance"] == pytest.approx(distance)
    assert found["differences"] == differences


@pytest.mark.parametrize(
    ("name", "mismatch", "told"),
    [
        ("fuel", "petrol", "fuel not told"),
        ("gearbox", "automatic", "gearbox not told"),
        ("mileage_km", 150_000.0, "mileage not told"),
        ("engine_l", 2.0, "engine not told"),
        ("first_owner", False, "the same in all that is told"),
        ("condition", "fair", "the same in all that is told"),
    ],
)
def test_what_is_not_told_costs_something_but_less_than_a_mismatch(name, mismatch, told):
    found = find({}, {name: None}, {name: mismatch})
    assert found["listing_id"].tolist() == ["a", "b", "c"]
    assert found["distance"].is_monotonic_increasing
    assert found["distance"].is_unique
    assert found["differences"].iloc[1] == told


def test_other_is_as_good_as_not_told():
    found = find({"body": "other"}, {"body": None})
    assert found["distance"].tolist() == [1, 1]
    assert found["differences"].tolist() == ["body not told"] * 2


def test_what_the_car_does_not_tell_counts_for_nothing():
    found = find({"fuel": "petrol"}, {"fuel": None}, car={"fuel": None})
    assert found["distance"].tolist() == [0, 0]


def test_the_same_kilometres_count_less_on_a_car_that_has_run_far():
    near, far = (find({"mileage_km": km + 30_000.0}, car={"mileage_km": km}) for km in (50_000.0, 300_000.0))
    assert near["distance"].tolist() == [2]
    assert far["distance"].tolist() == pytest.approx([2 / 3])


def test_the_nearest_come_first_and_equally_near_ones_by_their_id():
    found = find({"year": 2016.0}, {"year": 2014.0}, {}, count=2)
    assert found["listing_id"].tolist() == ["c", "a"]


def test_other_models_fill_up_only_where_the_model_is_rare():
    others = [{"model": "Fiorino"}, {"model": "Doblo Cargo"}, {"model": "500", "body": "hatchback"}]
    rare = find({"year": 2010.0}, *others)
    assert rare["differences"].tolist() == ["5 years older", "Fiat Doblo Cargo", "Fiat Fiorino", "Fiat 500, hatchback"]
    common = find(*[{"year": 2010.0 - number} for number in range(MIN_COUNT)], *others)
    assert set(common["model"]) == {"Doblo"}


def test_far_ones_are_shown_only_where_near_ones_are_few():
    far = [{"year": 2015.0 - FAR - number} for number in range(1, 7)]
    assert len(find(*far)) == MIN_COUNT
    assert len(find(*[{"year": 2015.0 - number} for number in range(6)], *far)) == 6


def test_no_other_make_is_comparable():
    found = find({"make": "Dacia"})
    assert found.empty
    assert {"distance", "differences", "price"} <= set(found.columns)
    assert find({}, car={"make": None}).empty


def test_a_car_is_not_compared_with_itself_its_twins_or_its_other_adverts():
    listings = make_listings({}, {"group_id": "a"}, {"price": 50_000.0, "fuel": "petrol"}, {"year": 2016.0})
    assert find_comparables(listings.iloc[[0]], listings)["listing_id"].tolist() == ["d"]


def test_of_twins_and_of_one_advert_posted_twice_one_is_shown():
    found = find({}, {"group_id": "a"}, {"price": 50_000.0, "fuel": "petrol"}, {"mileage_km": None}, {"mileage_km": None})
    assert found["listing_id"].tolist() == ["a", "d", "e"]


def test_columns_that_only_one_side_has_are_left_aside():
    listings = make_listings({}, {"year": 2016.0}).drop(columns=["gearbox", "mileage_km"])
    found = find_comparables(pd.DataFrame([CAR]).drop(columns="fuel").assign(seats=5), listings)
    assert found["distance"].tolist() == [0, 1]
    assert found["differences"].tolist() == ["the same in all that is told", "1 year newer"]
