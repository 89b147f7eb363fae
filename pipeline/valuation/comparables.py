"""Comparables: the adverts of the cars nearest to a car, by a distance that a trader would accept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

COUNT = 8
MIN_COUNT = 4  # up to so many are shown however far; with fewer of its own model, a car's make gives its other models
FAR = 8.0  # beyond it a trader would not call a car comparable

# Distances are in years: 1 is as much as a model year makes. What is worth how much was set by judging the neighbours
# of some ten cars of each real market. 7,500 to 25,000 km for a year estimate prices equally well there.
OTHER_MODEL = 15.0
RELATED_MODEL = 5.0  # one whose name starts with the same word: Doblo and Doblo Cargo


@dataclass(frozen=True)
class Scale:
    """What a number counts: so much of it is a year, it costs at most `most` years, and `missing` where it is not told."""

    per_year: float
    most: float
    missing: float


NUMBERS = {
    "year": Scale(1, np.inf, 3),
    "mileage_km": Scale(15_000, np.inf, 2),
    "engine_l": Scale(0.2, 4, 1),
    "power_hp": Scale(15, 4, 1),
    "fiscal_power_cv": Scale(1, 4, 1),
    "cylinders": Scale(1, 3, 0.5),
    "doors": Scale(2, 1, 0.25),
    "seats": Scale(2, 1, 0.25),
}
# Of the car's own mileage, where it is more than 15,000 km: on a car with 300,000 km, 15,000 more are little.
MILEAGE_SHARE_PER_YEAR = 0.15
# What it costs to differ in a word; half of it where it is not told. Color and place cost nothing: a trader compares
# cars in spite of them.
WORDS = {
    "fuel": 3.0,
    "body": 2.0,
    "gearbox": 2.0,
    "drive": 2.0,
    "has_four_wheel_drive": 2.0,
    "trim": 1.5,
    "origin": 1.0,
    "first_owner": 0.5,
}
# What a condition takes off a car, in years; one that is not told, or not known here, counts as used.
CONDITIONS = {
    "new": 0.0,
    "like new": 0.5,
    "excellent": 1.0,
    "very good": 1.5,
    "good": 2.0,
    "used": 2.0,
    "fair": 3.5,
    "damaged": 8.0,
    "salvage": 8.0,
    "for parts": 10.0,
}
_CONDITION_MISSING = 0.25  # on top
# Words that traders do not tell apart, each with the one that stands for both; and those that say nothing.
_STANDS_FOR = {"pickup": "truck", "minivan": "van", "offroad": "suv", "4x4": "all-wheel", "semi-automatic": "automatic"}
SAYS_NOTHING = "other"
_POSTED_AGAIN = ["year", "mileage_km", "price"]  # equal in an advert that was posted again
_TOLD_IN_WORDS = {
    "condition": "{} condition",
    "drive": "{} drive",
    "trim": "trim {}",
}
_TOLD_IN_TRUTHS = {
    "first_owner": {"True": "first owner", "False": "not the first owner"},
    "has_four_wheel_drive": {"True": "four-wheel drive", "False": "no four-wheel drive"},
}
_UNITS = {
    "engine_l": "{:.1f} l engine",
    "power_hp": "{:,.0f} hp",
    "fiscal_power_cv": "{:.0f} CV",
    "cylinders": "{:.0f} cylinders",
    "doors": "{:.0f} doors",
    "seats": "{:.0f} seats",
}
_NAMES = {"mileage_km": "mileage", "engine_l": "engine", "power_hp": "power", "fiscal_power_cv": "fiscal power"}
_NAMES |= {"has_four_wheel_drive": "four-wheel drive"}
_ALIKE_KM = 1_000  # a smaller difference in mileage is none


def find_comparables(car: pd.DataFrame, listings: pd.DataFrame, count: int = COUNT) -> pd.DataFrame:
    """Return the listings nearest to a car, nearest first, each with its `distance` (years) and `differences` (a text).

    `car` is a frame of one row with make and model, and whatever else of the listings' columns is known of it;
    `listings` has listing_id and group_id besides. At most `count` are returned, and of those that are `FAR` only as
    many as make it `MIN_COUNT`. They are of the car's own model; where fewer than `MIN_COUNT` cars of it are for sale,
    the make's other models fill up. The car itself and its twins are left out, and of other twins one is shown; the
    same year, mileage and price count as twins, for many an advert is posted again with a word changed. Equal distances
    go by listing_id. What the car does not tell counts for nothing; what a listing does not tell costs less than a
    mismatch. Of a make that is not for sale there are none.
    """
    (told,) = car.to_dict("records")
    candidates = _choose_candidates(told, listings)
    distances = sum(_measure(told, candidates), np.zeros(len(candidates)))
    measured = candidates.assign(distance=distances).sort_values(["distance", "listing_id"], kind="stable")
    nearest = _leave_out_twins(measured).head(count)
    nearest = nearest[(nearest["distance"] <= FAR) | (np.arange(len(nearest)) < MIN_COUNT)]
    differences = [", ".join(_tell(told, listing)) or "the same in all that is told" for listing in nearest.to_dict("records")]
    return nearest.assign(differences=pd.Series(differences, index=nearest.index, dtype="str"))


def _choose_candidates(told: Mapping[Any, Any], listings: pd.DataFrame) -> pd.DataFrame:
    """Return the listings of the car's model, or of its make where those are few; never the car itself."""
    is_candidate = listings["make"].eq(told["make"]).fillna(value=False).astype(bool)
    for name in ("listing_id", "group_id"):
        if _is_told(told.get(name)):
            is_candidate &= listings[name] != told[name]
    if all(name in listings and _is_told(told.get(name)) for name in _POSTED_AGAIN):
        is_candidate &= (listings[_POSTED_AGAIN] != [told[name] for name in _POSTED_AGAIN]).any(axis=1)
    of_make = listings[is_candidate]
    of_model = of_make[of_make["model"].eq(told["model"]).fillna(value=False).astype(bool)]
    return of_model if of_model["group_id"].nunique() >= MIN_COUNT else of_make


def _leave_out_twins(listings: pd.DataFrame) -> pd.DataFrame:
    """Keep the first of each group, and of those with the same year, mileage and price."""
    once = listings.drop_duplicates("group_id")
    told = once.reindex(columns=["model", *_POSTED_AGAIN])
    return once[~told.duplicated() | told.isna().any(axis=1)]


def _measure(told: Mapping[Any, Any], listings: pd.DataFrame) -> Iterator[np.ndarray]:
    """Yield each listing's distance in each column that the car tells."""
    yield _measure_models(told["model"], listings["model"])
    for name in _comparable_columns(told, listings):
        if name in WORDS:
            yield _measure_words(told[name], listings[name], WORDS[name])
        elif name == "condition":
            yield _measure_conditions(told[name], listings[name])
        else:
            yield _measure_numbers(float(told[name]), listings[name], _find_scale(name, float(told[name])))


def _comparable_columns(told: Mapping[Any, Any], listings: pd.DataFrame) -> list[str]:
    known = [*NUMBERS, *WORDS, "condition"]
    return [name for name in known if name in listings and _is_told(told.get(name))]


def _is_told(value: Any) -> bool:
    return not pd.isna(value) and value != SAYS_NOTHING


def _find_scale(name: str, value: float) -> Scale:
    scale = NUMBERS[name]
    if name == "mileage_km":
        return Scale(max(scale.per_year, MILEAGE_SHARE_PER_YEAR * value), scale.most, scale.missing)
    return scale


def _measure_models(model: Any, others: pd.Series) -> np.ndarray:
    is_same = others.eq(model).fillna(value=False).to_numpy(dtype=bool)
    first_words = others.astype("str").str.replace(r"\s.*", "", regex=True)
    is_related = first_words.eq(str(model).partition(" ")[0]).fillna(value=False).to_numpy(dtype=bool)
    return np.where(is_same, 0.0, np.where(is_related, RELATED_MODEL, OTHER_MODEL))


def _measure_numbers(value: float, others: pd.Series, scale: Scale) -> np.ndarray:
    apart = (others.astype("Float64").astype("float64") - value).abs() / scale.per_year
    return apart.clip(upper=scale.most).fillna(scale.missing).to_numpy()


def _measure_words(word: Any, others: pd.Series, cost: float) -> np.ndarray:
    words = others.astype("str").replace(_STANDS_FOR)
    is_told = words.notna() & (words != SAYS_NOTHING)
    return np.where(is_told, np.where(words == str(_stand_for(word)), 0.0, cost), cost / 2)


def _stand_for(word: Any) -> Any:
    return _STANDS_FOR.get(word, word)


def _measure_conditions(condition: Any, others: pd.Series) -> np.ndarray:
    used = CONDITIONS["used"]
    taken = others.map(CONDITIONS).astype("float64")
    apart = (taken.fillna(used) - CONDITIONS.get(str(condition), used)).abs()
    return (apart + taken.isna() * _CONDITION_MISSING).to_numpy()


def _tell(told: Mapping[Any, Any], listing: Mapping[Any, Any]) -> Iterator[str]:
    """Yield what a person should know of a listing: where it differs, and what it does not tell that counts for a year."""
    if listing["model"] != told["model"]:
        yield f"{listing['make']} {listing['model']}"
    for name in ("year", "mileage_km", *WORDS, *_UNITS, "condition"):
        if name not in listing or not _is_told(told.get(name)):
            continue
        if _is_told(listing[name]):
            yield from _tell_difference(name, told[name], listing[name])
        elif _cost_of_missing(name) >= 1:
            yield f"{_NAMES.get(name, name)} not told"


def _cost_of_missing(name: str) -> float:
    if name == "condition":
        return _CONDITION_MISSING
    return WORDS[name] / 2 if name in WORDS else NUMBERS[name].missing


def _tell_difference(name: str, value: Any, other: Any) -> Iterator[str]:
    if _stand_for(other) == _stand_for(value):
        return
    if name == "year":
        years = abs(other - value)
        yield f"{years:.0f} {'year' if years == 1 else 'years'} {'newer' if other > value else 'older'}"
    elif name == "mileage_km":
        if abs(other - value) >= _ALIKE_KM:
            yield f"{round(abs(other - value), -3):,.0f} km {'more' if other > value else 'less'}"
    elif name in _UNITS:
        yield _UNITS[name].format(other)
    elif name in _TOLD_IN_TRUTHS:
        yield _TOLD_IN_TRUTHS[name].get(str(other), f"{_NAMES.get(name, name)} {other}")
    else:
        yield _TOLD_IN_WORDS.get(name, "{}").format(other)
