"""Intervals: how far from an estimate the price may lie, by normalised conformal prediction in groups.

A model of the size of errors says where they are large; its multiple that holds the wanted share of prices is read off
out-of-fold errors (Papadopoulos, Gammerman and Vovk 2008), and for makes and levels of price whose own errors ask for more, off
theirs (Mondrian conformal prediction: Vovk, Lindsay, Nouretdinov and Gammerman 2003).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.valuation.encoding import Encoded
from pipeline.valuation.target_means import TargetMeans, fit_target_means
from pipeline.valuation.trees import CompactBoosting

# Groups can only widen an interval, so that with all of them at the wanted level more prices would be held than wanted. Everything else
# starts a fifth of the misses lower: chosen on seeds that docs/accuracy.md does not report.
OVERALL_MISSES = 1.2
MIN_OF_MAKE = 40  # fewer errors tell a 90 % quantile too badly
# A group's own multiple counts as much as the overall one where it has so many errors: the larger of several that are told badly is
# mostly chance.
SHRINKAGE = 300
BANDS = 10
_SMALLEST_ERROR = 1e-3  # in log price; an error of nothing has no logarithm


@dataclass(frozen=True)
class Intervals:
    """A fitted model of the size of errors, and the multiples of it that hold the wanted share of prices.

    `make_multiples` follows the codes of makes (NaN where a make has too few), `band_multiples` the bands of estimates that
    `band_edges` part. `stretch` widens the interval of a car outside the domain.
    """

    sizes: list[CompactBoosting]
    means: TargetMeans
    multiple: float
    make_multiples: np.ndarray
    band_edges: np.ndarray
    band_multiples: np.ndarray
    stretch: float

    def half_widths(self, view: View, is_extrapolated: np.ndarray) -> np.ndarray:
        """Return the half-width of each interval in log price."""
        sizes = _predict_sizes(self.sizes, _features(view, self.means.look_up(view.encoded)))
        widths = sizes * np.fmax(_group_multiples(self, view), self.multiple)
        return np.asarray(np.where(is_extrapolated, widths * self.stretch, widths))


@dataclass(frozen=True)
class View:
    """What the size of an error is told by: the listings, their estimated log prices, and how far the members disagree."""

    encoded: Encoded
    logs: np.ndarray
    disagreement: np.ndarray


def learn_intervals(
    view: View, errors: np.ndarray, folds: np.ndarray, is_extrapolated: np.ndarray, level: float, seed: int
) -> Intervals:
    """Learn intervals that hold `level` of the prices from out-of-fold errors (absolute, in log price).

    All of it is out of fold: the estimates in `view`, what makes a listing `is_extrapolated`, and here the sizes.
    """
    errors = np.maximum(errors, _SMALLEST_ERROR)
    means, own_means = fit_target_means(view.encoded, errors, folds)
    features = _features(view, own_means)
    fitted, sizes = [], np.empty(len(errors))
    for fold in np.unique(folds):
        held_out = folds == fold
        fitted.append(_build(seed).fit(features[~held_out], errors[~held_out]))
        sizes[held_out] = fitted[-1].predict(features[held_out])
    scores = errors / sizes
    known = ~is_extrapolated if (~is_extrapolated).sum() >= MIN_OF_MAKE else np.ones(len(scores), dtype=bool)
    makes = view.encoded.code("make")
    edges = np.quantile(view.logs, np.arange(1, BANDS) / BANDS)
    bands = np.searchsorted(edges, view.logs)
    multiple = conformal_quantile(scores[known], 1 - OVERALL_MISSES * (1 - level))
    intervals = Intervals(
        sizes=fitted,
        means=means,
        multiple=multiple,
        make_multiples=learn_shrunk(scores[known], makes[known], int(makes.max(initial=-1)) + 1, level, multiple),
        band_edges=edges,
        band_multiples=learn_shrunk(scores[known], bands[known], BANDS, level, multiple),
        stretch=1.0,
    )
    if is_extrapolated.sum() < MIN_OF_MAKE:
        return intervals
    multiples = np.fmax(_group_multiples(intervals, view), intervals.multiple)[is_extrapolated]
    stretch = conformal_quantile(scores[is_extrapolated] / multiples, level)
    return replace(intervals, stretch=max(stretch, 1.0))


def conformal_quantile(scores: np.ndarray, level: float) -> float:
    """Return the ⌈(n + 1) · level⌉-th smallest score, the largest where n is too small for the level.

    Split conformal prediction: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, JASA 2018.
    """
    rank = min(int(np.ceil((len(scores) + 1) * level)), len(scores))
    return float(np.sort(scores)[max(rank, 1) - 1])


def learn_by_group(scores: np.ndarray, groups: np.ndarray, count: int, level: float) -> np.ndarray:
    """Return the conformal quantile of each group's own scores, NaN where it has fewer than `MIN_OF_MAKE`; `groups` counts from 0."""
    multiples = np.full(count, np.nan)
    for group in range(count):
        own = scores[groups == group]
        if len(own) >= MIN_OF_MAKE:
            multiples[group] = conformal_quantile(own, level)
    return multiples


def learn_shrunk(scores: np.ndarray, groups: np.ndarray, count: int, level: float, overall: float) -> np.ndarray:
    """Return the same drawn towards `overall`, the more the fewer scores a group has."""
    listings = np.bincount(groups[groups >= 0], minlength=count)
    return overall + listings / (listings + SHRINKAGE) * (learn_by_group(scores, groups, count, level) - overall)


def _features(view: View, means: np.ndarray) -> np.ndarray:
    # Categories enter by their mean errors: trees over hundreds of them would learn the errors of single cars.
    return np.column_stack([view.encoded.numbers, means, view.logs, view.disagreement])


def _build(seed: int) -> CompactBoosting:
    return CompactBoosting(
        loss="gamma",
        max_iter=80,
        learning_rate=0.06,
        max_leaf_nodes=12,
        min_samples_leaf=30,
        early_stopping=False,
        random_state=seed,
    )


def _predict_sizes(fitted: list[CompactBoosting], features: np.ndarray) -> np.ndarray:
    return np.asarray(np.mean([one.predict(features) for one in fitted], axis=0))


def _group_multiples(intervals: Intervals, view: View) -> np.ndarray:
    """Return the larger of each listing's multiples by make and by band, NaN where neither has one."""
    makes = view.encoded.code("make")
    by_make = np.append(intervals.make_multiples, np.nan)[np.where(makes < 0, len(intervals.make_multiples), makes)]
    by_band = intervals.band_multiples[np.searchsorted(intervals.band_edges, view.logs)]
    return np.asarray(np.fmax(by_make, by_band))
