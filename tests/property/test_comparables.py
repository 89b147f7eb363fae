"""What holds of every car and all adverts: as many as asked at most, of the make, nearest first, whatever is missing."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.valuation.comparables import FAR, MIN_COUNT, find_comparables

few = settings(max_examples=40)  # frames are slow to make
TEXTS = ("make", "model", "fuel", "condition", "group_id")
fields = {
    "make": st.sampled_from((None, "Fiat", "Dacia")),
    "model": st.sampled_from((None, "Doblo", "Doblo Cargo", "500")),
    "year": st.sampled_from((np.nan, 2000.0, 2015.0, 2016.0)),
    "mileage_km": st.sampled_from((np.nan, 0.0, 10_000.0, 400_000.0)),
    "fuel": st.sampled_from((None, "petrol", "diesel", "other")),
    "condition": st.sampled_from((None, "new", "for parts", "unheard of")),
    "price": st.sampled_from((10_000.0, 20_000.0)),
    "group_id": st.sampled_from("abcdefgh"),
}
listing_sets = st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=25).map(
    lambda rows: (
        pd.DataFrame(rows)
        .assign(listing_id=[f"{number:02d}" for number in range(len(rows))])
        .astype(dict.fromkeys((*TEXTS, "listing_id"), "str"))
    )
)
counts = st.integers(0, 10)


@few
@given(listing_sets, counts)
def test_comparables_are_other_cars_of_the_make_nearest_first(listings, count):
    car = listings.iloc[[0]]
    found = find_comparables(car, listings, count)
    assert len(found) <= count
    assert (found["make"] == car["make"].iloc[0]).all()
    assert car["group_id"].iloc[0] not in found["group_id"].tolist()
    assert found["group_id"].is_unique
    assert found["distance"].is_monotonic_increasing
    assert (found["distance"] >= 0).all()
    assert (found["distance"].iloc[MIN_COUNT:] <= FAR).all()
    assert (found["differences"] != "").all()
    pd.testing.assert_frame_equal(found[listings.columns], listings.loc[found.index])


@few
@given(listing_sets, st.randoms(use_true_random=False))
def test_the_order_of_the_listings_does_not_matter(listings, random):
    order = list(range(len(listings)))
    random.shuffle(order)
    first, second = (find_comparables(listings.iloc[[0]], frame) for frame in (listings, listings.iloc[order]))
    pd.testing.assert_frame_equal(first, second)


@few
@given(listing_sets, st.integers(0, 9))
def test_fewer_are_the_first_of_more(listings, count):
    more, fewer = (find_comparables(listings.iloc[[0]], listings, number) for number in (10, count))
    pd.testing.assert_frame_equal(fewer, more.head(count))
