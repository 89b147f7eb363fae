"""Trees end to end are the same trees."""

import copy

import numpy as np
from sklearn.base import clone

from pipeline.valuation.trees import CompactBoosting


def fit() -> tuple[CompactBoosting, np.ndarray]:
    drawn = np.random.default_rng(0)
    features = np.column_stack([drawn.integers(0, 6, 400), drawn.normal(size=400)])
    boosting = CompactBoosting(max_iter=12, categorical_features=[0], random_state=0)
    return boosting.fit(features, features[:, 0] * 2 + features[:, 1]), features


def test_cut_apart_again_they_predict_to_the_same_bit():
    boosting, features = fit()
    restored = copy.deepcopy(boosting)
    assert len(restored._predictors) == boosting.n_iter_
    np.testing.assert_array_equal(restored.predict(features), boosting.predict(features))


def test_what_is_kept_is_a_few_arrays_however_many_trees():
    kept = fit()[0].__getstate__()["_predictors"]
    assert len(kept) == 6
    assert all(isinstance(array, np.ndarray) for array in kept.values())


def test_one_that_was_never_fitted_has_no_trees_to_keep():
    assert "_predictors" not in CompactBoosting().__getstate__()
    assert clone(CompactBoosting(max_iter=7)).max_iter == 7


def test_a_column_of_which_nothing_is_known_is_left_aside():
    boosting, features = fit()
    with_empty = np.column_stack([features, np.full(len(features), np.nan)])
    fitted = CompactBoosting(max_iter=12, categorical_features=[0], random_state=0).fit(
        with_empty, features[:, 0] * 2 + features[:, 1]
    )
    np.testing.assert_array_equal(fitted.predict(with_empty), boosting.predict(features))


def test_few_rows_are_predicted_as_scikit_learn_does():
    boosting, features = fit()
    asked = np.vstack([features[:20], [[np.nan, 0.1], [99, 0.1], [2, np.nan]]])
    expected = super(CompactBoosting, boosting).predict(asked)
    np.testing.assert_allclose(boosting.predict(asked), expected, rtol=1e-12)
    np.testing.assert_array_equal(boosting.predict(np.tile(asked, (4, 1))), np.tile(expected, 4))
