"""How live listings are rated, and when a rating changes."""

import numpy as np
import pandas as pd
import pytest

from pipeline.listing import NOT_RATED, RATINGS
from pipeline.stages import score
from tests.drawing import draw_listings

GREAT, GOOD, FAIR, HIGH, VERY_HIGH = RATINGS
NIGHT = "2024-02-10"
# Estimates are 10,000 between 5,000 and 20,000: the price 10,000 · 2^s has the standing s.
ESTIMATE, LOW, HIGH_END = 10_000.0, 5_000.0, 20_000.0
LISTINGS = """
listing_id | make | model | year | mileage_km | price | first_seen_on | last_seen_on
a          | Audi | A4    | 2015 | 90000      | 9000  | 2024-01-31    | 2024-02-10
b          | Audi | A4    | 2016 | 50000      | 5000  | 2024-02-10    | 2024-02-10
gone       | Audi | A6    | 2016 | 50000      | 5000  | 2024-01-01    | 2024-02-09
"""


def price_at(standing: float) -> float:
    return ESTIMATE * 2**standing


def cars_at(*standings: float) -> pd.DataFrame:
    """Return live listings with these standings, named a, b, c, …"""
    count = len(standings)
    return pd.DataFrame(
        {
            "listing_id": pd.Series([chr(ord("a") + place) for place in range(count)], dtype="str"),
            "make": "Audi",
            "model": "A4",
            "year": 2015.0,
            "mileage_km": 90_000.0,
            "price": [price_at(standing) for standing in standings],
            "first_seen_on": "2024-01-31",
        }
    )


def appraised(live: pd.DataFrame, **columns: object) -> pd.DataFrame:
    plain = {"estimate": ESTIMATE, "low": LOW, "high": HIGH_END, "status": "priced", "reason": None}
    return pd.DataFrame({**plain, **columns}, index=live.index)


def score_all(
    live: pd.DataFrame,
    before: pd.DataFrame | None = None,
    n_like_it: int = 50,
    typical_price: float = np.nan,
    night: str = NIGHT,
    **columns: object,
) -> score.Scored:
    """Score listings that never had another price; `columns` are of the appraisals."""
    prices = live[["listing_id", "price"]]
    like_it = pd.DataFrame({"n_like_it": n_like_it, "typical_price": typical_price}, index=live.index)
    return score.score_listings(live, prices, appraised(live, **columns), like_it, night, before)


def rate(standing: float, former: str | None = None, former_price: float | None = None, **more: object) -> str:
    """Rate one car, which the night before had the rating `former`, at today's price where no other is said."""
    live = cars_at(standing)
    before = None
    if former is not None:
        price = live["price"] if former_price is None else [former_price]
        before = pd.DataFrame({"listing_id": ["a"], "price": price, "rating": [former]})
    return score_all(live, before, **more).scores["rating"].iloc[0]


class TestLive:
    """Which listings are still advertised."""

    def test_those_seen_on_the_newest_night(self):
        live = score.select_live(draw_listings(LISTINGS), NIGHT)
        assert live["listing_id"].tolist() == ["a", "b"]

    def test_a_newest_night_without_listings_does_not_empty_the_market(self):
        live = score.select_live(draw_listings(LISTINGS), "2024-02-11")
        assert live["listing_id"].tolist() == ["a", "b"]

    def test_all_where_no_delivery_is_dated_though_adverts_bear_dates(self):
        assert len(score.select_live(draw_listings(LISTINGS), "")) == 3

    def test_all_where_none_was_ever_seen_on_a_night(self):
        listings = draw_listings(LISTINGS).assign(last_seen_on=pd.Series([None] * 3, dtype="str"))
        assert len(score.select_live(listings, NIGHT)) == 3


class TestLikeIt:
    """How many cars a rating rests on."""

    LEARNT = """
make | model | year | price | group_id
Audi | A4    | 2014 | 4000  | 1
Audi | A4    | 2014 | 4000  | 1
Audi | A4    | 2015 | 5000  | 2
Audi | A4    | 2016 | 60000 | 4
Audi | A4    | 2017 | 70000 | 5
Audi | A6    | 2015 | 3000  | 3
"""

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [("Audi | A4 | 9", 4), ("Audi | A4 | 2", 3), ("Audi | A6 | 3", 0), ("Audi | A8 | 9", 0), ("Lada | A4 | 9", 0)],
        ids=["twins are one car", "not itself", "the only one of its kind", "unknown model", "unknown make"],
    )
    def test_other_cars_of_its_make_and_model_are_counted(self, asked, expected):
        asked = draw_listings(f"make | model | group_id\n{asked}").assign(year=2015)
        assert score.describe_like_it(asked, draw_listings(self.LEARNT))["n_like_it"].tolist() == [expected]

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ("Audi | A4 | 2015 | 9", 5_000),
            ("Audi | A4 | 2016 | 9", 60_000),
            ("Audi | A4 | 2017 | 9", None),
            ("Audi | A4 | 2015 | 2", None),
            ("Audi | A4 | 2010 | 9", None),
            ("Lada | A4 | 2015 | 9", None),
        ],
        ids=["twins are one car", "a year older and newer", "two are too few", "not itself", "none of its year", "unknown make"],
    )
    def test_the_typical_price_is_the_median_of_those_of_about_its_year(self, asked, expected):
        asked = draw_listings(f"make | model | year | group_id\n{asked}").set_axis([7])
        (found,) = score.describe_like_it(asked, draw_listings(self.LEARNT))["typical_price"]
        assert found == expected if expected else pd.isna(found)


class TestRatings:
    """Five steps, or none."""

    @pytest.mark.parametrize(
        ("standing", "expected"),
        [
            (-3, GREAT),
            (-1, GREAT),
            (-0.61, GREAT),
            (-0.59, GOOD),
            (-0.26, GOOD),
            (-0.24, FAIR),
            (0, FAIR),
            (0.24, FAIR),
            (0.26, HIGH),
            (0.59, HIGH),
            (0.61, VERY_HIGH),
            (1, VERY_HIGH),
            (3, VERY_HIGH),
        ],
    )
    def test_the_standing_decides(self, standing, expected):
        assert rate(standing) == expected

    def test_each_side_is_measured_by_its_own_half_of_the_interval(self):
        live = cars_at(-1, 1)
        found = score_all(live, low=ESTIMATE / 4).scores
        assert found["standing"].tolist() == pytest.approx([-0.5, 1])
        assert found["position"].tolist() == pytest.approx([-0.5, 1])

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"n_like_it": score.MIN_LIKE_IT}, FAIR),
            ({"n_like_it": score.MIN_LIKE_IT - 1}, NOT_RATED),
            ({"status": "extrapolated"}, NOT_RATED),
            ({"status": "refused", "estimate": np.nan, "low": np.nan, "high": np.nan}, NOT_RATED),
            ({"low": ESTIMATE / 2.1}, NOT_RATED),
            ({"high": ESTIMATE * 2.1}, NOT_RATED),
        ],
        ids=["just enough", "too few like it", "extrapolated", "refused", "wide below", "wide above"],
    )
    def test_none_where_it_would_mislead(self, more, expected):
        assert rate(0, **more) == expected

    @pytest.mark.parametrize(
        ("price", "typical_price", "expected"),
        [
            (ESTIMATE / 2, ESTIMATE / 2, NOT_RATED),
            (ESTIMATE * 2, ESTIMATE * 2, NOT_RATED),
            (ESTIMATE / 2, ESTIMATE / 1.7, GREAT),
            (ESTIMATE / 1.3, ESTIMATE / 2, GOOD),
            (ESTIMATE, ESTIMATE / 5, FAIR),
            (ESTIMATE / 2, ESTIMATE * 5, GREAT),
            (ESTIMATE / 2, np.nan, GREAT),
        ],
        ids=[
            "far above",
            "far below",
            "not so far",
            "nearer to the estimate",
            "as estimated",
            "the other way",
            "nothing is typical",
        ],
    )
    def test_none_where_the_like_and_the_price_itself_speak_against_the_estimate(self, price, typical_price, expected):
        found = score_all(cars_at(0).assign(price=price), typical_price=typical_price).scores
        assert found["rating"].tolist() == [expected]

    def test_an_interval_without_width_divides_by_nothing(self):
        assert rate(0, low=ESTIMATE, high=ESTIMATE) == FAIR
        assert rate(-0.1, low=ESTIMATE, high=ESTIMATE) == GREAT


class TestHysteresis:
    """A rating stays where the car barely moved."""

    @pytest.mark.parametrize(
        ("former", "standing", "expected"),
        [
            (FAIR, 0.25 + score.MARGIN - 0.01, FAIR),
            (FAIR, 0.25 + score.MARGIN + 0.01, HIGH),
            (FAIR, -0.25 - score.MARGIN + 0.01, FAIR),
            (FAIR, -0.25 - score.MARGIN - 0.01, GOOD),
            (GREAT, -0.6 + score.MARGIN - 0.01, GREAT),
            (GREAT, -0.6 + score.MARGIN + 0.01, GOOD),
            (GREAT, 0.7, VERY_HIGH),
            (VERY_HIGH, 0.6 - score.MARGIN + 0.01, VERY_HIGH),
            (GREAT, -9, GREAT),
            (NOT_RATED, 0.26, HIGH),
        ],
    )
    def test_a_rating_changes_once_its_band_is_left_by_more_than_the_margin(self, former, standing, expected):
        assert rate(standing, former) == expected

    def test_another_price_is_judged_afresh(self):
        assert rate(0.26, FAIR) == FAIR
        assert rate(0.26, FAIR, former_price=price_at(0.2)) == HIGH

    def test_a_good_price_is_never_above_the_estimate(self):
        assert rate(0.001, GOOD) == FAIR

    @pytest.mark.parametrize(
        ("more", "new", "known"),
        [
            ({"n_like_it": score.MIN_LIKE_IT - score.LIKE_IT_SLACK}, NOT_RATED, FAIR),
            ({"n_like_it": score.MIN_LIKE_IT - score.LIKE_IT_SLACK - 1}, NOT_RATED, NOT_RATED),
            ({"high": ESTIMATE * 2.1}, NOT_RATED, FAIR),
            ({"high": ESTIMATE * 2.3}, NOT_RATED, NOT_RATED),
            ({"status": "refused"}, NOT_RATED, NOT_RATED),
        ],
    )
    def test_what_has_a_rating_keeps_it_a_little_beyond_the_limits(self, more, new, known):
        assert (rate(0, **more), rate(0, FAIR, **more)) == (new, known)

    @pytest.mark.parametrize(("apart", "known"), [(1.9, GREAT), (2.1, NOT_RATED)])
    def test_nor_does_doubt_of_the_estimate_come_and_go(self, apart, known):
        doubted = {"typical_price": ESTIMATE / apart}
        assert (rate(-0.9, **doubted), rate(-0.9, GREAT, **doubted)) == (NOT_RATED, known)

    def test_a_car_that_was_not_there_is_judged_afresh(self):
        before = pd.DataFrame({"listing_id": ["other"], "price": [1.0], "rating": [GREAT]})
        assert score_all(cars_at(0), before).scores["rating"].tolist() == [FAIR]


class TestRows:
    """What is said of each listing."""

    def test_the_columns_are_as_documented(self):
        live = cars_at(0, 0.5).iloc[::-1].reset_index(drop=True)
        scores = score_all(live).scores
        assert scores["listing_id"].tolist() == ["a", "b"]
        assert list(scores) == [
            "listing_id", "make", "model", "year", "mileage_km", "price", "estimate", "low", "high", "status", "reason", "position", "standing",
            "rating", "days_listed", "price_changes", "last_price_change_share", "first_price", "n_like_it", "typical_price",
        ]  # fmt: skip

    def test_the_city_where_the_market_has_it(self):
        assert score_all(cars_at(0).assign(city="Rabat")).scores["city"].tolist() == ["Rabat"]

    def test_days_count_from_the_night_it_appeared(self):
        live = cars_at(0, 0, 0).assign(first_seen_on=pd.Series(["2024-01-31", NIGHT, None], dtype="str"))
        days = score_all(live).scores["days_listed"]
        assert days.isna().tolist() == [False, False, True]
        assert days.dropna().tolist() == [10, 0]

    def test_days_go_on_without_a_delivery(self):
        assert score_all(cars_at(0), night="2024-02-12").scores["days_listed"].tolist() == [12]

    def test_an_undated_market_counts_no_days(self):
        assert score_all(cars_at(0), night="").scores["days_listed"].isna().all()

    def test_prices_are_told_by_their_changes(self):
        live = cars_at(0, 0)
        prices = pd.DataFrame({"listing_id": ["a", "a", "a", "b"], "price": [12_000.0, 8_000.0, 10_000.0, 10_000.0]})
        like_it = pd.DataFrame({"n_like_it": 9, "typical_price": np.nan}, index=live.index)
        scored = score.score_listings(live, prices, appraised(live), like_it, NIGHT, None).scores
        assert scored["price_changes"].tolist() == [2, 0]
        assert scored["first_price"].tolist() == [12_000, 10_000]
        assert scored["last_price_change_share"].iloc[0] == pytest.approx(0.25)
        assert pd.isna(scored["last_price_change_share"].iloc[1])

    def test_a_refused_one_has_its_reason_and_no_position(self):
        nothing = {"estimate": np.nan, "low": np.nan, "high": np.nan}
        (row,) = score_all(cars_at(0), status="refused", reason="unknown make", **nothing).scores.to_dict("records")
        assert (row["status"], row["reason"], row["rating"]) == ("refused", "unknown make", NOT_RATED)
        assert pd.isna([row["estimate"], row["position"], row["standing"]]).all()


class TestAccount:
    """What is counted."""

    def test_every_live_listing_is_counted_once(self):
        live = cars_at(-0.7, 0, 0, 0)
        account = score_all(live, status=["priced", "priced", "extrapolated", "refused"]).account
        assert account["ratings"] == {GREAT: 1, GOOD: 0, FAIR: 1, HIGH: 0, VERY_HIGH: 0, NOT_RATED: 2}
        assert (account["live"], account["priced"], account["extrapolated"], account["refused"]) == (4, 2, 1, 1)

    def test_changes_are_counted_among_those_that_were_live_before(self):
        live = cars_at(0, 0, 0.7)
        before = pd.DataFrame({"listing_id": ["a", "b", "gone"], "price": [1.0, price_at(0), 1.0], "rating": [GREAT, FAIR, FAIR]})
        account = score_all(live, before).account
        assert (account["live_before"], account["rating_changes"]) == (2, 1)

    def test_the_median_position_is_missing_where_no_listing_has_one(self):
        assert score_all(cars_at(1, -1)).account["median_absolute_position"] == pytest.approx(0.75)
        assert score_all(cars_at(0), estimate=np.nan).account["median_absolute_position"] is None


class Model:
    """Says 1 of all."""

    def estimate(self, listings: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"estimate": 1.0, "low": 0.5, "high": 2.0}, index=listings.index)


class Honest(Model):
    """Says 2 where it leaves out what it learnt from the listing itself."""

    def estimate_unseen(self, listings: pd.DataFrame) -> pd.DataFrame:
        return self.estimate(listings).assign(estimate=2.0)
