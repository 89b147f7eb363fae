"""What docs/accuracy.md rests on: who judges whom, what counts as worse than promised, and what is best."""

import argparse
import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import accuracy
from benchmarks.accuracy import replace_sections
from benchmarks.judging import depreciation, intervals, tables
from benchmarks.judging.parts import Listings, write_split, write_week
from pipeline.stages.clean import Folded

NIGHTS = [f"2024-01-{day:02}" for day in range(1, 22)]


class Invented(Listings):
    """Listings of which a night adds one, each at a price that falls by one a night."""

    def __init__(self):
        self.name = "kijiji_ca"
        self.market = Market()

    @property
    def nights(self):
        return NIGHTS

    def fold(self, until=NIGHTS[-1]):
        known = [place for place, night in enumerate(NIGHTS) if night <= until]
        last = known[-1]
        ids = [f"car{place:02}" for place in known]
        groups = ["car00" if place == 10 else name for place, name in zip(known, ids, strict=True)]  # the eleventh is a twin
        listings = pd.DataFrame({"listing_id": ids, "group_id": groups, "price": [100.0 + place - last for place in known]})
        prices = pd.DataFrame(
            [(f"car{place:02}", NIGHTS[night], 100.0 + place - night) for place in known for night in range(place, last + 1)],
            columns=["listing_id", "seen_on", "price"],
        )
        return Folded(listings, prices, {})


class Market:
    def feature_columns(self):
        return {"year": "number"}


def test_a_section_of_the_page_is_written_in_place_of_its_own():
    page = replace_sections("Words.\n", {"forward": "W1", "splits": "S1"})
    assert page.startswith("Words.\n\n<!-- ")
    assert page.index("S1") < page.index("W1")
    again = replace_sections(page, {"splits": "S2", "intervals": "I1"})
    assert [again.index(text) for text in ("Words.", "S2", "I1", "W1")] == sorted(map(again.index, ("Words.", "S2", "I1", "W1")))
    assert "S1" not in again
    assert replace_sections(again, {"splits": "S1"}) == again.replace("S2", "S1")
    assert again.count("<!--") == 3


def read(folder):
    return tuple(pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))


def test_fits_of_other_code_of_ours_are_made_again_and_those_of_peers_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(accuracy, "digest_code", lambda: "new")
    bench = accuracy.Bench(tmp_path, tmp_path, {})
    fits = [
        {"section": "splits", "market": "uk", "number": seed, "name": name, "code": code}
        for seed, code in ((10, "old"), (11, "new"))
        for name in (*accuracy.OURS, *accuracy.PEERS_FITTED)
    ]
    bench.log.write_text("".join(f"{json.dumps(fit)}\n" for fit in fits))
    made = []
    monkeypatch.setattr(bench, "run", made.append)
    options = argparse.Namespace(sections=["splits"], seeds=[10, 11], markets=["uk"], autogluon=0, minutes=1, jobs=1)
    accuracy.run_missing(bench, options)
    assert made == [accuracy.Fit("splits", "uk", 10, name) for name in accuracy.OURS]


def test_a_week_is_judged_on_its_new_cars_at_their_first_price_and_learns_prices_of_the_night_before(tmp_path):
    write_week(Invented(), 1, tmp_path)
    train, test = read(tmp_path)
    assert train["listing_id"].tolist() == [f"car{place:02}" for place in range(7)]
    assert train["price"].tolist() == [100.0 + place - 6 for place in range(7)]
    assert test["listing_id"].tolist() == [f"car{place:02}" for place in range(7, 14) if place != 10]
    assert test["price"].tolist() == [100.0] * 6


def test_twins_stay_together_in_a_split_and_another_seed_draws_another(tmp_path):
    drawn = {}
    for seed in (1, 2):
        write_split(Invented(), seed, tmp_path)
        train, test = read(tmp_path)
        assert not {*train["group_id"]} & {*test["group_id"]}
        assert test["group_id"].nunique() == 20 // 5
        assert json.loads((tmp_path / "facts.json").read_text())["seed"] == seed
        drawn[seed] = {*test["group_id"]}
    assert drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("chances", "rejected"),
    [
        ([0.5, 0.004, 0.001], [0.001, 0.004]),  # 0.001 ≤ .01 / 3 and 0.004 ≤ .01 / 2
        ([0.5, 0.004, 0.0034], []),
        ([0.009], [0.009]),
        ([], []),
    ],
)
def test_holm_rejects_from_the_smallest_on(chances, rejected):
    found = intervals.reject([intervals.Group("", 1, 1, chance, 0) for chance in chances])
    assert [one.p for one in found] == rejected


def judged(held, status="priced", make="Kia", seed=1):
    return [
        {
            "market": "m",
            "seed": seed,
            "make": make,
            "decile": "decile 1",
            "price": 10.0,
            "estimate": 10.0,
            "low": 9.0,
            "high": 11.0,
        }
        | {"status": status, "is_held": one}
        for one in held
    ]


def test_a_refused_car_is_no_promise_that_was_broken():
    cars = pd.DataFrame(judged([True] * 95 + [False] * 5) + judged([False] * 60, "refused"))
    assert intervals.summarise(cars)["coverage"] == pytest.approx(0.95)
    assert intervals.summarise(cars, with_refused=True)["coverage"] < 0.7
    assert intervals.judge_groups(cars) == []


def test_a_make_far_below_is_named_with_its_seed_and_one_by_bad_luck_is_not():
    unlucky = judged([True] * 25 + [False] * 6, make="Lada", seed=2)
    cars = pd.DataFrame(judged([True] * 60 + [False] * 40, make="Fiat") + judged([True] * 300, make="Kia") + unlucky)
    cars["decile"] = "all"
    failures = [(one.group, one.seed) for one in intervals.judge_groups(cars) if one.group != "all"]
    assert failures == [("Fiat", 1)]


def test_the_best_peer_is_one_per_market_over_all_seeds():
    def fit(name, number, mae):
        return {"section": "splits", "market": "m", "number": number, "name": name, "mae": mae, "median_ape": mae / 100}

    maes = {"full": (9, 9), "catboost": (12, 12), "xgboost": (8, 14), "lightgbm": (13, 7), "original": (18, 18)}
    fits = pd.DataFrame([fit(name, number, mae) for name, pair in maes.items() for number, mae in enumerate(pair)])
    found = tables.ratios(fits).loc["m"]
    assert found["mae"] == pytest.approx(9 / 10)
    assert found["catboost"] == pytest.approx(9 / 12)
    assert found["original"] == pytest.approx(0.5)


def judge(years: list[int], estimates: list[float], prices: list[float]) -> pd.DataFrame:
    """Ask cars of these years, estimated and priced so, of a curve that falls from 110 in 2011 to 100 in 2012."""
    curve = depreciation.Curve(
        "a", "b", "year", np.array([2010.0, 2011, 2012, 2013]), np.array([100.0, 110, 100, 120]), np.ones(4, bool)
    )
    cars = pd.DataFrame({"make": "a", "model": "b", "year": years, "mileage_km": 1.0, "price": prices, "estimate": estimates})
    assert curve.against.round(3).tolist() == [-0.1, 0.091, -0.2]
    return depreciation.ask_unseen([curve], cars)


def test_cars_that_fall_with_the_estimate_say_that_the_market_does_and_cars_of_the_middle_that_it_does_not():
    falls = judge([2010, 2011, 2012], [100, 110, 100], [100, 110, 100])
    half = np.log(110 / 100) / 2
    np.testing.assert_allclose(falls[["ours", "pooled"]], [[0, half], [0, half]], atol=1e-12)
    middle = np.sqrt(110 * 100)
    level = judge([2011, 2012], [110, 100], [middle, middle])
    np.testing.assert_allclose(level[["ours", "pooled"]], [[half, 0], [half, 0]], atol=1e-12)


def test_a_step_with_cars_on_one_side_alone_is_not_judged():
    assert judge([2012, 2012], [100, 100], [90, 95]).empty


def test_mileage_is_judged_within_half_a_step():
    curve = depreciation.Curve(
        "a", "b", "mileage_km", np.array([0.0, 10_000, 20_000]), np.array([100.0, 110, 90]), np.ones(3, bool)
    )
    assert curve.against.round(3).tolist() == [0.1, -0.182]
    assert curve.ends_against is False
    cars = pd.DataFrame(
        {"make": "a", "model": "b", "year": 2010, "mileage_km": [4_000, 6_000, 16_000], "price": 100.0, "estimate": 100.0}
    )
    assert len(depreciation.ask_unseen([curve], cars)) == 2


def test_a_judged_car_that_is_dearer_for_its_step_is_counted_and_one_that_is_cheaper_is_not():
    seeds = [
        pd.DataFrame({"before": [100.0, 100.0], "after": [90.0, 103.0]}),
        pd.DataFrame({"before": [200.0, 200.0], "after": [201.0, 214.0]}),
    ]
    row = tables.show_stepped({("uk", "year"): seeds}).splitlines()[-1]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["uk", "a year older", "4", "50.0%", "25.0%", "7.0%"]


def test_a_step_between_two_that_are_not_both_priced_is_not_counted():
    curve = depreciation.Curve(
        "a", "b", "mileage_km", np.array([0.0, 10, 20, 30]), np.array([60.0, 100, 90, 99]), np.array([False, True, True, True])
    )
    np.testing.assert_allclose(curve.against, [np.nan, -0.1, 0.1])
    assert not curve.ends_against
    row = tables.show_depreciation({("uk", "mileage_km"): [curve]}).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:] == ["2", "67%", "50.0%", "50.0%", "10.0%", "0 of 1"]
