"""Encodings: listings as integer codes of categories and as numbers, learnt from the listings to train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.valuation.mileage import MileageFloor, learn_floor

MAX_NATIVE_CATEGORIES = 254  # HistGradientBoosting takes at most 255 categories a column
UNKNOWN = -1
SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Encoding:
    """What was learnt of the columns: the levels of each category, most frequent first, and which mileages are believed."""

    categories: list[str]
    numbers: list[str]
    levels: dict[str, list[str]]
    floor: MileageFloor


@dataclass(frozen=True)
class Encoded:
    """Encoded listings: `codes` (listings × categories, −1 unknown or missing), `numbers` (NaN where missing)."""

    categories: list[str]
    number_names: list[str]
    codes: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: np.ndarray) -> Encoded:
        """Return these rows alone."""
        return Encoded(self.categories, self.number_names, self.codes[rows], self.numbers[rows])

    def code(self, category: str) -> np.ndarray:
        """Return the codes of one category; all unknown where the market has no such category."""
        if category not in self.categories:
            return np.full(len(self), UNKNOWN, dtype=np.int32)
        return self.codes[:, self.categories.index(category)]


def learn_encoding(listings: pd.DataFrame, kinds: Mapping[str, str]) -> Encoding:
    """Learn the encoding of the feature columns in `kinds` (name to "category" or a kind of number).

    A column that is missing, always missing or constant among the listings is left out.
    """
    used = [name for name in kinds if name in listings and listings[name].dropna().nunique() > 1]
    categories = [name for name in used if kinds[name] == "category"]
    numbers = [name for name in used if kinds[name] != "category"]
    texts = _category_texts(listings, categories)
    levels = {name: _levels(values) for name, values in texts.items()}
    return Encoding(categories, numbers, levels, learn_floor(_number(listings, "mileage_km"), _number(listings, "year")))


def encode(listings: pd.DataFrame, encoding: Encoding) -> Encoded:
    """Encode listings; an absent column counts as missing everywhere, an unseen category as unknown, a mileage not believed as missing."""
    texts = _category_texts(listings, encoding.categories)
    codes = [_codes(texts[name], encoding.levels[name]) for name in encoding.levels]
    columns = {name: _number(listings, name) for name in encoding.numbers}
    if {"year", "mileage_km"} <= columns.keys():
        believed = encoding.floor.believes(columns["mileage_km"], columns["year"])
        columns["mileage_km"] = np.where(believed, columns["mileage_km"], np.nan)
    columns |= _derived_numbers(columns, encoding.floor.newest_year)
    return Encoded(
        categories=list(encoding.levels),
        number_names=list(columns),
        codes=np.column_stack(codes) if codes else np.zeros((len(listings), 0), np.int32),
        numbers=np.column_stack(list(columns.values())) if columns else np.zeros((len(listings), 0)),
    )


def native_categories(encoded: Encoded) -> np.ndarray:
    """Return codes as floats for HistGradientBoosting: rare ones beyond its limit and unknown ones are NaN."""
    codes = encoded.codes.astype(np.float64)
    codes[(codes < 0) | (codes >= MAX_NATIVE_CATEGORIES)] = np.nan
    return codes


def _category_texts(listings: pd.DataFrame, categories: list[str]) -> dict[str, np.ndarray]:
    """Return each category as an object array of text, None where missing; models as cars (make and model)."""
    texts = {name: _text(listings, name) for name in categories}
    if "model" not in texts:
        return texts
    models = texts.pop("model")
    makes = texts.get("make", np.full(len(models), "", dtype=object))
    texts["car"] = _join(makes, models)
    texts["family"] = _join(makes, np.array([_first_word(model) for model in models], dtype=object))
    return texts


def _text(listings: pd.DataFrame, name: str) -> np.ndarray:
    if name not in listings:
        return np.full(len(listings), None, dtype=object)
    values = listings[name].astype(object).to_numpy()
    missing = pd.isna(values)
    texts = np.array([str(value) for value in values], dtype=object)
    texts[missing] = None
    return texts


def _first_word(model: str | None) -> str | None:
    if model is None:
        return None
    words = model.lower().replace("-", " ").split()
    return words[0] if words else ""


def _join(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.array([None if b is None else f"{a}{SEPARATOR}{b}" for a, b in zip(left, right, strict=True)], dtype=object)


def _levels(values: np.ndarray) -> list[str]:
    counts = pd.Series([value for value in values if value is not None], dtype=object).value_counts()
    return sorted(map(str, counts.index), key=lambda level: (-int(counts[level]), level))


def _codes(values: np.ndarray, levels: list[str]) -> np.ndarray:
    numbers = {level: number for number, level in enumerate(levels)}
    return np.array([numbers.get(value, UNKNOWN) for value in values], dtype=np.int32)


def _number(listings: pd.DataFrame, name: str) -> np.ndarray:
    if name not in listings:
        return np.full(len(listings), np.nan)
    return pd.to_numeric(listings[name], errors="coerce").astype("Float64").to_numpy(np.float64, na_value=np.nan)


def _derived_numbers(columns: dict[str, np.ndarray], newest_year: float) -> dict[str, np.ndarray]:
    derived: dict[str, np.ndarray] = {}
    if "mileage_km" in columns:
        derived["log_mileage"] = np.log1p(np.maximum(columns["mileage_km"], 0) / 10_000)
    if "mileage_km" in columns and "year" in columns:
        age_years = np.maximum(newest_year - columns["year"], 0) + 0.7
        derived["km_per_year"] = columns["mileage_km"] / age_years
    return derived
