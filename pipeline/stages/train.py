"""Train: fit the price model, its intervals, and what it knows of the cars it may price."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.listing import Kind
from pipeline.valuation.contributions import Typical, learn_typical
from pipeline.valuation.domain import PRICED, Domain, assess, learn_domain
from pipeline.valuation.donors import COUNT, Donors, learn_donors
from pipeline.valuation.features import FeatureChoice, choose_features
from pipeline.valuation.intervals import Intervals, learn_intervals
from pipeline.valuation.members import Hyperparameters, MapFolds
from pipeline.valuation.recipe import RecipeModel, fit_recipe
from pipeline.valuation.unseen import Unseen, remember_unseen

__all__ = ["Hyperparameters", "PriceModel", "fit_model"]

_AT_ONCE = 20_000  # rows that donors make of some listings: what the memory of an estimate rests on


@dataclass(frozen=True)
class PriceModel:
    """A fitted model: what it looks at, how it estimates, how sure it is, which cars it may price, the typical ones, and what is lent to others."""

    choice: FeatureChoice
    recipe: RecipeModel
    intervals: Intervals
    domain: Domain
    typical: Typical
    donors: Donors
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

    @property
    def told_by_most(self) -> set[str]:
        """The columns that most listings tell, but for make and model."""
        numbers, categories = self.typical.numbers, self.typical.categories
        return {
            *(name for name, values in numbers.items() if not np.isnan(values[0])),
            *(name for name, values in categories.items() if values[0] is not None),
        }

    def find_lent(self, listings: pd.DataFrame, untold: Collection[str] = ()) -> pd.DataFrame:
        """Say what `appraise` takes from donors: listings × columns."""
        return self.donors.find_open(listings, untold)

    def estimate(self, listings: pd.DataFrame, *, untold: Collection[str] = ()) -> pd.DataFrame:
        """Return `estimate`, `low` and `high` in the market's money, one row per listing, indexed like them."""
        return self.appraise(listings, untold=untold)[["estimate", "low", "high"]]

    def appraise(self, listings: pd.DataFrame, *, unseen: bool = False, untold: Collection[str] = ()) -> pd.DataFrame:
        """Return the same with `status` and `reason`: whether the domain lets the car be priced, and why not.

        `unseen` says to leave a listing's own price out: one whose group was learnt from is estimated by members that did not learn from
        it, since an estimate that has seen the price asked would call every price fair. `listings` has `group_id` then. What is missing
        in the columns `untold`, and in those that hardly an advert is silent about, is lent by donors; elsewhere it is an advert's silence.
        """
        verdicts = assess(listings, self.domain)
        is_outside = (verdicts["status"] != PRICED).to_numpy()
        is_open = self.donors.find_open(listings, untold)
        is_any_open = is_open.any(axis=1).to_numpy()
        logs, half_widths = np.empty(len(listings)), np.empty(len(listings))
        if not is_any_open.all():
            logs[~is_any_open], half_widths[~is_any_open] = self._estimate(listings[~is_any_open], is_outside[~is_any_open])
        for rows in _in_parts(np.flatnonzero(is_any_open), _AT_ONCE // COUNT):
            lent = self.donors.lend(listings.iloc[rows], is_open.iloc[rows], self.choice)
            found = self._estimate(lent.cars, is_outside[rows][lent.owners])
            logs[rows], half_widths[rows] = lent.average(*found, self.level)
        if unseen:
            logs = self.unseen.replace(listings["group_id"], logs)
        figures = {"estimate": np.exp(logs), "low": np.exp(logs - half_widths), "high": np.exp(logs + half_widths)}
        return pd.DataFrame(figures, index=listings.index).join(verdicts)

    def _estimate(self, listings: pd.DataFrame, is_outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log prices and the half-widths of their intervals."""
        view = self.recipe.view(listings)
        return view.logs, self.intervals.half_widths(view, is_outside)


def _in_parts(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


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
    domain = learn_domain(listings, choice)
    return PriceModel(
        choice=choice,
        recipe=recipe,
        intervals=intervals,
        domain=domain,
        typical=learn_typical(listings, choice),
        donors=learn_donors(listings, choice, domain.floor),
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
