"""How rows of many nights become one listing per car, with its history."""

import pandas as pd
import pytest

from pipeline.stages.clean import Folded, fold_listings
from tests.drawing import draw_listings

NIGHT_1 = """
listing_id | twin_id | price | mileage_km | first_owner
a          | t1      | 9000  | 10000      | yes
b          | t2      | 5000  | 20000      |
"""
NIGHT_2 = """
listing_id | twin_id | price | mileage_km | first_owner
a          | t1      | 8500  |            |
c          | t1      | 8500  | 30000      | no
"""


CAR = {"make": "Audi", "model": "A4", "year": 2015.0}


def fold_all(*nights: tuple[str, str]) -> Folded:
    """Fold drawn deliveries, each given as (night, drawing); a drawing that names no car is about one Audi."""
    frames = [draw_listings(drawing) for _, drawing in nights]
    frames = [frame.assign(row=range(1, len(frame) + 1), **{**CAR, **frame}) for frame in frames]
    return fold_listings(frames, [night for night, _ in nights])


def fold(*nights: tuple[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    folded = fold_all(*nights)
    return folded.listings, folded.prices


def listing(listings: pd.DataFrame, listing_id: str) -> pd.Series:
    (found,) = [row for _, row in listings.iterrows() if row["listing_id"] == listing_id]
    return found


class TestListings:
    """One listing per car for sale."""

    def test_the_same_car_on_two_nights_is_one_listing(self):
        listings, _ = fold(("2024-01-01", NIGHT_1), ("2024-01-02", NIGHT_2))
        assert listings["listing_id"].tolist() == ["a", "b", "c"]
        assert listings["nights_seen"].tolist() == [2, 1, 1]

    def test_it_keeps_the_latest_known_value_of_each_column(self):
        listings, _ = fold(("2024-01-01", NIGHT_1), ("2024-01-02", NIGHT_2))
        found = listing(listings, "a")
        assert (found["price"], found["mileage_km"], found["first_owner"]) == (8500, 10_000, True)

    def test_it_knows_when_it_was_first_and_last_seen(self):
        listings, _ = fold(("2024-01-01", NIGHT_1), ("2024-01-02", NIGHT_2), ("2024-02-01", NIGHT_2))
        assert listings["first_seen_on"].tolist() == ["2024-01-01", "2024-01-01", "2024-01-02"]
        assert listings["last_seen_on"].tolist() == ["2024-02-01", "2024-01-01", "2024-02-01"]

    def test_an_undated_one_was_never_seen_on_a_date(self):
        listings, _ = fold(("", NIGHT_1))
        assert listings["first_seen_on"].isna().all()
        assert listings["last_seen_on"].isna().all()

    def test_the_adverts_own_date_counts_where_the_delivery_has_none(self):
        listings, _ = fold(("", "listing_id|twin_id|price|posted_on\na|t|1|2018-06-23\nb|u|1|"))
        assert listings["first_seen_on"].iloc[0] == "2018-06-23"
        assert listings["first_seen_on"].isna().tolist() == [False, True]

    def test_the_night_of_the_delivery_wins_over_the_adverts_own_date(self):
        listings, _ = fold(("2024-01-01", "listing_id|twin_id|price|posted_on\na|t|1|2018-06-23"))
        assert listings["first_seen_on"].tolist() == ["2024-01-01"]

    def test_in_an_undated_delivery_the_latest_advert_is_the_latest_state(self):
        listings, _ = fold(("", "listing_id|twin_id|price|posted_on\na|t|800|2018-06-23\na|t|900|2018-05-01"))
        assert listings["price"].tolist() == [800]

    def test_a_delivery_without_rows_changes_nothing(self):
        nights = [("2024-01-01", NIGHT_1), ("2024-01-02", NIGHT_2)]
        header = NIGHT_1.strip().splitlines()[0]
        with_empty = fold(nights[0], ("2024-01-01", header), nights[1])
        for frame, expected in zip(with_empty, fold(*nights), strict=True):
            pd.testing.assert_frame_equal(frame, expected)

    def test_every_column_keeps_its_type(self):
        listings, _ = fold(("2024-01-01", NIGHT_1), ("2024-01-02", NIGHT_2))
        types = listings.dtypes.astype(str).to_dict()
        assert types["price"] == types["mileage_km"] == "float64"
        assert types["first_owner"] == "boolean"
        assert types["group_id"] == types["listing_id"] == types["first_seen_on"] == "str"


class TestTwins:
    """Which listings are the same car."""

    def test_twins_are_one_group_named_after_the_oldest(self):
        listings, _ = fold(("2024-01-01", NIGHT_1), ("2024-01-02", NIGHT_2))
        assert listings.set_index("listing_id")["group_id"].to_dict() == {"a": "a", "b": "b", "c": "a"}

    def test_the_groups_name_stays_when_a_younger_twin_joins(self):
        header = "listing_id | twin_id | price\n"
        before, _ = fold(("2024-01-01", header + "z | t | 1"))
        after, _ = fold(("2024-01-01", header + "z | t | 1"), ("2024-01-02", header + "a | t | 2"))
        assert listing(before, "z")["group_id"] == listing(after, "z")["group_id"] == "z"

    def test_undated_twins_are_named_after_the_first_id(self):
        listings, _ = fold(("", "listing_id | twin_id | price\nb | t | 1\na | t | 2"))
        assert listings["group_id"].tolist() == ["a", "a"]


class TestPrices:
    """The price history."""

    def test_each_change_of_price_is_one_row(self):
        drawn = "listing_id | twin_id | price\na | t | {}"
        nights = [(f"2024-01-0{day}", drawn.format(price)) for day, price in enumerate([9, 9, 8, 8, 9], start=1)]
        _, prices = fold(*nights)
        assert prices[["seen_on", "price"]].to_numpy().tolist() == [["2024-01-01", 9], ["2024-01-03", 8], ["2024-01-05", 9]]

    def test_each_listing_has_its_own_first_price(self):
        _, prices = fold(("2024-01-01", "listing_id | twin_id | price\na | t | 5\nb | u | 5"))
        assert prices["listing_id"].tolist() == ["a", "b"]

    @pytest.mark.parametrize("order", [1, -1])
    def test_in_an_undated_delivery_the_history_follows_the_adverts_dates(self, order):
        rows = ["a|t|900|2018-05-01", "a|t|800|2018-06-23", "a|t|700|2018-07-01"]
        _, prices = fold(("", "\n".join(["listing_id|twin_id|price|posted_on", *rows[::order]])))
        assert prices["price"].tolist() == [900, 800, 700]


def test_a_listing_of_an_undated_delivery_too_has_no_first_date():
    drawn = "listing_id | twin_id | price\na | t | 5"
    listings, _ = fold(("", drawn), ("2024-02-01", drawn + "\nb | u | 6"))
    assert listings["first_seen_on"].isna().tolist() == [True, False]
    assert listings["last_seen_on"].tolist() == ["2024-02-01", "2024-02-01"]


class TestContestedIdentities:
    """An advert's id or a VIN that stands for several cars."""

    YARIS = """
listing_id | twin_id | price | make   | model | year
vin:1      | t1      | 3000  | Toyota | Yaris | {}
"""

    def test_the_car_of_most_nights_has_it_and_the_others_rows_are_left_out(self):
        folded = fold_all(
            ("2024-01-01", self.YARIS.format(2009)),
            ("2024-01-02", self.YARIS.format(2009)),
            ("2024-01-03", self.YARIS.format(2007)),
        )
        assert folded.listings["year"].tolist() == [2009]
        assert folded.listings["last_seen_on"].tolist() == ["2024-01-02"]
        assert (folded.account["contested_identities"], folded.account["rows_left_out"]) == (1, 1)

    def test_of_equals_the_one_seen_last_has_it(self):
        folded = fold_all(("2024-01-01", self.YARIS.format(2009)), ("2024-01-02", self.YARIS.format(2007)))
        assert folded.listings["year"].tolist() == [2007]

    def test_an_uncontested_one_beside_it_keeps_all_its_rows(self):
        other = self.YARIS.format(2015).replace("vin:1", "vin:2")
        folded = fold_all(
            ("2024-01-01", other + self.YARIS.format(2009)[len(self.YARIS.split("vin")[0]) :]), ("2024-01-02", other)
        )
        assert folded.listings["nights_seen"].tolist() == [1, 2]
        assert folded.account["rows_left_out"] == 0


def test_a_car_at_two_prices_on_one_night_has_the_one_that_stands_last():
    twice = "listing_id | twin_id | price\na | t | 9000\na | t | 8000"
    _, prices = fold(("2024-01-01", twice), ("2024-01-02", twice))
    assert prices["price"].tolist() == [8000]


def test_the_account_counts_listings_and_changes():
    folded = fold_all(("2024-01-01", NIGHT_1), ("2024-01-02", NIGHT_2))
    assert folded.account["listings"] == 3
    assert (folded.account["price_changes"], folded.account["listings_with_a_price_change"]) == (1, 1)
