"""The multiples that hold the wanted share of errors."""

import numpy as np
import pytest

from pipeline.valuation.intervals import conformal_quantile


@pytest.mark.parametrize(("count", "level", "expected"), [(9, 0.9, 9), (99, 0.9, 90), (19, 0.5, 10), (4, 0.9, 4), (1, 0.5, 1)])
def test_the_conformal_quantile_is_the_right_order_statistic(count, level, expected):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    assert conformal_quantile(scores, level) == expected
