"""Members: the tree ensembles of the recipe, each fitted on all folds but one, for every fold."""

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


@dataclass(frozen=True)
class Hyperparameters:
    """What shapes a fit: the profile ("full" or "quick"), and what each member's own settings are multiplied by."""

    profile: str = "full"
    iterations_factor: float = 1.0
    learning_rate_factor: float = 1.0
    leaf_nodes_factor: float = 1.0
    min_samples_leaf_factor: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class MemberPlan:
    """What a member is: its view of the features ("plain", "native" or "enriched"), its kind and its shape."""

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
class Member:
    """A fitted member: one estimator a fold, or one that was fitted again on everything; its prediction is their mean."""

    name: str
    view: str
    estimators: list[CompactBoosting]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return log prices."""
        return np.asarray(np.mean([estimator.predict(features) for estimator in self.estimators], axis=0))


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
    categorical: int,
    logs: np.ndarray,
    folds: np.ndarray,
    seed: int,
    map_folds: MapFolds,
    *,
    is_refitted: bool = False,
) -> tuple[Member, np.ndarray]:
    """Fit one estimator a fold, on the other folds, and return, too, its predictions of that fold.

    The first `categorical` columns of `features` are categories. Where `is_refitted`, the member is a single estimator fitted on
    all listings instead. `map_folds` says where and how many at a time; the result is the same.
    """
    out_of_fold = np.full(len(logs), np.nan)
    numbers = np.unique(folds)
    fitted = map_folds(fit_fold, (plan, categorical, seed, features, logs, folds), [int(fold) for fold in numbers])
    for fold, (_, predictions) in zip(numbers, fitted, strict=True):
        out_of_fold[folds == fold] = predictions
    estimators = [estimator for estimator, _ in fitted]
    if is_refitted:
        estimators = [build_estimator(plan, categorical, seed).fit(features, logs)]
    return Member(plan.name, plan.view, estimators), out_of_fold


def fit_fold(
    plan: MemberPlan, categorical: int, seed: int, features: np.ndarray, logs: np.ndarray, folds: np.ndarray, fold: int
) -> tuple[CompactBoosting, np.ndarray]:
    """Return the estimator of one fold, fitted on the others, and its predictions of that fold; by one OpenMP thread."""
    held_out = folds == fold
    estimator = build_estimator(plan, categorical, seed + fold)
    with threadpool_limits(1):
        estimator.fit(features[~held_out], logs[~held_out])
        return estimator, estimator.predict(features[held_out])


def build_estimator(plan: MemberPlan, categorical: int, seed: int) -> CompactBoosting:
    """Return the unfitted estimator of a plan."""
    return CompactBoosting(
        loss=plan.loss,
        max_iter=plan.iterations,
        learning_rate=plan.learning_rate,
        max_leaf_nodes=plan.max_leaf_nodes,
        max_depth=plan.max_depth,
        min_samples_leaf=plan.min_samples_leaf,
        max_features=plan.max_features,
        categorical_features=list(range(categorical)),
        early_stopping=False,
        random_state=seed,
    )
