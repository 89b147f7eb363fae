"""What holds of every price and every car: contributions add up to the estimate."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.valuation.contributions import MAX_EXACT_FEATURES, explain_price, learn_typical
from pipeline.valuation.features import FeatureChoice

few = settings(max_examples=30)  # frames are slow to make
NUMBERS = tuple(f"number_{place}" for place in range(MAX_EXACT_FEATURES + 1))
CATEGORIES = ("make", "model", "fuel")
CHOICE = FeatureChoice(NUMBERS, CATEGORIES, {})
numbers = st.one_of(st.just(np.nan), st.integers(0, 3).map(float))
names = st.one_of(st.none(), st.sampled_from("ab"))
fields = {**dict.fromkeys(CATEGORIES, names), **dict.fromkeys(NUMBERS, numbers)}
listing_sets = st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=6).map(
    lambda rows: pd.DataFrame(rows).astype(dict.fromkeys(CATEGORIES, "str") | dict.fromkeys(NUMBERS, "float64"))
)


def price(cars: pd.DataFrame) -> np.ndarray:
    """Price by a sum and a product of many features, unequally."""
    told = cars[list(NUMBERS)].fillna(1.5).to_numpy()
    return 1000 + told @ np.arange(1.0, len(NUMBERS) + 1) + np.prod(1 + told / 5, axis=1) * np.where(cars["fuel"] == "a", 3, 2)


@few
@given(listing_sets, listing_sets)
def test_contributions_add_up_to_the_estimate(learnt, cars):
    explanation = explain_price(cars.iloc[[0]], learn_typical(learnt, CHOICE), price)
    total = explanation.typical_estimate + sum(contribution.amount for contribution in explanation.contributions)
    assert total == pytest.approx(explanation.estimate, rel=1e-12)
    assert explanation.estimate == pytest.approx(price(cars.iloc[[0]])[0], rel=1e-12)


@few
@given(listing_sets, listing_sets)
def test_only_what_differs_contributes(learnt, cars):
    explanation = explain_price(cars.iloc[[0]], learn_typical(learnt, CHOICE), price)
    assert all(contribution.value != contribution.typical_value for contribution in explanation.contributions)
    assert not {contribution.feature for contribution in explanation.contributions} & {"make", "model"}


@few
@given(listing_sets, st.randoms(use_true_random=False))
def test_the_order_of_the_listings_does_not_matter(learnt, random):
    order = list(range(len(learnt)))
    random.shuffle(order)
    first, second = learn_typical(learnt, CHOICE), learn_typical(learnt.iloc[order], CHOICE)
    assert (first.makes, first.models, first.categories) == (second.makes, second.models, second.categories)
    for name in NUMBERS:
        np.testing.assert_array_equal(first.numbers[name], second.numbers[name])
