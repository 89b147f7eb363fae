"""The weights of the members, and what is remembered of the listings learnt from."""

import numpy as np
import pandas as pd

from pipeline.valuation.blend import _loss, learn_weights
from pipeline.valuation.unseen import remember_unseen


def test_weights_are_not_negative_sum_to_one_and_lose_no_more_than_equal_ones():
    drawn = np.random.default_rng(0)
    logs = drawn.normal(9, 0.5, 500)
    predictions = logs[:, None] + drawn.normal(0, [0.1, 0.3, 0.6], (500, 3))
    weights = learn_weights(predictions, logs, towards_equal=0)
    assert (weights >= 0).all()
    assert np.isclose(weights.sum(), 1)
    assert _loss(predictions @ weights, logs) < _loss(predictions.mean(axis=1), logs)
    np.testing.assert_allclose(learn_weights(predictions, logs, towards_equal=1), 1 / 3)


def test_learnt_groups_have_their_mean_out_of_fold_and_others_keep_theirs():
    unseen = remember_unseen(pd.Series(["a", "a", "b"]), np.array([1.0, 2.0, 5.0]))
    replaced = unseen.replace(pd.Series(["b", "nobody", "a"]), np.array([0.0, 7.0, 0.0]))
    assert replaced.tolist() == [5.0, 7.0, 1.5]
