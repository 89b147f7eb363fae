"""The process: its covariance, its blocks, and predictions that have not seen the price they are compared with."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.valuation import process
from pipeline.valuation.encoding import Encoded, encode, learn_encoding
from pipeline.valuation.process import START, BlockSizes, covariance, cut_blocks, fit_process, learn_scaling, route, scale
from pipeline.valuation.target_means import fit_target_means

ONE_BLOCK, SMALL_BLOCKS = BlockSizes(single=1_000, most=1_000), BlockSizes(single=100, most=40)
KINDS = {"make": "category", "model": "category", "fuel": "category", "year": "number", "mileage_km": "number"}


def draw(count: int, seed: int = 0) -> tuple[Encoded, np.ndarray, np.ndarray]:
    """Invent encoded listings, their log prices and their folds."""
    drawn = np.random.default_rng(seed)
    makes, models, years = drawn.integers(0, 4, count), drawn.integers(0, 3, count), drawn.integers(2000, 2020, count)
    listings = pd.DataFrame(
        {
            "make": [f"make {make}" for make in makes],
            "model": [f"model {model}" for model in models],
            "fuel": drawn.choice(["diesel", "petrol"], count),
            "year": years.astype(float),
            "mileage_km": (2021 - years) * drawn.uniform(5_000, 25_000, count),
        }
    )
    logs = 8 + 0.4 * makes + 0.2 * models + 0.08 * (years - 2000) + drawn.normal(0, 0.1, count)
    return encode(listings, learn_encoding(listings, KINDS)), logs, drawn.integers(0, 4, count)


def test_the_covariance_is_symmetric_and_positive_definite():
    encoded, _, _ = draw(150)
    inputs = scale(encoded, learn_scaling(encoded))
    prior = covariance(inputs, inputs, START).astype(np.float64)
    np.testing.assert_allclose(prior, prior.T, atol=1e-5)
    assert np.linalg.eigvalsh(prior + 0.01 * np.eye(150)).min() > 0


def test_the_covariance_does_not_depend_on_how_many_rows_are_computed_at_a_time(monkeypatch):
    encoded, _, _ = draw(60)
    inputs = scale(encoded, learn_scaling(encoded))
    whole = covariance(inputs, inputs, START)
    monkeypatch.setattr(process, "CELLS_AT_A_TIME", 100)
    monkeypatch.setattr(process, "FEW_LEVELS", 0)
    np.testing.assert_allclose(covariance(inputs, inputs, START), whole, atol=1e-5)


def test_held_out_predictions_are_those_of_a_fit_without_the_fold():
    encoded, logs, folds = draw(200)
    unclipped = START | {"clip": 1e6}
    inputs = scale(encoded, learn_scaling(encoded))
    _, out_of_fold = fit_process(encoded, logs, folds, unclipped, ONE_BLOCK)
    level = np.median(logs)
    for fold in range(4):
        rest, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        prior = covariance(inputs.take(rest), inputs.take(rest), unclipped).astype(np.float64)
        prior[np.diag_indices_from(prior)] += unclipped["noise"] * process._aging(inputs.take(rest), unclipped) ** 2
        weights = np.linalg.solve(prior, logs[rest] - level)
        refitted = covariance(inputs.take(held_out), inputs.take(rest), unclipped) @ weights + level
        np.testing.assert_allclose(out_of_fold[held_out], refitted, atol=5e-3)


def test_held_out_predictions_are_clipped_as_a_fit_without_the_fold_clips():
    encoded, logs, folds = draw(200)
    logs[np.arange(0, 200, 10)] += 1
    out_of_fold = fit_process(encoded, logs, folds, START, ONE_BLOCK)[1]
    inputs, level = scale(encoded, learn_scaling(encoded)), np.median(logs)
    for fold in range(4):
        rest, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        weights, _ = process._fit_block(inputs.take(rest), logs[rest] - level, folds[rest], START)
        refitted = covariance(inputs.take(held_out), inputs.take(rest), START) @ weights + level
        np.testing.assert_allclose(out_of_fold[held_out], refitted, atol=5e-3)


def test_a_price_does_not_move_its_own_held_out_prediction():
    encoded, logs, folds = draw(201)
    order = np.argsort(logs)
    changed = logs.copy()
    changed[order[-1]] += 3  # the dearest stays the dearest: the median that all is measured from does not move
    before, after = (fit_process(encoded, prices, folds, START, ONE_BLOCK)[1] for prices in (logs, changed))
    own_fold = folds == folds[order[-1]]
    np.testing.assert_allclose(after[own_fold], before[own_fold], atol=1e-3)
    assert np.abs(after - before)[~own_fold].max() > 1e-3


def test_a_price_does_not_reach_its_own_target_mean():
    encoded, logs, folds = draw(100)
    changed = logs.copy()
    changed[7] += 3
    (_, before), (_, after) = (fit_target_means(encoded, prices, folds) for prices in (logs, changed))
    np.testing.assert_array_equal(after[7], before[7])


@pytest.fixture
def small_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MIN_MAKE_ROWS", 50)


@pytest.mark.usefixtures("small_makes")
def test_every_listing_is_in_exactly_one_block():
    encoded, _, _ = draw(400)
    plan = cut_blocks(scale(encoded, learn_scaling(encoded)), SMALL_BLOCKS)
    assert len(plan.rows) > 3
    assert sorted(np.concatenate(plan.rows).tolist()) == list(range(400))


@pytest.mark.usefixtures("small_makes")
def test_new_and_unseen_cars_are_routed_and_priced():
    encoded, logs, folds = draw(400)
    fitted, out_of_fold = fit_process(encoded, logs, folds, START, SMALL_BLOCKS)
    unseen = Encoded(encoded.categories, encoded.number_names, np.full_like(encoded.codes, -1), encoded.numbers)
    blocks = route(scale(unseen, fitted.scaling), fitted.routes, fitted.cuts)
    assert ((blocks >= 0) & (blocks < len(fitted.blocks))).all()
    assert np.isfinite(fitted.predict(unseen)).all()
    assert np.mean(np.abs(out_of_fold - logs)) < 0.2


def test_the_same_car_a_hundred_times_can_be_fitted():
    encoded, logs, folds = draw(100)
    same = encoded.take(np.zeros(100, dtype=int))
    fitted, out_of_fold = fit_process(same, logs, folds, START, ONE_BLOCK)
    assert np.isfinite(out_of_fold).all()
    assert np.isfinite(fitted.predict(same)).all()


def test_what_equipment_is_worth_does_not_change_with_mileage():
    encoded, _, _ = draw(60)
    inputs = scale(encoded, learn_scaling(encoded))
    driven = replace(inputs, log_mileage=inputs.log_mileage + 2, told_mileage=inputs.told_mileage + 2)
    narrow = START | {name: 0 for name in START if name.endswith(("_wide", "_repeat"))}
    np.testing.assert_allclose(covariance(driven, inputs, narrow), covariance(inputs, inputs, narrow), atol=1e-6)
    assert np.abs(covariance(driven, inputs, START) - covariance(inputs, inputs, START)).max() > 0.1


REPEATS_ALONE = dict.fromkeys(START, 0.0) | {
    "car_repeat": 1.0,
    "wide_year": START["wide_year"],
    "wide_mileage": START["wide_mileage"],
}


@pytest.mark.parametrize(
    ("ours", "theirs", "likeness"),
    [
        (100_000, 100_000, 1.0),
        (100_000, 100_001, pytest.approx(0.91, abs=0.02)),
        (100_000, 100_200, pytest.approx(0, abs=1e-4)),  # another car of much the same mileage
        (10, 40, pytest.approx(0, abs=1e-4)),  # nearly new cars, too
        (np.nan, np.nan, 1.0),
        (np.nan, 60_000, pytest.approx(0, abs=1e-4)),  # a mileage that is not told is not the middle one
        (np.nan, 0, pytest.approx(0, abs=1e-4)),
    ],
)
def test_the_same_advert_once_more_has_the_same_mileage(ours, theirs, likeness):
    mileages = np.r_[np.linspace(20_000, 100_000, 9), ours, theirs]  # 60,000 is the middle one
    listings = pd.DataFrame({"make": "a", "model": "b", "year": 2010.0, "mileage_km": mileages})
    listings.loc[0, ["model", "year"]] = ["c", 2011]
    encoded = encode(listings, learn_encoding(listings, KINDS))
    inputs = scale(encoded, learn_scaling(encoded))
    assert covariance(inputs.take(np.array([9])), inputs.take(np.array([10])), REPEATS_ALONE)[0, 0] == likeness


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_years_of_a_car_go_together(kind):
    """Over half the years the likeness falls by less than half as much: a rough one, by half, lets single years go their own way."""
    settings = dict.fromkeys(START, 0.0) | {
        f"car_{kind}": 1.0,
        "wide_year": START["wide_year"],
        "wide_mileage": START["wide_mileage"],
    }
    encoded, _, _ = draw(60)
    one = scale(encoded, learn_scaling(encoded)).take(np.array([0]))
    itself, half_a_year, a_year = (
        covariance(one, replace(one, year=one.year + np.float32(apart)), settings)[0, 0] for apart in (0, 0.125, 0.25)
    )
    assert 0 < itself - half_a_year < 0.35 * (itself - a_year)


def test_settings_are_tried_on_whole_cars_and_none_fills_a_block():
    cars = np.repeat(np.arange(60), [500, *[20] * 59])
    parts = process._draw_cars(cars, blocks=3, rows=200, seed=0)
    assert len(parts) == 3
    assert all(150 <= len(part) <= 250 for part in parts)
    assert all((cars[part] == 0).sum() <= 50 for part in parts)
    of_part = [set(cars[part]) for part in parts]
    assert len(set.union(*of_part)) == sum(map(len, of_part))
    chosen = np.bincount(cars[np.concatenate(parts)])
    assert set(chosen[1:]) == {0, 20}


def test_few_listings_are_all_tried():
    (part,) = process._draw_cars(np.arange(50) % 7, blocks=3, rows=200, seed=0)
    assert part.tolist() == list(range(50))


@pytest.mark.parametrize("seed", range(4))
def test_an_estimate_does_not_follow_the_chance_prices_of_single_listings_as_a_car_is_driven(seed):
    # A car of 20 years × 25 mileages, whose prices fall evenly; each listing is off by a fifth by chance.
    year, mileage = (part.ravel() for part in np.meshgrid(np.arange(2000.0, 2020.0), np.linspace(0, 250_000, 25)))
    drawn = np.random.default_rng(seed)
    logs = 10 + 0.08 * (year - 2020) - mileage / 500_000 + drawn.normal(0, 0.2, len(year))
    listings = pd.DataFrame({"make": "a", "model": drawn.choice(["b", "c"], len(year)), "year": year, "mileage_km": mileage})
    encoding = learn_encoding(listings, KINDS)
    fitted, _ = fit_process(encode(listings, encoding), logs, drawn.integers(0, 4, len(year)), START, ONE_BLOCK)
    driven = pd.DataFrame({"make": "a", "model": "b", "year": 2010.0, "mileage_km": np.linspace(10_000, 240_000, 20)})
    assert np.diff(fitted.predict(encode(driven, encoding))).max() < 0.05
