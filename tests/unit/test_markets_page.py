"""What docs/markets.md shows of a market, beyond the figures."""

import json

import pandas as pd

from benchmarks.markets import _show_histories, _show_rejection, _show_worse
from pipeline.market import Column
from tests.drawing import market_of


def test_a_rejected_row_has_the_make_that_the_files_name_gives():
    market = market_of(make=Column(file_name="(.*)", values={"focus": "Ford"}), mileage_km=Column(headers=("km",)))
    record = json.dumps({"model": "Focus", "year": "", "price": "9", "km": "7|8"})
    row = pd.Series({"reasons": ["year missing"], "record": record, "named": {"make": "focus"}})
    assert _show_rejection(row, market) == "| year missing | Ford | Focus |  | 7/8 | 9 |"


def test_cars_whose_price_changed_are_shown_with_all_their_prices(tmp_path):
    listings = pd.DataFrame({"listing_id": ["a", "b"], "make": ["Kia", "Audi"], "model": ["Rio", "A4"], "year": [2017.0, 2018.0]})
    prices = pd.DataFrame(
        {"listing_id": ["a", "a", "b"], "seen_on": ["2024-01-06", "2024-01-29", "2024-01-06"], "price": [9990.0, 8990.0, 7.0]}
    )
    listings.to_parquet(tmp_path / "listings.parquet")
    prices.to_parquet(tmp_path / "prices.parquet")
    assert _show_histories(tmp_path, "CAD")[2:] == ["- Kia Rio 2017: 9990 from 2024-01-06, 8990 from 2024-01-29", ""]
    prices[2:].to_parquet(tmp_path / "prices.parquet")
    assert _show_histories(tmp_path, "CAD") == []


def test_a_baseline_that_is_better_is_named():
    metrics = {"mae": 5.0, "median_ape": 0.1, "currency": "EUR", "synthetic": False, "n_test": 9, "split": "by identity"}
    metrics |= {"interval_coverage": 0.9, "baselines": {"recipe": {"mae": 4.0, "median_ape": 0.2}}}
    assert _show_worse(metrics) == ["- beware: the model is worse than baseline recipe by its mean error", ""]
    assert _show_worse({**metrics, "mae": 3.0}) == []
