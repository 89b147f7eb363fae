"""Tune: search for what members' own settings are best multiplied by, by the out-of-fold error of whole fits.

Random search: Bergstra and Bengio, Journal of Machine Learning Research 2012.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.listing import Kind
from pipeline.valuation.features import choose_features
from pipeline.valuation.members import Hyperparameters, MapFolds
from pipeline.valuation.recipe import fit_recipe

# Each factor is drawn from between 1 / reach and reach, evenly on a logarithmic scale.
REACHES = {"iterations_factor": 2.0, "learning_rate_factor": 2.0, "leaf_nodes_factor": 2.0, "min_samples_leaf_factor": 3.0}
# Less is luck: over seeds, the out-of-fold error of one and the same recipe moves by about as much.
MIN_GAIN_SHARE = 0.003


def draw_candidate(number: int, base: Hyperparameters) -> Hyperparameters:
    """Return the candidate of that number, the same for ever; number 0 changes nothing."""
    if number == 0:
        return base
    random = np.random.default_rng([base.seed, number])
    factors: dict[str, Any] = {name: round(float(reach ** random.uniform(-1, 1)), 3) for name, reach in REACHES.items()}
    return replace(base, **factors)


def try_candidate(
    listings: pd.DataFrame,
    kinds: Mapping[str, Kind],
    candidate: Hyperparameters,
    tell: Callable[[str, float], None],
    map_folds: MapFolds | None = None,
) -> dict[str, Any]:
    """Fit a candidate and return its factors with its out-of-fold errors: `error` (mean, in log price), mae, median_ape."""
    choice = choose_features(listings, kinds)
    with threadpool_limits(1):
        _, fitted = fit_recipe(listings, {name: kinds[name] for name in choice.columns}, candidate, tell, map_folds)
    prices = listings["price"].to_numpy(dtype=np.float64)
    estimates = np.exp(fitted.view.logs)
    return {
        **{name: value for name, value in asdict(candidate).items() if name in REACHES},
        "error": float(np.mean(np.abs(np.log(estimates / prices)))),
        "mae": float(np.mean(np.abs(estimates - prices))),
        "median_ape": float(np.median(np.abs(estimates / prices - 1))),
    }


def choose_best(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the factors of the trial with the least error, and its `gain_share` over the first, which changes nothing.

    The first stays where the best is not better by `MIN_GAIN_SHARE`.
    """
    first, best = trials[0], min(trials, key=lambda trial: trial["error"])
    gain_share = 1 - best["error"] / first["error"]
    chosen = best if gain_share >= MIN_GAIN_SHARE else first
    return {
        "factors": {name: chosen[name] for name in REACHES},
        "gain_share": gain_share if chosen is best else 0.0,
        "trials": len(trials),
    }
