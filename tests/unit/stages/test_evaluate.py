"""How a model is judged, and against what."""

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.evaluate import Judgement, estimate_by_forest, estimate_by_median, judge_model
from pipeline.stages.metrics import measure_errors
from pipeline.stages.train import Hyperparameters, fit_model
from pipeline.valuation.features import choose_features
from tests.drawing import draw_listings

LEARNT = draw_listings(
    """
    make | model | year | price
    Audi | A4    | 2015 | 100
    Audi | A4    | 2015 | 300
    Audi | A4    | 2010 | 50
    Audi | A6    | 2015 | 900
    VW   | Golf  | 2015 | 70
    """
)
FACTS = {
    "market": "drawn",
    "currency": "EUR",
    "synthetic": True,
    "split": "by identity",
    "trained_until": None,
    "n_train": 300,
    "n_test": 100,
}
# What design.md promises to whoever reads metrics.json.
CONTRACTED = [
    "market",
    "currency",
    "split",
    "n_train",
    "n_calibration",
    "n_test",
    "mae",
    "rmse",
    "mape",
    "median_ape",
    "r2",
    "within_10_share",
    "interval_coverage",
    "interval_width_share",
    "baselines",
]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("Audi | A4 | 2015", 200),
        ("Audi | A4 | 1999", 100),
        ("Audi | A8 | 2015", 200),
        ("Lada | 1200 | 1980", 100),
    ],
    ids=["make, model and year", "make and model", "make", "anything"],
)
def test_the_median_is_of_the_narrowest_group_that_is_known(row, expected):
    asked = draw_listings(f"make | model | year\n{row}")
    assert estimate_by_median(LEARNT, asked).tolist() == [expected]


def test_the_median_does_not_depend_on_the_index():
    asked = LEARNT.iloc[::-1].set_axis([9, 3, 7, 1, 5])
    assert estimate_by_median(LEARNT, asked).tolist() == [70, 900, 50, 200, 200]


def make_cars(count: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    makes, years = generator.integers(0, 4, count), generator.integers(2000, 2020, count)
    return pd.DataFrame(
        {
            "listing_id": [f"car {seed} {number}" for number in range(count)],
            "make": pd.Series([f"make {number}" for number in makes], dtype="str"),
            "model": pd.Series([f"model {number % 3}" for number in range(count)], dtype="str"),
            "year": years.astype("float64"),
            "price": 1000 * (makes + 1) * 1.1 ** (years - 2000),
            "group_id": [f"group {seed} {number}" for number in range(count)],
            "last_seen_on": pd.Series([None, "2019-05-01"] * (count // 2) + [None] * (count % 2), dtype="str"),
        }
    )


def test_the_forest_learns_and_takes_values_it_never_saw():
    kinds = {"make": "category", "model": "category", "year": "number"}
    cars = make_cars(300, seed=0)
    choice = choose_features(cars, kinds)
    errors = measure_errors(cars["price"].to_numpy(), estimate_by_forest(cars, cars, choice))
    assert errors["median_ape"] < 0.2
    strange = cars.head(1).assign(make=pd.Series([None], dtype="str"), model="never seen", year=np.nan)
    assert np.isfinite(estimate_by_forest(cars, strange, choice)).all()


@pytest.fixture(scope="module")
def judged_cars() -> pd.DataFrame:
    return make_cars(100, seed=2)


@pytest.fixture(scope="module")
def judgement(judged_cars: pd.DataFrame) -> Judgement:
    learnt = make_cars(300, seed=0).assign(fuel=pd.Series(["petrol"] * 300, dtype="str"))
    kinds = {"make": "category", "model": "category", "year": "number", "fuel": "category"}
    model = fit_model(learnt, kinds, Hyperparameters(profile="quick"), 0.9, lambda *_: None)
    return judge_model(model, learnt, judged_cars.assign(fuel=learnt["fuel"][:100]), FACTS)


def test_the_metrics_hold_all_that_is_contracted(judgement):
    assert set(CONTRACTED) <= judgement.metrics.keys()
    assert FACTS.items() <= judgement.metrics.items()
    assert judgement.metrics["interval_level"] == 0.9


def test_the_metrics_are_those_of_the_estimates(judgement, judged_cars):
    estimates = judgement.estimates
    assert estimates["listing_id"].tolist() == judged_cars["listing_id"].tolist()
    expected = measure_errors(judged_cars["price"].to_numpy(), estimates["estimate"].to_numpy())
    assert expected.items() <= judgement.metrics.items()


def test_the_baselines_are_judged_by_the_same_measures(judgement):
    assert set(judgement.metrics["baselines"]) == {"median_make_model_year", "original_recipe"}
    for errors in judgement.metrics["baselines"].values():
        assert errors.keys() <= judgement.metrics.keys()


def test_the_metrics_name_the_features_used_and_refused(judgement):
    assert judgement.metrics["features"] == ["make", "model", "year"]
    assert judgement.metrics["features_refused"] == {"fuel": "always petrol"}


def test_the_segments_are_of_the_judged_listings(judgement):
    assert set(judgement.segments.groupby("segment_kind")["n"].sum()) == {100}
    assert set(judgement.segments["segment_kind"]) == {"make", "price", "age", "status"}


def test_the_metrics_say_how_the_model_does_outside_its_domain(judgement):
    by_status = judgement.metrics["by_status"]
    assert sum(row["n"] for row in by_status.values()) == 100
    assert by_status["priced"]["median_ape"] < 0.2


def test_importance_is_a_mean_of_several_shuffles_with_its_spread(judgement):
    importance = judgement.importance.set_index("feature")
    assert importance.index[0] in ("make", "year")
    assert (importance.loc[["make", "year"], "error_share"] > 3 * importance.loc[["make", "year"], "spread_share"]).all()
