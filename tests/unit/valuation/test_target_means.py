"""Target means: shrunk, of the other folds, and of a car's years rising where a price is meant."""

import numpy as np

from pipeline.valuation.encoding import Encoded
from pipeline.valuation.target_means import SHRINKAGE, fit_target_means

CAR_YEAR = 3  # the last kind of cell


def encode_cars(cars: list[int], years: list[float]) -> Encoded:
    codes = np.column_stack([cars, cars, np.zeros(len(cars))]).astype(np.int32)
    return Encoded(["car", "family", "make"], ["year"], codes, np.array(years)[:, None])


def test_a_mean_is_drawn_towards_that_of_all():
    encoded = encode_cars([0, 0, 1, 1, 1], [2010, 2010, 2010, 2010, 2010])
    means, _ = fit_target_means(encoded, np.array([1.0, 3.0, 5.0, 5.0, 5.0]), np.arange(5))
    middle = 19 / 5
    assert np.allclose(means.look_up(encoded)[0, 0], middle + 2 * (2 - middle) / (2 + SHRINKAGE))


def test_a_fold_hears_of_the_others_alone():
    encoded, folds = encode_cars([0, 0, 0, 0], [2010, 2010, 2011, 2011]), np.array([0, 1, 0, 1])
    for rises in (False, True):
        _, before = fit_target_means(encoded, np.array([1.0, 2.0, 3.0, 4.0]), folds, rises_with_year=rises)
        _, after = fit_target_means(encoded, np.array([9.0, 2.0, 3.0, 4.0]), folds, rises_with_year=rises)
        assert np.array_equal(before[folds == 0], after[folds == 0])
        assert not np.array_equal(before[folds == 1], after[folds == 1])


def test_the_means_of_a_cars_years_rise_where_a_price_is_meant():
    years = [2010.0, 2010, 2011, 2012, 2012, 2013]
    encoded = encode_cars([0] * 6 + [1] * 6, years * 2)
    targets = np.array([1.0, 1, 4, 2, 2, 5, 5, 5, 4, 3, 3, 2])
    free, _ = fit_target_means(encoded, targets, np.arange(12))
    risen, _ = fit_target_means(encoded, targets, np.arange(12), rises_with_year=True)
    before, after = (means.look_up(encoded)[:, CAR_YEAR] for means in (free, risen))
    assert (np.diff(before) < 0).any()
    assert (np.diff(after[:6]) >= 0).all()
    assert np.ptp(after[6:]) < 1e-12
    # Pooled years keep their listings' mean, and a year in order its own.
    assert np.isclose(after[6:].mean(), before[6:].mean())
    assert np.array_equal(after[[0, 1, 5]], before[[0, 1, 5]])
    np.testing.assert_array_equal(free.look_up(encoded)[:, :CAR_YEAR], risen.look_up(encoded)[:, :CAR_YEAR])


def test_a_year_that_is_not_said_is_not_before_all_others():
    encoded = encode_cars([0] * 8, [np.nan, np.nan, np.nan, np.nan, 2010, 2010, 2011, 2011])
    targets = np.array([9.0, 9, 9, 9, 1, 1, 2, 2])
    free, _ = fit_target_means(encoded, targets, np.arange(8))
    risen, _ = fit_target_means(encoded, targets, np.arange(8), rises_with_year=True)
    np.testing.assert_array_equal(free.look_up(encoded), risen.look_up(encoded))
