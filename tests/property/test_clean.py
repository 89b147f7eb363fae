"""What holds for every history of deliveries when it is folded into listings and their prices."""

from dataclasses import dataclass

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.clean import fold_listings

few = settings(max_examples=50)
NIGHTS = [f"2024-01-{day:02d}" for day in range(1, 7)]
# A few listings, prices and kinds of car: every history then has repeats, changes of price and twins.
LISTINGS = "abcde"
prices_drawn = st.sampled_from((1000.0, 2000.0, 3000.0))
rows_drawn = st.lists(st.tuples(st.sampled_from(LISTINGS), prices_drawn), max_size=5)
rows_of_a_night = st.lists(st.tuples(st.sampled_from(LISTINGS), prices_drawn), max_size=5, unique_by=lambda row: row[0])


@dataclass(frozen=True)
class History:
    """Deliveries as (night, rows) in order, a row being (listing, price); and what car each listing is."""

    deliveries: list[tuple[str, list[tuple[str, float]]]]
    cars: dict[str, str]

    @property
    def rows(self) -> list[tuple[str, str, float]]:
        """All rows as (night, listing, price), oldest first."""
        return [(night, *row) for night, rows in self.deliveries for row in rows]

    def fold(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        frames = [self._frame(rows) for _, rows in self.deliveries]
        folded = fold_listings(frames, [night for night, _ in self.deliveries])
        return folded.listings, folded.prices

    def _frame(self, rows: list[tuple[str, float]]) -> pd.DataFrame:
        names = [name for name, _ in rows]
        columns = {
            "make": pd.Series("VW", index=range(len(rows)), dtype="str"),
            "model": pd.Series([self.cars[name] for name in names], dtype="str"),
            "year": pd.Series(2015.0, index=range(len(rows))),
            "row": pd.Series(range(1, len(rows) + 1), dtype="int64"),
            "price": pd.Series([price for _, price in rows], dtype="float64"),
            "listing_id": pd.Series(names, dtype="str"),
            "twin_id": pd.Series([self.cars[name] for name in names], dtype="str"),
        }
        return pd.DataFrame(columns)


def histories(rows: st.SearchStrategy[list[tuple[str, float]]] = rows_drawn) -> st.SearchStrategy[History]:
    """Draw deliveries of at least one row: undated ones first, some nights with two."""
    nights = st.lists(st.sampled_from(["", *NIGHTS]), min_size=1, max_size=6).map(sorted)
    deliveries = nights.flatmap(lambda drawn: st.tuples(*(st.tuples(st.just(night), rows) for night in drawn)).map(list))
    cars = st.fixed_dictionaries({name: st.sampled_from(("golf", "clio", "punto")) for name in LISTINGS})
    return st.builds(History, deliveries, cars).filter(lambda history: history.rows)


@few
@given(histories())
def test_there_is_one_listing_per_id(history):
    listings, _ = history.fold()
    assert listings["listing_id"].tolist() == sorted({name for _, name, _ in history.rows})


@few
@given(histories())
def test_the_latest_price_wins(history):
    listings, _ = history.fold()
    assert dict(zip(listings["listing_id"], listings["price"], strict=True)) == {name: price for _, name, price in history.rows}


@few
@given(histories())
def test_prices_hold_exactly_the_changes(history):
    expected = []
    for name in sorted({name for _, name, _ in history.rows}):
        last = None
        told = [(night, price) for night, row, price in history.rows if row == name]
        for place, (night, price) in enumerate(told):
            if night and night in [later for later, _ in told[place + 1 :]]:
                continue  # of several prices on one night the last one stands
            if price != last:
                expected.append((name, night or None, price))
            last = price
    _, prices = history.fold()
    seen_on = prices["seen_on"].astype(object).where(prices["seen_on"].notna(), None)
    assert list(zip(prices["listing_id"], seen_on, prices["price"], strict=True)) == expected


@few
@given(histories())
def test_a_listing_knows_its_nights(history):
    listings, _ = history.fold()
    for listing in listings.itertuples():
        seen = {night for night, name, _ in history.rows if name == listing.listing_id}
        nights = sorted(seen - {""})
        assert listing.nights_seen == len(nights)
        assert listing.last_seen_on == nights[-1] if nights else pd.isna(listing.last_seen_on)
        # An undated delivery that mentions it hides when it appeared.
        assert pd.isna(listing.first_seen_on) if "" in seen else listing.first_seen_on == nights[0]


@few
@given(histories())
def test_listings_share_a_group_exactly_when_they_are_twins(history):
    listings, _ = history.fold()
    groups = dict(zip(listings["listing_id"], listings["group_id"], strict=True))
    for one, group in groups.items():
        assert history.cars[group] == history.cars[one]
        for other, other_group in groups.items():
            assert (group == other_group) == (history.cars[one] == history.cars[other])


@few
@given(histories(), prices_drawn)
def test_a_later_night_renames_no_group_of_dated_cars(history, price):
    dated = History([(night, rows) for night, rows in history.deliveries if night], history.cars)
    if not dated.rows:
        return
    before, _ = dated.fold()
    later = History([*dated.deliveries, ("2024-02-01", [(name, price) for name in LISTINGS])], history.cars)
    after, _ = later.fold()
    groups = [dict(zip(listings["listing_id"], listings["group_id"], strict=True)) for listings in (before, after)]
    assert groups[0].items() <= groups[1].items()


@few
@given(st.data(), histories(rows_of_a_night))
def test_the_order_of_a_nights_rows_does_not_matter(data, history):
    shuffled = [(night, data.draw(st.permutations(rows))) for night, rows in history.deliveries]
    for frame, other in zip(history.fold(), History(shuffled, history.cars).fold(), strict=True):
        pd.testing.assert_frame_equal(frame, other)


@few
@given(histories())
def test_a_delivery_that_came_twice_adds_nothing(history):
    doubled = [(night, [row for row in rows for _ in range(2)]) for night, rows in history.deliveries]
    for frame, other in zip(history.fold(), History(doubled, history.cars).fold(), strict=True):
        pd.testing.assert_frame_equal(frame, other)
