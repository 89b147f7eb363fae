"""Train: fit the price model, its intervals, and what it knows of the cars it may price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.listing import Kind
from pipeline.valuation.contributions import Typical, learn_typical
from pipeline.valuation.domain import PRICED, Domain, assess, learn_domain
from pipeline.valuation.features import FeatureChoice, choose_features
from pipeline.valuation.intervals import Intervals, learn_intervals
from pipeline.valuation.members import Hyperparameters, MapFolds
from pipeline.valuation.recipe import RecipeModel, fit_recipe
from pipeline.valuation.unseen import Unseen, remember_unseen

__all__ = ["Hyperparameters", "PriceModel", "fit_model"]


@dataclass(frozen=True)
class PriceModel:
    """A fitted model: what it looks at, how it estimates, how sure it is, which cars it may price, and the typical ones."""

    choice: FeatureChoice
    recipe: RecipeModel
    intervals: Intervals
    domain: Domain
    typical: Typical
    unseen: Unseen
    level: float

    n_calibration: int

    @property
    def words(self) -> dict[str, list[str]]:
        """The words of each category that the model learnt."""
        makes = self.domain.models
        learnt = {"make": list(makes), "model": sorted({model for models in makes.values() for model in models})}
        levels = self.recipe.encoding.levels
        return {name: learnt.get(name) or levels[name] for name in self.choice.categories}

    def estimate(self, listings: pd.DataFrame) -> pd.DataFrame:
        """Return `estimate`, `low` and `high` in the market's money, one row per listing, indexed like them."""
        return self.appraise(listings)[["estimate", "low", "high"]]

    def appraise(self, listings: pd.DataFrame, *, unseen: bool = False) -> pd.DataFrame:
        """Return the same with `status` and `reason`: whether the domain lets the car be priced, and why not.

        `unseen` says to leave a listing's own price out: one whose group was learnt from is estimated by members that did not learn from
        it, since an estimate that has seen the price asked would call every price fair. `listings` has `group_id` then.
        """
        view = self.recipe.view(listings)
        verdicts = assess(listings, self.domain)
        half_widths = self.intervals.half_widths(view, (verdicts["status"] != PRICED).to_numpy())
        logs = self.unseen.replace(listings["group_id"], view.logs) if unseen else view.logs
        figures = {"estimate": np.exp(logs), "low": np.exp(logs - half_widths), "high": np.exp(logs + half_widths)}
        return pd.DataFrame(figures, index=listings.index).join(verdicts)


def fit_model(
    listings: pd.DataFrame,
    kinds: Mapping[str, Kind],
    hyperparameters: Hyperparameters,
    level: float,
    tell: Callable[[str, float], None],
    map_folds: MapFolds | None = None,
) -> PriceModel:
    """Fit a model on listings with `price`, `group_id`, make, model, year and the market's feature columns.

    `kinds` maps the market's feature columns to their kinds; constant ones are refused. `level` is the share of prices that
    an interval is meant to hold. `tell` hears of the progress as a message and a share (0–1). `map_folds` says where folds are
    fitted and how many at a time (without: here, one by one).
    """
    with threadpool_limits(1):  # sums over several threads come out differently
        return _fit(listings, kinds, hyperparameters, level, tell, map_folds)


def _fit(
    listings: pd.DataFrame,
    kinds: Mapping[str, Kind],
    hyperparameters: Hyperparameters,
    level: float,
    tell: Callable[[str, float], None],
    map_folds: MapFolds | None,
) -> PriceModel:
    choice = choose_features(listings, kinds)
    tell(f"fitting {len(choice.columns)} features on {len(listings):,} listings", 0.02)
    used = {name: kinds[name] for name in choice.columns}
    recipe, fitted = fit_recipe(listings, used, hyperparameters, tell, map_folds)
    tell("calibrating intervals", 0.95)
    errors = np.abs(np.log(listings["price"].to_numpy()) - fitted.view.logs)
    is_extrapolated = _assess_out_of_fold(listings, choice, fitted.folds)
    intervals = learn_intervals(fitted.view, errors, fitted.folds, is_extrapolated, level, hyperparameters.seed)
    return PriceModel(
        choice=choice,
        recipe=recipe,
        intervals=intervals,
        domain=learn_domain(listings, choice),
        typical=learn_typical(listings, choice),
        unseen=remember_unseen(listings["group_id"], fitted.view.logs),
        level=level,
        n_calibration=len(listings),
    )


def _assess_out_of_fold(listings: pd.DataFrame, choice: FeatureChoice, folds: np.ndarray) -> np.ndarray:
    """Say which listings would be outside the domain of those in other folds."""
    is_outside = np.zeros(len(listings), dtype=bool)
    for fold in np.unique(folds):
        held_out = folds == fold
        assessed = assess(listings[held_out], learn_domain(listings[~held_out], choice))
        is_outside[held_out] = (assessed["status"] != PRICED).to_numpy()
    return is_outside
