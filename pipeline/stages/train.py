"""Train: fit a price model on log price, with intervals by split conformal prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from pipeline.listing import Kind
from pipeline.stages.features import FeatureChoice, choose_features, select_features
from pipeline.stages.trees import CompactBoosting

MAX_CATEGORIES = 254  # HistGradientBoosting takes at most 255 categories a column, one of which is "infrequent"


@dataclass(frozen=True)
class Hyperparameters:
    """What shapes a fit; `level` is the share of prices that an interval is meant to hold."""

    iterations: int
    learning_rate: float
    max_leaf_nodes: int
    min_samples_leaf: int
    level: float
    seed: int


@dataclass(frozen=True)
class PriceModel:
    """A fitted model: features, the fitted pipeline, and the half-width of its intervals in log price."""

    choice: FeatureChoice
    fitted: Pipeline
    log_half_width: float
    level: float

    def estimate(self, listings: pd.DataFrame) -> pd.DataFrame:
        """Return `estimate`, `low` and `high` in the market's money, one row per listing, indexed like them."""
        log_estimates = self.fitted.predict(select_features(listings, self.choice))
        return pd.DataFrame(
            {
                "estimate": np.exp(log_estimates),
                "low": np.exp(log_estimates - self.log_half_width),
                "high": np.exp(log_estimates + self.log_half_width),
            },
            index=listings.index,
        )


def fit_model(
    train: pd.DataFrame,
    calibration: pd.DataFrame,
    kinds: Mapping[str, Kind],
    hyperparameters: Hyperparameters,
    tell: Callable[[str, float], None],
) -> PriceModel:
    """Fit a model on the training listings and its intervals on the calibration listings.

    `kinds` maps the market's feature columns to their kinds; constant ones are refused. `tell` hears of the progress
    as a message and a share (0–1).
    """
    choice = choose_features(train, kinds)
    tell(f"fitting {len(choice.columns)} features on {len(train):,} listings", 0.1)
    fitted = build_pipeline(choice, hyperparameters)
    fitted.fit(select_features(train, choice), np.log(train["price"].to_numpy()))
    fitted.named_steps["regress"]._bin_mapper.n_threads = 1  # noqa: SLF001  # all that differs with the machine's cores
    tell(f"calibrating on {len(calibration):,} listings", 0.9)
    residuals = np.abs(np.log(calibration["price"].to_numpy()) - fitted.predict(select_features(calibration, choice)))
    return PriceModel(choice, fitted, conformal_quantile(residuals, hyperparameters.level), hyperparameters.level)


def build_pipeline(choice: FeatureChoice, hyperparameters: Hyperparameters) -> Pipeline:
    """Return the unfitted pipeline: categories as codes, unknown and missing ones as missing; numbers as they are."""
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MAX_CATEGORIES,
    )
    columns = ColumnTransformer(
        [("categories", encoder, list(choice.categories)), ("numbers", "passthrough", list(choice.numbers))]
    )
    regressor = CompactBoosting(
        loss="absolute_error",  # adverts hold typing errors, which a squared error would chase
        max_iter=hyperparameters.iterations,
        learning_rate=hyperparameters.learning_rate,
        max_leaf_nodes=hyperparameters.max_leaf_nodes,
        min_samples_leaf=hyperparameters.min_samples_leaf,
        categorical_features=list(range(len(choice.categories))),
        early_stopping=False,
        random_state=hyperparameters.seed,
    )
    return Pipeline([("columns", columns), ("regress", regressor)])


def conformal_quantile(residuals: np.ndarray, level: float) -> float:
    """Return the ⌈(n + 1) · level⌉-th smallest absolute residual, the largest where n is too small for the level.

    Split conformal prediction: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, JASA 2018.
    """
    rank = min(int(np.ceil((len(residuals) + 1) * level)), len(residuals))
    return float(np.sort(residuals)[rank - 1])
