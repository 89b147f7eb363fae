"""Evaluate: judge a model on listings that nothing was fitted on, beside the baselines on the same split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.preprocessing import OrdinalEncoder

from pipeline.stages.metrics import measure_errors, measure_intervals, measure_segments
from pipeline.stages.train import PriceModel
from pipeline.valuation.features import FeatureChoice, select_features

Guess = Callable[[pd.DataFrame], np.ndarray]
IMPORTANCE_ROWS = 300
IMPORTANCE_REPEATS = 5


@dataclass(frozen=True)
class Judgement:
    """The metrics as contracted, errors by segment, every judged listing with its estimate, and what features matter."""

    metrics: dict[str, Any]
    segments: pd.DataFrame
    estimates: pd.DataFrame
    importance: pd.DataFrame


def judge_model(model: PriceModel, learnt: pd.DataFrame, test: pd.DataFrame, facts: Mapping[str, Any]) -> Judgement:
    """Judge `model` on `test`, beside baselines that learn from `learnt`, all that the model could learn from.

    `facts` (market, currency, split and counts) go into the metrics as they are.
    """
    return judge_chunks(model, learnt, [test], len(test), facts)


def judge_chunks(
    model: PriceModel, learnt: pd.DataFrame, chunks: Iterable[pd.DataFrame], n_test: int, facts: Mapping[str, Any]
) -> Judgement:
    """Judge as `judge_model` does on `n_test` listings that come in chunks."""
    random = np.random.default_rng(0)
    asked = random.permutation(n_test)[:IMPORTANCE_ROWS]
    baselines = fit_baselines(learnt, model.choice)
    judged, guessed, shown, start = [], [], [], 0
    for chunk in chunks:
        rows = chunk.set_axis(pd.RangeIndex(start, start + len(chunk)))
        known = rows[["listing_id", "make", "model", "year", "price"]].assign(age_years=age_years(learnt, rows))
        judged.append(known.join(model.appraise(rows)))
        guessed.append({name: guess(rows) for name, guess in baselines.items()})
        shown.append(rows[rows.index.isin(asked)])
        start += len(rows)
    estimates = pd.concat(judged)
    segments = measure_segments(estimates)
    prices = estimates["price"].to_numpy()
    metrics = {
        **facts,
        **measure_errors(prices, estimates["estimate"].to_numpy()),
        **measure_intervals(prices, *(estimates[name].to_numpy() for name in ("low", "high", "estimate"))),
        "interval_level": model.level,
        "n_calibration": model.n_calibration,
        "by_status": _by_status(segments),
        "baselines": {name: measure_errors(prices, np.concatenate([part[name] for part in guessed])) for name in baselines},
        "features": model.choice.columns,
        "features_refused": model.choice.refused,
    }
    importance = measure_importance(model, pd.concat(shown).loc[asked].reset_index(drop=True), random)
    return Judgement(metrics, segments, estimates, importance)


def _by_status(segments: pd.DataFrame) -> dict[str, Any]:
    """Return how the model does on cars that it prices, marks as extrapolated and refuses."""
    measures = ["n", "mae", "median_ape", "interval_coverage"]
    found = segments[segments["segment_kind"] == "status"].set_index("segment")[measures]
    return {str(status): row for status, row in found.astype({"n": object}).to_dict("index").items()}


def measure_importance(model: PriceModel, asked: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return by how much the median error grows when a feature is shuffled among the judged listings.

    Columns: feature, error_share (a share of the price, 0.05 is five points of percent; the mean of several shuffles),
    spread_share (their standard deviation), the greatest first. Permutation importance: Breiman, Machine Learning 2001.
    """
    (plain,) = _median_errors(model, [asked])
    rows = []
    for name in model.choice.columns:
        orders = [random.permutation(len(asked)) for _ in range(IMPORTANCE_REPEATS)]
        shuffled = [asked.assign(**{name: asked[name].iloc[order].reset_index(drop=True)}) for order in orders]
        grown = _median_errors(model, shuffled) - plain
        rows.append({"feature": name, "error_share": float(np.mean(grown)), "spread_share": float(np.std(grown))})
    return pd.DataFrame(rows).sort_values(["error_share", "feature"], ascending=[False, True], ignore_index=True)


def _median_errors(model: PriceModel, frames: list[pd.DataFrame]) -> np.ndarray:
    """Return the median relative error over each of some frames of equal length; the model is asked once."""
    asked = pd.concat(frames, ignore_index=True)
    errors = np.abs(model.estimate(asked)["estimate"].to_numpy() / asked["price"].to_numpy() - 1)
    return np.asarray(np.median(errors.reshape(len(frames), -1), axis=1))


def age_years(learnt: pd.DataFrame, test: pd.DataFrame) -> pd.Series:
    """Return each judged car's age, at least 0: up to the year it was last seen in, else the newest year learnt from."""
    seen = pd.to_numeric(test["last_seen_on"].str[:4])
    return (seen.fillna(learnt["year"].max()) - test["year"]).clip(lower=0)


def fit_baselines(learnt: pd.DataFrame, choice: FeatureChoice) -> dict[str, Guess]:
    """Return what the median of make, model and year, and the original system's recipe, say of listings."""
    return {"median_make_model_year": fit_medians(learnt), "original_recipe": fit_forest(learnt, choice)}


def estimate_by_median(learnt: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Estimate by the median price of the same make, model and year, else of fewer of these, else of all."""
    return fit_medians(learnt)(test)


def fit_medians(learnt: pd.DataFrame) -> Guess:
    """Return what estimates by the median price of the same make, model and year, else of fewer of these, else of all."""
    narrowing = (["make", "model", "year"], ["make", "model"], ["make"])
    known = [(keys, learnt.groupby(keys)["price"].median().rename("median").reset_index()) for keys in narrowing]

    def guess(test: pd.DataFrame) -> np.ndarray:
        estimates = pd.Series(np.nan, index=test.index)
        for keys, medians in known:
            estimates = estimates.fillna(test[keys].merge(medians, on=keys, how="left")["median"].set_axis(test.index))
        return np.asarray(estimates.fillna(learnt["price"].median()))

    return guess


def estimate_by_forest(learnt: pd.DataFrame, test: pd.DataFrame, choice: FeatureChoice) -> np.ndarray:
    """Estimate by the original system's model: see `fit_forest`."""
    return fit_forest(learnt, choice)(test)


def fit_forest(learnt: pd.DataFrame, choice: FeatureChoice) -> Guess:
    """Return the original system's model: a random forest over label-coded categories.

    Its recipe: 100 trees of depth 20, at least 5 rows to split and 2 in a leaf, the square root of the features a
    split. Here on log price, which is kinder to it, and with unseen and missing values as -1.
    """
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    names = list(choice.categories)
    if names:
        encoder.fit(select_features(learnt, choice)[names])

    def encode(listings: pd.DataFrame) -> np.ndarray:
        frame = select_features(listings, choice)
        if names:
            frame = frame.assign(**dict(zip(names, encoder.transform(frame[names]).T, strict=True)))
        return frame.astype("float64").fillna(-1).to_numpy()

    forest = RandomForestRegressor(
        n_estimators=100, max_depth=20, min_samples_split=5, min_samples_leaf=2, max_features="sqrt", random_state=0, n_jobs=1
    )
    forest.fit(encode(learnt), np.log(learnt["price"].to_numpy()))
    return lambda test: np.asarray(np.exp(forest.predict(encode(test))))
