"""Trees: scikit-learn's boosting whose trees are kept as a few long arrays: a model file loads, and one car is priced, faster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

FEW_ROWS = 48  # up to so many all trees are descended at once; more are faster tree by tree
_ARRAYS = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")


class CompactBoosting(HistGradientBoostingRegressor):  # type: ignore[misc]  # scikit-learn ships no types
    """HistGradientBoostingRegressor in all but how it is written to a file and how it predicts few rows.

    Its trees are three small arrays each. As such skops writes thousands of files into a model, and reading their headers
    takes longer than pricing a car; end to end they are three arrays and where each tree begins. And calling thousands of
    trees for one car takes longer than descending them all, level by level, in numpy.
    """

    def fit(self, features: np.ndarray, target: np.ndarray) -> CompactBoosting:
        """Fit on features that may hold columns of which nothing is known, which scikit-learn refuses: no tree looks at them."""
        is_empty = np.isnan(features).all(axis=0)
        super().fit(np.where(is_empty, 0.0, features), target)
        self._bin_mapper.n_threads = 1  # all that differs with the machine's cores
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return a prediction a row; equal to scikit-learn's but for the order in which the trees of few rows are added."""
        rows = self._order_columns(features)
        raw = np.full((len(rows), 1), self._baseline_prediction.item())
        if len(rows) <= FEW_ROWS:
            raw[:, 0] += self._forest().descend(rows)
        else:
            self._predict_iterations(rows, self._predictors, raw, is_binned=False, n_threads=1)
        return np.asarray(self._loss.link.inverse(raw.ravel()))

    def _order_columns(self, features: np.ndarray) -> np.ndarray:
        """Return what scikit-learn's own preprocessing returns, which takes longer than pricing a car.

        Categories come first, each as its number among those of the fit; unseen ones are missing.
        """
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.n_features_in_:  # the compiled code would read beyond the row
            raise ValueError(f"features of shape {rows.shape}, fitted on {self.n_features_in_} columns")
        if self._preprocessor is None:
            return np.ascontiguousarray(rows)
        known = self._preprocessor.transformers_[0][1].categories_
        ordered = rows[:, np.argsort(~self.is_categorical_, kind="stable")]
        for column, levels in enumerate(known):
            codes = ordered[:, column]
            places = np.searchsorted(levels, codes).clip(max=len(levels) - 1)
            ordered[:, column] = np.where(levels[places] == codes, places, np.nan)
        return ordered

    def _forest(self) -> _Forest:
        if "_descended" not in self.__dict__:
            self._descended = _plant([tree for trees in self._predictors for tree in trees])
        return self._descended

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the trees end to end."""
        state = dict(super().__getstate__())
        state.pop("_descended", None)
        if "_predictors" in state:
            state["_predictors"] = _join([tree for trees in state["_predictors"] for tree in trees])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Cut the trees apart again."""
        trees = state.get("_predictors")
        if isinstance(trees, dict):
            state = {**state, "_predictors": [[tree] for tree in _cut(trees)]}
        super().__setstate__(state)


@dataclass(frozen=True)
class _Forest:
    """All trees of an estimator as arrays over their nodes, end to end; a leaf leads to itself.

    `bitsets` says, a row a categorical node, which categories go left; `bitset` of other nodes is −1.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    is_missing_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    is_leaf: np.ndarray
    bitset: np.ndarray
    bitsets: np.ndarray

    def descend(self, rows: np.ndarray) -> np.ndarray:
        """Return the sum of the leaves that each row comes to."""
        count = len(self.roots)
        nodes = np.tile(self.roots, len(rows))
        moving = np.flatnonzero(~self.is_leaf[nodes])
        while len(moving):
            here = nodes[moving]
            values = rows[moving // count, self.feature[here]]
            goes_left = (values <= self.threshold[here]) | (np.isnan(values) & self.is_missing_left[here])
            if len(self.bitsets):
                self._ask_categories(here, values, goes_left)
            nodes[moving] = here = np.where(goes_left, self.left[here], self.right[here])
            moving = moving[~self.is_leaf[here]]
        return np.asarray(self.value[nodes].reshape(len(rows), count).sum(axis=1))

    def _ask_categories(self, nodes: np.ndarray, values: np.ndarray, goes_left: np.ndarray) -> None:
        asked = np.flatnonzero((self.bitset[nodes] >= 0) & ~np.isnan(values))
        codes = values[asked].astype(np.int64)
        words = self.bitsets[self.bitset[nodes[asked]], codes // 32]
        goes_left[asked] = (words >> (codes % 32).astype(np.uint32)) & 1


def _plant(trees: Sequence[TreePredictor]) -> _Forest:
    joined = _join(trees)
    nodes, sizes = joined["nodes"], joined["n_nodes"]
    begins = np.cumsum(sizes) - sizes
    first_node, first_bitset = (
        np.repeat(begun, sizes)
        for begun in (begins, np.cumsum(joined["n_raw_left_cat_bitsets"]) - joined["n_raw_left_cat_bitsets"])
    )
    is_categorical = nodes["is_categorical"].astype(bool)
    return _Forest(
        roots=begins,
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=np.where(is_categorical, -np.inf, nodes["num_threshold"]),
        is_missing_left=nodes["missing_go_to_left"].astype(bool),
        left=first_node + nodes["left"],
        right=first_node + nodes["right"],
        value=np.ascontiguousarray(nodes["value"]),
        is_leaf=nodes["is_leaf"].astype(bool),
        bitset=np.where(is_categorical, first_bitset + nodes["bitset_idx"], -1),
        bitsets=joined["raw_left_cat_bitsets"],
    )


def _join(trees: Sequence[TreePredictor]) -> dict[str, np.ndarray]:
    """Return each array of all trees end to end, and how many rows each tree has of it."""
    joined: dict[str, np.ndarray] = {}
    for name in _ARRAYS:
        parts = [getattr(tree, name) for tree in trees]
        joined[name] = np.concatenate(parts)
        joined[f"n_{name}"] = np.array([len(part) for part in parts], dtype=np.int64)
    return joined


def _cut(joined: dict[str, np.ndarray]) -> Iterator[TreePredictor]:
    parts = [np.split(joined[name], np.cumsum(joined[f"n_{name}"])[:-1]) for name in _ARRAYS]
    return (TreePredictor(*arrays) for arrays in zip(*parts, strict=True))
