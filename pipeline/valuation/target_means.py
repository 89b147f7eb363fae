"""Target means: shrunk means of cars, families, makes and cars of one year, cross-fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import isotonic_regression

from pipeline.valuation.encoding import Encoded

SHRINKAGE = 3.0
YEARS = 10_000


@dataclass(frozen=True)
class TargetMeans:
    """The sorted keys of each kind of cell, and the shrunk mean of each key."""

    keys: list[np.ndarray]
    means: list[np.ndarray]

    def look_up(self, encoded: Encoded) -> np.ndarray:
        """Return the means, a column a kind of cell; NaN where a cell was not seen."""
        columns = []
        for keys, means, asked in zip(self.keys, self.means, cell_keys(encoded), strict=True):
            places = np.clip(np.searchsorted(keys, asked), 0, len(keys) - 1)
            columns.append(np.where(keys[places] == asked, means[places], np.nan))
        return np.column_stack(columns)


def fit_target_means(
    encoded: Encoded, targets: np.ndarray, folds: np.ndarray, *, rises_with_year: bool = False
) -> tuple[TargetMeans, np.ndarray]:
    """Fit on all listings and return, too, each fold's means by the other folds.

    Where `rises_with_year`, no mean of a car of one year is below that of the same car of an earlier one: few adverts of a single year
    are chance, which an estimate would follow.
    """
    whole = _means(encoded, targets, rises_with_year=rises_with_year)
    out_of_fold = np.full((len(targets), len(whole.keys)), np.nan)
    for fold in np.unique(folds):
        rest, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(rest):
            out_of_fold[held_out] = _means(encoded.take(rest), targets[rest], rises_with_year=rises_with_year).look_up(
                encoded.take(held_out)
            )
    return whole, out_of_fold


def cell_keys(encoded: Encoded) -> list[np.ndarray]:
    """Return the keys of every kind of cell of each listing."""
    car, family, make = (encoded.code(name).astype(np.int64) for name in ("car", "family", "make"))
    years = np.zeros(len(encoded))
    if "year" in encoded.number_names:
        years = np.nan_to_num(encoded.numbers[:, encoded.number_names.index("year")], nan=0)
    return [car, family, make, car * YEARS + np.clip(years, 0, YEARS - 1).astype(np.int64)]


def _means(encoded: Encoded, targets: np.ndarray, *, rises_with_year: bool) -> TargetMeans:
    middle = targets.mean()
    all_keys, all_means, all_counts = [], [], []
    for cells in cell_keys(encoded):
        keys, places = np.unique(cells, return_inverse=True)
        sums, counts = np.bincount(places, targets - middle), np.bincount(places)
        all_keys.append(keys)
        all_means.append(middle + sums / (counts + SHRINKAGE))
        all_counts.append(counts)
    if rises_with_year:
        all_means[-1] = _rise(all_keys[-1], all_means[-1], all_counts[-1])
    return TargetMeans(all_keys, all_means)


def _rise(keys: np.ndarray, means: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the means of cars of one year that are closest to these, each year of a car counting by its listings, and rise with the year."""
    risen = means.copy()
    known = np.flatnonzero(keys % YEARS > 0)  # a year that is not said is no year before all others
    for years in np.split(known, np.flatnonzero(np.diff(keys[known] // YEARS)) + 1):
        if len(years) > 1:
            risen[years] = isotonic_regression(means[years], sample_weight=counts[years])
    return risen
