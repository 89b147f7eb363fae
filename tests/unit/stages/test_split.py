"""Which listings a model learns from, and which judge it."""

import pandas as pd
import pytest

from pipeline.errors import TooFewListings
from pipeline.stages.split import BY_FIRST_APPEARANCE, BY_IDENTITY, Parts, split_listings


def listings_on(counts: dict[str | None, int]) -> pd.DataFrame:
    """Return so many cars that first appeared on each date."""
    dates = [date for date, count in counts.items() for _ in range(count)]
    names = [f"car-{number}" for number in range(len(dates))]
    return pd.DataFrame({"listing_id": names, "group_id": names, "first_seen_on": pd.Series(dates, dtype="str")})


def split(listings: pd.DataFrame, test_share: float = 0.2, min_judged: int = 20) -> Parts:
    return split_listings(listings, test_share, min_judged)


def frames(parts: Parts) -> dict[str, pd.DataFrame]:
    return {"train": parts.train, "test": parts.test}


def test_the_cars_that_appeared_last_judge_the_model():
    parts = split(listings_on({"2024-01-01": 160, "2024-01-02": 20, "2024-01-03": 20}))
    assert set(parts.test["first_seen_on"]) == {"2024-01-02", "2024-01-03"}
    assert parts.account["split"] == BY_FIRST_APPEARANCE
    assert parts.account["trained_until"] == "2024-01-01"


def test_no_more_nights_than_needed_judge_the_model():
    parts = split(listings_on({"2024-01-01": 100, "2024-01-02": 60, "2024-01-03": 40}))
    assert set(parts.test["first_seen_on"]) == {"2024-01-03"}


def test_a_model_never_learns_from_a_car_that_appeared_after_one_that_judges_it():
    parts = split(listings_on({f"2024-01-{day:02d}": 15 for day in range(1, 21)}))
    assert parts.train["first_seen_on"].max() < parts.test["first_seen_on"].min()


@pytest.mark.parametrize(
    "counts",
    [
        {None: 200},
        {"2024-01-01": 200},
        {"2024-01-01": 100, "2024-01-02": 99, None: 1},
        {"2024-01-01": 190, "2024-01-02": 10},
        {"2024-01-01": 10, "2024-01-02": 190},
    ],
    ids=["undated", "one night", "partly undated", "too few to judge", "too few to learn from"],
)
def test_identity_decides_where_dates_cannot(counts):
    parts = split(listings_on(counts))
    assert parts.account["split"] == BY_IDENTITY
    assert parts.account["trained_until"] is None


def test_the_shares_are_about_what_was_asked_for():
    account = split(listings_on({None: 5000}), test_share=0.2).account
    assert account["n_test"] == pytest.approx(1000, rel=0.1)
    dated = split(listings_on({"2024-01-01": 4000, "2024-01-02": 1000}), test_share=0.2).account
    assert dated["n_test"] == 1000


@pytest.mark.parametrize("dates", [["2024-01-01", "2024-02-01"], [None, None]])
def test_a_listing_never_crosses_the_split(dates):
    frames_by_date = [listings_on({date: 200}) for date in dates]
    listings = pd.concat([frame.assign(listing_id=frame["listing_id"] + str(n)) for n, frame in enumerate(frames_by_date)])
    parts = split(listings.reset_index(drop=True))
    groups = [set(frame["group_id"]) for frame in frames(parts).values()]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 200


def test_a_group_appears_when_its_first_listing_does():
    listings = listings_on({"2024-01-01": 100, "2024-01-02": 100})
    twin = listings.iloc[[0]].assign(listing_id="younger twin", first_seen_on="2024-01-02")
    parts = split(pd.concat([listings, twin], ignore_index=True))
    assert "younger twin" not in set(parts.test["listing_id"])


def test_every_listing_is_in_one_part():
    listings = listings_on({"2024-01-01": 160, "2024-01-02": 40})
    parts = split(listings)
    names = [name for frame in frames(parts).values() for name in frame["listing_id"]]
    assert sorted(names) == sorted(listings["listing_id"])
    assert {f"n_{name}": len(frame) for name, frame in frames(parts).items()}.items() <= parts.account.items()


def test_a_car_stays_in_its_part_when_others_join():
    few, more = (split(listings_on({None: count})) for count in (300, 400))
    before = {car: name for name, frame in frames(few).items() for car in frame["listing_id"]}
    after = {car: name for name, frame in frames(more).items() for car in frame["listing_id"]}
    assert before.items() <= after.items()


def test_too_few_listings_are_refused_with_the_number_needed():
    with pytest.raises(TooFewListings, match=r"\d+ for test \(at least 50\)"):
        split(listings_on({None: 100}), min_judged=50)
