"""The multiples that hold the wanted share of errors."""

from dataclasses import replace

import numpy as np
import pytest
from crepes import ConformalRegressor
from hypothesis import given
from hypothesis import strategies as st

from pipeline.valuation.encoding import Encoded
from pipeline.valuation.intervals import (
    BANDS,
    MIN_OF_MAKE,
    SHRINKAGE,
    Intervals,
    View,
    conformal_quantile,
    learn_by_group,
    learn_intervals,
    learn_shrunk,
)


@pytest.mark.parametrize(("count", "level", "expected"), [(9, 0.9, 9), (99, 0.9, 90), (19, 0.5, 10), (4, 0.9, 4), (1, 0.5, 1)])
def test_the_conformal_quantile_is_the_right_order_statistic(count, level, expected):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    assert conformal_quantile(scores, level) == expected


# Levels that are sums of powers of two: crepes rounds others, so that its rank of 0.9 of nine is another.
@given(st.integers(10, 300), st.sampled_from([0.5, 0.75, 0.875]), st.integers(0, 10**6))
def test_normalised_intervals_are_those_of_crepes(count, level, seed):
    drawn = np.random.default_rng(seed)
    sizes, makes = drawn.uniform(0.05, 0.4, count), drawn.integers(0, 3, count)
    errors = drawn.normal(0, sizes)
    scores = np.abs(errors) / sizes
    low, high = ConformalRegressor().fit(errors, sigmas=sizes).predict_int(np.zeros(count), sigmas=sizes, confidence=level).T
    assert np.allclose(conformal_quantile(scores, level) * sizes, high)
    assert np.allclose(low, -high)
    grouped = ConformalRegressor().fit(errors, sigmas=sizes, bins=makes)
    of_group = learn_by_group(scores, makes, 3, level)[makes]
    is_large = np.bincount(makes, minlength=3)[makes] >= MIN_OF_MAKE
    assert (np.isfinite(of_group) == is_large).all()
    if is_large.any():
        grouped_high = grouped.predict_int(np.zeros(count), sigmas=sizes, bins=makes, confidence=level)[:, 1]
        assert np.allclose((of_group * sizes)[is_large], grouped_high[is_large])


def test_the_multiple_of_a_small_group_is_drawn_towards_the_overall_one():
    groups = np.repeat([0, 1, 2], [SHRINKAGE, 50 * SHRINKAGE, MIN_OF_MAKE - 1])
    found = learn_shrunk(np.full(len(groups), 3.0), groups, 3, 0.9, overall=1.0)
    np.testing.assert_allclose(found, [2.0, 1 + 2 * 50 / 51, np.nan])


def draw(count: int, seed: int = 0) -> tuple[View, np.ndarray]:
    """Invent estimates of listings of three makes, and errors that grow with one of their numbers."""
    drawn = np.random.default_rng(seed)
    numbers, makes = drawn.uniform(0, 1, (count, 1)), drawn.integers(0, 3, (count, 1)).astype(np.int32)
    errors = np.abs(drawn.normal(0, 0.05 + 0.3 * numbers[:, 0]))
    view = View(Encoded(["make"], ["year"], makes, numbers), drawn.normal(9, 0.5, count), np.full(count, 0.1))
    return view, errors


def learn(view: View, errors: np.ndarray, is_extrapolated: np.ndarray | None = None) -> Intervals:
    inside = np.zeros(len(errors), dtype=bool) if is_extrapolated is None else is_extrapolated
    return learn_intervals(view, errors, np.arange(len(errors)) % 3, inside, 0.9, 0)


def test_intervals_hold_their_share_wherever_errors_are_large_or_small():
    intervals = learn(*draw(3_000))
    view, errors = draw(3_000, seed=1)
    held = errors <= intervals.half_widths(view, np.zeros(3_000, dtype=bool))
    assert 0.88 <= held.mean() <= 0.94
    for part in (view.encoded.numbers[:, 0] < 0.3, view.encoded.numbers[:, 0] > 0.7):
        assert 0.85 <= held[part].mean() <= 0.96


def test_groups_only_widen():
    intervals, (view, _) = learn(*draw(1_000)), draw(200, seed=1)
    nobody = np.zeros(200, dtype=bool)
    plain = replace(intervals, make_multiples=np.full(3, np.nan), band_multiples=np.full(BANDS, np.nan))
    assert (intervals.half_widths(view, nobody) >= plain.half_widths(view, nobody)).all()


@pytest.mark.parametrize(("factor", "least"), [(0.1, 1.0), (4.0, 2.0)])
def test_cars_outside_the_domain_are_never_given_narrower_intervals(factor, least):
    view, errors = draw(1_000)
    outside = np.arange(1_000) % 5 == 0
    intervals = learn(view, np.where(outside, factor * errors, errors), outside)
    assert intervals.stretch >= least
    if factor < 1:
        assert intervals.stretch == 1


def test_a_few_listings_and_unknown_makes_have_intervals_too():
    view, errors = draw(30)
    intervals = learn(view, errors)
    unknown = View(replace(view.encoded, codes=np.full((30, 1), -1, np.int32)), view.logs, view.disagreement)
    widths = intervals.half_widths(unknown, np.ones(30, dtype=bool))
    assert np.isfinite(widths).all()
    assert (widths > 0).all()
