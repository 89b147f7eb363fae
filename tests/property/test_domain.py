"""What holds of every car and every set of listings learnt from: an answer, and a reason for whatever is not priced."""

from dataclasses import astuple

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.valuation.domain import assess, learn_domain
from pipeline.valuation.features import FeatureChoice

CHOICE = FeatureChoice(numbers=("year", "mileage_km", "cylinders"), categories=("make", "model"), refused={})
few = settings(max_examples=30)  # frames are slow to make
numbers = st.one_of(st.none(), st.floats(), st.integers(-10, 3000).map(float), st.sampled_from((2010.0, 2020.0, 50_000.0)))
names = st.one_of(st.none(), st.text(max_size=5), st.sampled_from(("Fiat", "Dacia", "Logan", "Doblo")))
fields = {"make": names, "model": names, "year": numbers, "mileage_km": numbers, "cylinders": numbers}
car_sets = st.lists(st.fixed_dictionaries(fields), max_size=6).map(lambda cars: pd.DataFrame(cars, columns=list(fields)))
known = st.sampled_from(("Fiat", "Dacia"))
years = st.one_of(st.just(np.nan), st.integers(1990, 2024).map(float))
learnt_fields = {"make": known, "model": known, "year": years, "mileage_km": numbers, "cylinders": numbers}
learnt_sets = st.lists(st.fixed_dictionaries(learnt_fields), min_size=1, max_size=40).map(pd.DataFrame)


@few
@given(learnt_sets, car_sets)
def test_every_car_has_an_answer_and_a_reason_exactly_when_it_is_not_priced(learnt, cars):
    assessed = assess(cars, learn_domain(learnt, CHOICE))
    assert assessed.index.equals(cars.index)
    assert assessed["status"].isin(["priced", "extrapolated", "refused"]).all()
    assert ((assessed["reason"] == "") == (assessed["status"] == "priced")).all()


@few
@given(learnt_sets, car_sets)
def test_the_answer_for_a_car_does_not_depend_on_the_others(learnt, cars):
    domain = learn_domain(learnt, CHOICE)
    together = assess(cars, domain)
    alone = [assess(cars.iloc[[position]], domain) for position in range(len(cars))]
    pd.testing.assert_frame_equal(pd.concat([together.iloc[:0], *alone]), together)


@few
@given(learnt_sets, st.randoms(use_true_random=False))
def test_the_order_of_the_listings_teaches_nothing(learnt, random):
    order = list(range(len(learnt)))
    random.shuffle(order)
    first, second = learn_domain(learnt, CHOICE), learn_domain(learnt.iloc[order], CHOICE)
    assert first.models == second.models
    for name in ("counts", "lows", "highs", "has_own_bounds", "newest_year", "oldest_year"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal(astuple(first.floor), astuple(second.floor))


@few
@given(learnt_sets)
def test_no_car_learnt_from_is_of_an_unknown_model(learnt):
    assessed = assess(learnt, learn_domain(learnt, CHOICE))
    assert not assessed["reason"].str.contains("learnt from").any()
