"""Donors: what is not told of a car is lent by the adverts nearest to it, several times over, and its price is the average.

An advert's silence says something where adverts are often silent, and is learnt like a value. Whoever asks what a car is worth and does not
know its gearbox is no such advert: each of the nearest donors lends what it has (hot-deck imputation: Andridge and Little, International
Statistical Review 2010), and by how much the prices then differ widens the interval (multiple imputation: Rubin 1987).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from pipeline.valuation.comparables import MILEAGE_SHARE_PER_YEAR, NUMBERS, WORDS, Scale
from pipeline.valuation.features import FeatureChoice, select_features
from pipeline.valuation.mileage import MileageFloor

# Measured on seeds 0 and 1 of all markets: 8 donors err as much and hold up to a percent fewer prices; 64 of a model err up to 5 % more,
# 256 as much. docs/decisions/0024-what-is-not-told.md
COUNT = 16
MOST_OF_MODEL = 128
# Where so few adverts are silent, what silence means was hardly learnt: uk's 0.3 % without an engine are priced with a fifth less error
# by donors, craigslist_us' 15 % without a mileage as well by what was learnt.
RARELY_SILENT = 0.01
SEED = 0
_KEYS = ["make", "model"]
_NEVER_LENT = (*_KEYS, "year")  # without them nothing is priced
_WORD_COSTS = WORDS | {"condition": 1.0}


@dataclass(frozen=True)
class Lent:
    """Cars that come of what donors lend: each once, the position of the listing that it is one of, and how many donors make it so."""

    cars: pd.DataFrame
    owners: np.ndarray
    counts: np.ndarray

    def average(self, logs: np.ndarray, half_widths: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return each listing's mean log price, and the half-width of its interval with the spread of its estimates added.

        Variances add: an estimate's error and how far it lies from the mean are taken for independent and normal.
        """
        donors = np.bincount(self.owners, self.counts)
        means, widths = (np.bincount(self.owners, self.counts * values) / donors for values in (logs, half_widths))
        squares = np.bincount(self.owners, self.counts * (logs - means[self.owners]) ** 2)
        spread = NormalDist().inv_cdf((1 + level) / 2) ** 2 * squares / np.maximum(donors - 1, 1)
        return means, np.sqrt(widths**2 + spread)


@dataclass(frozen=True)
class Donors:
    """Adverts that lend: at most `MOST_OF_MODEL` of each model of each make, those of one together.

    `numbers` holds NaN and `codes` (positions in `words`) −1 where an advert is silent. Those of a model lie from its position in `starts` to the
    next; `models` tells the position. `spreads` are what counts for a year in numbers that `comparables` does not know. `always_told` are the
    columns that hardly an advert is silent about.
    """

    numbers: dict[str, np.ndarray]
    codes: dict[str, np.ndarray]
    words: dict[str, list[str]]
    starts: np.ndarray
    models: dict[str, dict[str, int]]
    spreads: dict[str, float]
    always_told: list[str]

    def find_open(self, listings: pd.DataFrame, untold: Collection[str]) -> pd.DataFrame:
        """Say what is to be lent: listings × columns, True where a listing lacks one of `untold` or what is always told.

        What is `untold` is not told, where another missing value is an advert's silence. Of a model without donors nothing can be lent.
        """
        lendable = [name for name in (*self.codes, *self.numbers) if name not in _NEVER_LENT]
        columns = [name for name in lendable if name in untold or name in self.always_told]
        missing = {name: listings[name].isna().to_numpy() if name in listings else True for name in columns}
        is_open = pd.DataFrame(missing, index=listings.index, columns=columns).astype(bool)
        is_any = is_open.any(axis=1).to_numpy()
        is_open.loc[is_any] &= (self._find_models(listings[is_any]) >= 0)[:, None]
        return is_open

    def lend(self, listings: pd.DataFrame, is_open: pd.DataFrame, choice: FeatureChoice) -> Lent:
        """Return each listing with what is open as each of its donors has it.

        All of them are of models that have donors; `choice` is the one that these were learnt with.
        """
        features = _select(listings, choice)
        told = {name: features[name].to_numpy() for name in (*self.numbers, *self.codes)}
        models = self._find_models(listings)
        nearest = np.full((len(listings), COUNT), -1, dtype=np.int64)
        for model in np.unique(models):
            rows, donors = np.flatnonzero(models == model), np.arange(self.starts[model], self.starts[model + 1])
            distances = np.zeros((len(rows), len(donors)))
            for name, values in told.items():
                distances += self._measure(name, values[rows], donors)
            order = np.argsort(distances, axis=1, kind="stable")[:, :COUNT]
            nearest[rows, : order.shape[1]] = donors[order]
        owners, places = np.nonzero(nearest >= 0)
        lenders, cars = nearest[owners, places], features.iloc[owners].reset_index(drop=True)
        alike = owners
        for name in is_open.columns:
            is_lent = is_open[name].to_numpy()[owners]
            cars[name] = np.where(is_lent, self._values(name, lenders), cars[name].to_numpy())
            values, known = pd.factorize(cars[name])
            alike, _ = pd.factorize(alike * (len(known) + 1) + values + 1)
        _, firsts, counts = np.unique(alike, return_index=True, return_counts=True)
        return Lent(cars.iloc[firsts].reset_index(drop=True), owners[firsts], counts)

    def _find_models(self, listings: pd.DataFrame) -> np.ndarray:
        """Return the position of each listing's model in `starts`, −1 where it has no donors."""
        pairs = zip(listings["make"], listings["model"], strict=True)
        return np.array([self.models.get(make, {}).get(model, -1) for make, model in pairs], dtype=np.int64)

    def _values(self, name: str, lenders: np.ndarray) -> np.ndarray:
        if name in self.numbers:
            return np.asarray(self.numbers[name][lenders])
        return np.asarray(np.array([*self.words[name], None], dtype=object)[self.codes[name][lenders]])

    def _measure(self, name: str, told: np.ndarray, donors: np.ndarray) -> np.ndarray:
        """Return the distance in one column (listings × donors) as comparables count it, nothing where a listing does not tell."""
        told = told[:, None]
        if name in self.numbers:
            theirs = self.numbers[name][donors]
            scale = NUMBERS[name] if name in NUMBERS else Scale(self.spreads[name], 4, 1)
            share = MILEAGE_SHARE_PER_YEAR if name == "mileage_km" else 0.0
            apart = np.minimum(np.abs(theirs - told) / np.fmax(scale.per_year, share * told), scale.most)
            return np.asarray(np.where(np.isnan(told), 0.0, np.where(np.isnan(theirs), scale.missing, apart)))
        cost, places = _WORD_COSTS.get(name, 0.0), {word: place for place, word in enumerate(self.words[name])}
        own = np.array([[places.get(word, len(places))] for (word,) in told])
        theirs = self.codes[name][donors]
        apart = np.where(theirs < 0, cost / 2, np.where(own == theirs, 0.0, cost))
        return np.asarray(np.where(pd.isna(told), 0.0, apart))


def learn_donors(listings: pd.DataFrame, choice: FeatureChoice, floor: MileageFloor) -> Donors:
    """Choose the donors among the listings that a model learns from: one of each group of twins, none with a mileage that is not believed."""
    named = listings.drop_duplicates("group_id").dropna(subset=_KEYS).reset_index(drop=True)
    drawn = named.iloc[np.random.default_rng(SEED).permutation(len(named))]
    features = _select(drawn, choice)
    if {"year", "mileage_km"} <= set(choice.numbers):
        is_believed = floor.believes(features["mileage_km"].to_numpy(), features["year"].to_numpy())
        drawn, features = drawn[is_believed], features[is_believed].reset_index(drop=True)
    keys = drawn[_KEYS].astype("str").reset_index(drop=True)
    kept = keys[keys.groupby(_KEYS).cumcount() < MOST_OF_MODEL].sort_values(_KEYS, kind="stable")
    features, sizes = features.loc[kept.index], kept.groupby(_KEYS, sort=True).size()
    models: dict[str, dict[str, int]] = {}
    for position, (make, model) in enumerate(sizes.index):
        models.setdefault(make, {})[model] = position
    coded = {name: pd.factorize(features[name], sort=True) for name in choice.categories if name not in _KEYS}
    silent = listings[[*choice.columns]].isna().mean()
    return Donors(
        numbers={name: features[name].to_numpy() for name in choice.numbers},
        codes={name: codes.astype(np.int32) for name, (codes, _) in coded.items()},
        words={name: [str(word) for word in words] for name, (_, words) in coded.items()},
        starts=np.concatenate([[0], sizes.to_numpy().cumsum()]).astype(np.int64),
        models=models,
        spreads={name: _find_spread(features[name].to_numpy()) for name in choice.numbers if name not in NUMBERS},
        always_told=[name for name in choice.columns if name not in _NEVER_LENT and silent[name] < RARELY_SILENT],
    )


def _select(listings: pd.DataFrame, choice: FeatureChoice) -> pd.DataFrame:
    """Return the feature frame, numbered from 0; a column that is absent is missing."""
    absent = {name: np.nan for name in choice.columns if name not in listings}
    return select_features(listings.assign(**absent), choice).reset_index(drop=True)


def _find_spread(values: np.ndarray) -> float:
    """Return a quarter of the middle half's width, as four years or so tell most models apart; 1 where all are alike."""
    told = values[~np.isnan(values)]
    return float(np.subtract(*np.quantile(told, [0.75, 0.25])) / 4 or 1.0) if len(told) else 1.0
