"""Members: the tree ensembles of the recipe, each fitted on all listings, and for every fold on all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from pipeline.valuation.trees import CompactBoosting

# Calls a function with arguments that all calls share and one of its own each; returns the results in their order.
MapFolds = Callable[[Callable[..., Any], tuple[Any, ...], Sequence[Any]], list[Any]]
NO_FOLD = -1  # the fold of no listing: nothing is held out


@dataclass(frozen=True)
class Hyperparameters:
    """What shapes a fit: the profile ("full" or "quick"), and what each member's own settings are multiplied by (quick has no members)."""

    profile: str = "full"
    iterations_factor: float = 1.0
    learning_rate_factor: float = 1.0
    leaf_nodes_factor: float = 1.0
    min_samples_leaf_factor: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class MemberPlan:
    """What a member is: its view of the features ("native" or "enriched"), its kind and its shape."""

    name: str
    view: str
    loss: str
    iterations: int
    learning_rate: float
    max_leaf_nodes: int | None
    max_depth: int | None
    min_samples_leaf: int
    max_features: float


@dataclass(frozen=True)
class Columns:
    """What the columns of a view are: the first `categories` are codes of categories; estimates are to rise with `year` (None: no such)."""

    categories: int
    year: int | None = None


@dataclass(frozen=True)
class Member:
    """A fitted member: what it looks at, and the estimator that learnt from all listings."""

    name: str
    view: str
    estimator: CompactBoosting

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return log prices."""
        return self.estimator.predict(features)


def in_processes(jobs: int) -> MapFolds:
    """Return what makes `jobs` calls at a time, each in a process of its own."""

    def map_folds(function: Callable[..., Any], shared: tuple[Any, ...], each: Sequence[Any]) -> list[Any]:
        with parallel_config(backend="loky", inner_max_num_threads=1):
            return list(Parallel(n_jobs=min(jobs, len(each)))(delayed(function)(*shared, one) for one in each))

    return map_folds


def shape(plan: MemberPlan, hyperparameters: Hyperparameters) -> MemberPlan:
    """Return the plan with its settings multiplied; a leaf holds at least one listing, a tree at least two leaves."""
    leaves = plan.max_leaf_nodes
    return replace(
        plan,
        iterations=max(1, round(plan.iterations * hyperparameters.iterations_factor)),
        learning_rate=plan.learning_rate * hyperparameters.learning_rate_factor,
        max_leaf_nodes=leaves and max(2, round(leaves * hyperparameters.leaf_nodes_factor)),
        min_samples_leaf=max(1, round(plan.min_samples_leaf * hyperparameters.min_samples_leaf_factor)),
    )


def fit_member(
    plan: MemberPlan,
    features: np.ndarray,
    columns: Columns,
    logs: np.ndarray,
    folds: np.ndarray,
    seed: int,
    map_folds: MapFolds,
) -> tuple[Member, np.ndarray]:
    """Fit an estimator on all listings and return, too, predictions of every fold by one that was fitted on the others.

    `map_folds` says where and how many at a time; the result is the same.
    """
    out_of_fold = np.full(len(logs), np.nan)
    numbers = [int(fold) for fold in np.unique(folds)]
    *fitted, (estimator, _) = map_folds(fit_fold, (plan, columns, seed, features, logs, folds), [*numbers, NO_FOLD])
    for fold, (_, predictions) in zip(numbers, fitted, strict=True):
        out_of_fold[folds == fold] = predictions
    return Member(plan.name, plan.view, estimator), out_of_fold


def fit_fold(
    plan: MemberPlan, columns: Columns, seed: int, features: np.ndarray, logs: np.ndarray, folds: np.ndarray, fold: int
) -> tuple[CompactBoosting, np.ndarray]:
    """Return the estimator fitted on the other folds, and its predictions of this one; by one OpenMP thread."""
    held_out = folds == fold
    estimator = build_estimator(plan, columns, features.shape[1], seed + max(fold, 0))
    with threadpool_limits(1):
        estimator.fit(features[~held_out], logs[~held_out])
        return estimator, estimator.predict(features[held_out])


def build_estimator(plan: MemberPlan, columns: Columns, width: int, seed: int) -> CompactBoosting:
    """Return the unfitted estimator of a plan for a view of `width` columns.

    Of the absolute error scikit-learn keeps to the direction when it splits, and not when it then takes the median of each leaf.
    """
    return CompactBoosting(
        loss=plan.loss,
        max_iter=plan.iterations,
        learning_rate=plan.learning_rate,
        max_leaf_nodes=plan.max_leaf_nodes,
        max_depth=plan.max_depth,
        min_samples_leaf=plan.min_samples_leaf,
        max_features=plan.max_features,
        categorical_features=list(range(columns.categories)),
        monotonic_cst=[int(column == columns.year) for column in range(width)],
        early_stopping=False,
        random_state=seed,
    )
