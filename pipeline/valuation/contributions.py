"""Contributions: what moved a car's price away from that of the typical car of its make and model, in money."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from math import comb
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.valuation.features import FeatureChoice, select_features

# Up to so many differing features every set of them is asked, at most 4,096, and the shares are exact. No car of
# craigslist_us, kijiji_ca or uk can differ in more than nine; one of avito_ma that tells of its equipment can in 15.
MAX_EXACT_FEATURES = 12
ORDERINGS = 128  # drawn where features are more, each asked with its reverse: about as many sets again
SEED = 0

Basis = Literal["make and model", "make", "market"]
Value = str | float | bool | None
Estimate = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Typical:
    """The typical cars: of the market first, then of each make, then of each model of each make.

    `numbers` and `categories` hold one value per typical car, NaN or None where most listings do not say it. `makes`
    and `models` tell the position of a make's and of a model's typical car.
    """

    numbers: dict[str, np.ndarray]
    categories: dict[str, list[str | None]]
    makes: dict[str, int]
    models: dict[str, dict[str, int]]

    def without(self, names: Collection[str]) -> Typical:
        """Return the same cars without these columns."""
        return replace(
            self,
            numbers={name: values for name, values in self.numbers.items() if name not in names},
            categories={name: words for name, words in self.categories.items() if name not in names},
        )


@dataclass(frozen=True)
class Contribution:
    """What one feature adds to the price, in money, by being `value` in place of `typical_value`; None is "not told"."""

    feature: str
    value: Value
    typical_value: Value
    amount: float


@dataclass(frozen=True)
class Explanation:
    """How a price comes about: `typical_estimate` and the amounts of all contributions add up to `estimate`.

    The contributions are sorted by size, greatest first. `based_on` says whose typical car it is: that of the make
    where the model is unknown, that of the market where the make is.
    """

    typical_estimate: float
    contributions: tuple[Contribution, ...]
    estimate: float
    based_on: Basis


@dataclass(frozen=True)
class _Questions:
    """Which sets of features to ask about, and how the answers make up each feature's share.

    `sets` (sets × features) says which features are the car's own: none in the first, all in the last. Row by feature,
    `after` and `before` are positions of sets that differ in that feature alone, and `weights` of a row sum to 1.
    """

    sets: np.ndarray
    after: np.ndarray
    before: np.ndarray
    weights: np.ndarray


def learn_typical(listings: pd.DataFrame, choice: FeatureChoice) -> Typical:
    """Learn the typical cars from the listings that the model learns from.

    A typical number is the lower median, so that a year is a year and a boolean one of the two; a typical category is
    the most common one, of equally common ones the first by the alphabet.
    """
    names = [name for name in choice.columns if name not in {"make", "model"}]
    cars = select_features(listings, choice)[names].assign(
        market="", **{f"{name} of the group": listings[name].astype("str") for name in ("make", "model")}
    )
    levels = (["market"], ["make of the group"], ["make of the group", "model of the group"])
    described = [_describe_groups(cars, keys, choice, names) for keys in levels]
    together = pd.concat(described, ignore_index=True)
    models: dict[str, dict[str, int]] = {}
    for position, (make, model) in enumerate(described[2].index, start=1 + len(described[1])):
        models.setdefault(make, {})[model] = position
    return Typical(
        numbers={name: together[name].to_numpy(dtype="float64") for name in names if name in choice.numbers},
        categories={name: _to_texts(together[name]) for name in names if name in choice.categories},
        makes={make: position for position, make in enumerate(described[1].index, start=1)},
        models=models,
    )


def explain_price(car: pd.DataFrame, typical: Typical, estimate: Estimate) -> Explanation:
    """Explain the price of one car, a frame of one row with make, model and all columns that the model uses.

    `estimate` takes such frames and returns money, one number per row; it is called once. The amounts are Shapley
    values: each feature's share, averaged over the orderings in which the car's features may take the place of the
    typical car's. Exact up to `MAX_EXACT_FEATURES` differing features, else over `ORDERINGS` drawn by a fixed seed,
    each with its reverse, which is exact for what at most two features do together. Source: Shapley 1953; drawn
    orderings: Castro, Gómez and Tejada, Computers & Operations Research 2009; reversed ones: Mitchell, Cooper, Frank
    and Holmes, Journal of Machine Learning Research 2022.
    """
    (explanation,) = explain_prices(car, typical, estimate)
    return explanation


def explain_prices(cars: pd.DataFrame, typical: Typical, estimate: Estimate) -> list[Explanation]:
    """Explain the price of each car as `explain_price` does, still by one call of `estimate`."""
    if cars.empty:
        return []
    positions = [_find_typical(str(make), str(model), typical) for make, model in zip(cars["make"], cars["model"], strict=True)]
    differing = [_find_differing(cars.iloc[[row]], typical, position) for row, (position, _) in enumerate(positions)]
    asked = [_mix(cars.iloc[[row]], names, _choose_questions(len(names)).sets) for row, names in enumerate(differing)]
    answers = np.asarray(estimate(pd.concat(asked, ignore_index=True)), dtype="float64")
    bounds = np.cumsum([len(frame) for frame in asked])[:-1]
    return [
        _add_up(names, values, based_on)
        for names, values, (_, based_on) in zip(differing, np.split(answers, bounds), positions, strict=True)
    ]


def _describe_groups(cars: pd.DataFrame, keys: list[str], choice: FeatureChoice, names: list[str]) -> pd.DataFrame:
    """Return one row per group, indexed by its keys in order, with its typical value in each column."""
    groups = cars.groupby(keys if len(keys) > 1 else keys[0], sort=True)
    described = {}
    for name in names:
        if name in choice.numbers:
            is_told = groups[name].count() * 2 >= groups.size()
            described[name] = groups[name].quantile(0.5, interpolation="lower").where(is_told)
        else:
            described[name] = _find_most_common(cars, keys, name).reindex(groups.size().index)
    return pd.DataFrame(described, index=groups.size().index)


def _find_most_common(cars: pd.DataFrame, keys: list[str], name: str) -> pd.Series:
    counts = cars.groupby([*keys, name], sort=True, dropna=False).size().rename("count").reset_index()
    counts = counts.dropna(subset=keys).sort_values("count", ascending=False, kind="stable")
    return counts.drop_duplicates(keys).set_index(keys)[name]


def _to_texts(values: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in values]


def _find_typical(make: str, model: str, typical: Typical) -> tuple[int, Basis]:
    if model in typical.models.get(make, {}):
        return typical.models[make][model], "make and model"
    return (typical.makes[make], "make") if make in typical.makes else (0, "market")


@dataclass(frozen=True)
class _Difference:
    """A feature in which a car differs from the typical one: both values, typical first, as a column and for a person."""

    feature: str
    column: pd.Series
    typical_value: Value
    value: Value


def _find_differing(car: pd.DataFrame, typical: Typical, position: int) -> list[_Difference]:
    columns = {name: _pair_texts(values[position], car[name]) for name, values in typical.categories.items()}
    columns |= {name: _pair_numbers(values[position], car[name]) for name, values in typical.numbers.items()}
    pairs = {name: [_to_plain(value) for value in column] for name, column in columns.items()}
    return [_Difference(name, columns[name], *pair) for name, pair in pairs.items() if pair[0] != pair[1]]


def _pair_texts(typical_value: str | None, own: pd.Series) -> pd.Series:
    return pd.concat([pd.Series([typical_value], dtype=own.dtype), own], ignore_index=True)


def _pair_numbers(typical_value: float, own: pd.Series) -> pd.Series:
    numbers = pd.Series([typical_value, *own.astype("Float64").astype("float64")], dtype="float64")
    return numbers.astype("boolean") if own.dtype == "boolean" else numbers


def _to_plain(value: Any) -> Value:
    if pd.isna(value):
        return None
    return bool(value) if isinstance(value, np.bool_) else value if isinstance(value, (bool, str)) else float(value)


def _mix(car: pd.DataFrame, differing: list[_Difference], sets: np.ndarray) -> pd.DataFrame:
    """Return one car per set: as the car where the set says so, as the typical one elsewhere."""
    repeated = car.iloc[np.zeros(len(sets), dtype=int)].reset_index(drop=True)
    mixed = {
        difference.feature: difference.column.take(sets[:, place].astype(int)).reset_index(drop=True)
        for place, difference in enumerate(differing)
    }
    return repeated.assign(**mixed)


def _add_up(differing: list[_Difference], values: np.ndarray, based_on: Basis) -> Explanation:
    questions = _choose_questions(len(differing))
    # Differences first: a feature that changes no answer then contributes nothing at all, not a rounding error.
    amounts = ((values[questions.after] - values[questions.before]) * questions.weights).sum(axis=1)
    contributions = [
        Contribution(difference.feature, difference.value, difference.typical_value, float(amount))
        for difference, amount in zip(differing, amounts, strict=True)
    ]
    contributions.sort(key=lambda contribution: (-abs(contribution.amount), contribution.feature))
    return Explanation(float(values[0]), tuple(contributions), float(values[-1]), based_on)


@functools.cache
def _choose_questions(count: int) -> _Questions:
    return _ask_all(count) if count <= MAX_EXACT_FEATURES else _ask_orderings(count)


def _ask_all(count: int) -> _Questions:
    """Ask about every set; the position of a set, in binary, says which features are in it."""
    positions = np.arange(2**count)
    sets = (positions[:, None] >> np.arange(count) & 1).astype(bool)
    before = np.array([positions[~sets[:, feature]] for feature in range(count)], dtype=int).reshape(count, 2**count // 2)
    after = before + (1 << np.arange(count))[:, None]
    sizes = sets.sum(axis=1)[before]
    chances = np.array([1 / (count * comb(count - 1, size)) for size in range(count)])  # of a set to come before a feature
    return _Questions(sets, after, before, chances[sizes])


def _ask_orderings(count: int) -> _Questions:
    """Ask about the sets along each drawn ordering and its reverse."""
    random = np.random.default_rng(SEED)
    drawn = np.array([random.permutation(count) for _ in range(ORDERINGS)])
    ranks = np.argsort(np.concatenate([drawn, drawn[:, ::-1]]), axis=1)
    # Along an ordering, the set of size s holds the features of rank below s.
    along = ranks[:, None, :] < np.arange(count + 1)[None, :, None]
    sets, positions = np.unique(along.reshape(-1, count), axis=0, return_inverse=True)
    positions = positions.reshape(len(ranks), count + 1)
    before = np.take_along_axis(positions, ranks, axis=1).T
    after = np.take_along_axis(positions, ranks + 1, axis=1).T
    return _Questions(sets, after, before, np.full(before.shape, 1 / len(ranks)))
