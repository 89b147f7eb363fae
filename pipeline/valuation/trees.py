"""Trees: scikit-learn's boosting whose trees are kept as a few long arrays, so that a model file loads many times faster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

_ARRAYS = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")


class CompactBoosting(HistGradientBoostingRegressor):  # type: ignore[misc]  # scikit-learn ships no types
    """HistGradientBoostingRegressor in all but how it is written to a file.

    Its trees are three small arrays each. As such skops writes thousands of files into a model, and reading their headers
    takes longer than pricing a car; end to end they are three arrays and where each tree begins.
    """

    def fit(self, features: np.ndarray, target: np.ndarray) -> CompactBoosting:
        """Fit on features that may hold columns of which nothing is known, which scikit-learn refuses: no tree looks at them."""
        is_empty = np.isnan(features).all(axis=0)
        super().fit(np.where(is_empty, 0.0, features), target)
        self._bin_mapper.n_threads = 1  # all that differs with the machine's cores
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the trees end to end."""
        state = dict(super().__getstate__())
        if "_predictors" in state:
            state["_predictors"] = _join([tree for trees in state["_predictors"] for tree in trees])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Cut the trees apart again."""
        trees = state.get("_predictors")
        if isinstance(trees, dict):
            state = {**state, "_predictors": [[tree] for tree in _cut(trees)]}
        super().__setstate__(state)


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
