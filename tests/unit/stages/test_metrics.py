"""How far estimates lie from prices."""

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.metrics import measure_errors, measure_intervals, measure_segments

PRICES = np.array([100.0, 200.0, 400.0])


def test_errors_are_in_money_and_in_shares_of_the_price():
    errors = measure_errors(PRICES, np.array([110.0, 160.0, 400.0]))
    assert errors == {
        "mae": pytest.approx(50 / 3),
        "rmse": pytest.approx(np.sqrt(1700 / 3)),
        "mape": pytest.approx(0.1),
        "median_ape": pytest.approx(0.1),
        "r2": pytest.approx(1 - 1700 / (140_000 / 3)),
        "within_10_share": pytest.approx(2 / 3),
    }


def test_perfect_estimates_have_no_error():
    errors = measure_errors(PRICES, PRICES)
    assert errors == {"mae": 0, "rmse": 0, "mape": 0, "median_ape": 0, "r2": 1, "within_10_share": 1}


def test_estimating_the_mean_explains_nothing():
    assert measure_errors(PRICES, np.full(3, PRICES.mean()))["r2"] == pytest.approx(0)


def test_equal_prices_leave_nothing_to_explain():
    assert measure_errors(np.array([5.0, 5.0]), np.array([4.0, 6.0]))["r2"] == 0


def test_money_scales_with_the_currency_and_shares_do_not():
    once, hundredfold = measure_errors(PRICES, PRICES * 1.2 + 1), measure_errors(PRICES * 100, (PRICES * 1.2 + 1) * 100)
    for name in ("mae", "rmse"):
        assert hundredfold[name] == pytest.approx(100 * once[name])
    for name in ("mape", "median_ape", "r2", "within_10_share"):
        assert hundredfold[name] == pytest.approx(once[name])


def test_a_price_on_the_edge_of_its_interval_is_covered():
    measured = measure_intervals(PRICES, np.array([100.0, 150.0, 401.0]), np.array([120.0, 200.0, 500.0]), PRICES)
    assert measured["interval_coverage"] == pytest.approx(2 / 3)


def test_the_width_of_intervals_is_the_median_share_of_the_estimate():
    measured = measure_intervals(PRICES, PRICES * [0.9, 0.8, 0.5], PRICES * [1.1, 1.2, 1.5], PRICES)
    assert measured["interval_width_share"] == pytest.approx(0.4)


def judged(prices: list[float], **more: object) -> pd.DataFrame:
    frame = pd.DataFrame({"make": "Audi", "age_years": 7.0, "price": prices, "estimate": 100.0, "low": 90.0, "high": 110.0})
    return frame.assign(**{"status": "priced", **more})


def test_segments_are_measured_by_make_age_and_price():
    segments = measure_segments(judged([100, 120, 80, 105], make=["Audi", "Audi", "VW", "VW"], age_years=[2, 3, 5, 40]))
    makes = segments[segments["segment_kind"] == "make"].set_index("segment")
    assert makes["n"].to_dict() == {"Audi": 2, "VW": 2}
    assert makes["mae"].to_dict() == {"Audi": pytest.approx(10), "VW": pytest.approx(12.5)}
    assert makes["interval_coverage"].to_dict() == {"Audi": 0.5, "VW": 0.5}
    ages = segments[segments["segment_kind"] == "age"]
    assert ages[["segment", "n"]].to_numpy().tolist() == [["0–2 years", 1], ["3–5 years", 2], ["15 years or more", 1]]


def test_a_bias_is_negative_where_estimates_are_too_low():
    segments = measure_segments(judged([200.0, 200.0], make="Audi"))
    assert segments.set_index("segment")["bias_share"]["Audi"] == pytest.approx(-0.5)


def test_bands_of_price_are_fifths():
    segments = measure_segments(judged(list(range(1000, 1100))))
    bands = segments[segments["segment_kind"] == "price"]
    assert bands["n"].tolist() == [20] * 5
    assert [name.split(":")[0] for name in bands["segment"]] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("prices", [[500.0, 501.0], [500.0] * 9 + [600.0], list(range(100, 117))])
def test_every_listing_is_in_one_segment_of_each_kind(prices):
    segments = measure_segments(judged(prices))
    assert segments.groupby("segment_kind")["n"].sum().to_dict() == {
        "make": len(prices),
        "age": len(prices),
        "price": len(prices),
        "status": len(prices),
    }


def test_equal_prices_have_no_bands():
    segments = measure_segments(judged([500.0] * 10))
    assert set(segments["segment_kind"]) == {"make", "age", "status"}


def test_small_segments_can_be_left_out():
    segments = measure_segments(judged([100, 100, 100], make=["Audi", "Audi", "VW"]), min_cars=2)
    assert segments[segments["segment_kind"] == "make"]["segment"].tolist() == ["Audi"]


def test_the_order_of_listings_changes_no_segment():
    cars = judged([float(100 + number) for number in range(50)], make=["Audi", "VW"] * 25)
    pd.testing.assert_frame_equal(measure_segments(cars), measure_segments(cars.iloc[::-1]))
