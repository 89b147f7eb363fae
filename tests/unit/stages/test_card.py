"""What the card says of a model's limits."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.card import make_card
from pipeline.stages.train import Hyperparameters, fit_model
from pipeline.valuation.mileage import KM_PER_YEAR

KINDS = {"make": "category", "model": "category", "year": "number", "mileage_km": "number"}
COUNT = 300


def make_listings(slips: int) -> pd.DataFrame:
    """Invent cars of one model, driven 15,000 km a year, of which so many older ones tell thousands as if they were kilometres."""
    generator = np.random.default_rng(0)
    year = generator.integers(2005, 2021, COUNT).astype("float64")
    mileage_km = (2024 - year) * 15_000
    return pd.DataFrame(
        {
            "make": pd.Series(["Fiat"] * COUNT, dtype="str"),
            "model": pd.Series(["Doblo"] * COUNT, dtype="str"),
            "year": year,
            "mileage_km": np.where(np.arange(COUNT) < slips, mileage_km / 1_000, mileage_km),
            "price": 20_000 * 0.9 ** (2024 - year) * generator.lognormal(0, 0.1, COUNT),
            "group_id": pd.Series([f"group {number}" for number in range(COUNT)], dtype="str"),
            "first_seen_on": pd.Series(["2024-01-05"] * COUNT, dtype="str"),
            "last_seen_on": pd.Series([None] * COUNT, dtype="str"),
        }
    )


@pytest.mark.parametrize(("slips", "least"), [(4, KM_PER_YEAR), (60, 0)])
def test_limits_are_those_of_the_listings_learnt_from(slips, least):
    listings = make_listings(slips)
    model = fit_model(listings, KINDS, Hyperparameters(profile="quick"), 0.9, lambda message, share: None)
    card = make_card(model, defaultdict(dict), listings, listings[:10], {})
    limits = card["limits"]
    assert limits["least_km_per_year"] == least
    assert (limits["makes"], limits["models"]) == (1, 1)
    assert (limits["oldest_year"], limits["newest_year"]) == (2005, 2020)
    assert limits["numbers"]["mileage_km"]["highest"] == pytest.approx(listings["mileage_km"].quantile(0.99), rel=0.05)


def test_data_are_counted_and_dated():
    listings = make_listings(0)
    model = fit_model(listings, KINDS, Hyperparameters(profile="quick"), 0.9, lambda message, share: None)
    data = make_card(model, defaultdict(dict, n_train_of=900), listings, listings[:10], {"train": "a1"})["data"]
    assert data["digests"] == {"train": "a1"}
    assert data["learnt_from"] == {"listings": COUNT, "of": 900, "first_seen_on": "2024-01-05", "last_seen_on": None}
    assert data["judged_on"] == {"listings": 10, "first_seen_on": "2024-01-05", "last_seen_on": None}
