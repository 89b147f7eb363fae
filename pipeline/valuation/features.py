"""Features: what of a listing a model sees, told apart from what cannot inform it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.listing import Kind


@dataclass(frozen=True)
class FeatureChoice:
    """The columns used, in order, and those refused, each with its reason."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    refused: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """All columns used: categories first."""
        return [*self.categories, *self.numbers]


def choose_features(listings: pd.DataFrame, kinds: Mapping[str, Kind]) -> FeatureChoice:
    """Choose among the market's feature columns by the listings to train on: a constant one is refused, by name."""
    refused = {name: reason for name in kinds if (reason := _constant(listings[name]))}
    used = [name for name in kinds if name not in refused]
    return FeatureChoice(
        numbers=tuple(name for name in used if kinds[name] != "category"),
        categories=tuple(name for name in used if kinds[name] == "category"),
        refused=refused,
    )


def select_features(listings: pd.DataFrame, choice: FeatureChoice) -> pd.DataFrame:
    """Return the feature frame: categories as text with None for missing, all else as floats with NaN."""
    columns: dict[str, pd.Series] = {}
    for name in choice.categories:
        text = listings[name].astype(object)
        columns[name] = text.where(text.notna(), None)
    for name in choice.numbers:
        columns[name] = (
            listings[name].astype("Float64").astype("float64") if listings[name].dtype == "boolean" else listings[name]
        )
    return pd.DataFrame(columns, columns=choice.columns).astype(dict.fromkeys(choice.numbers, np.float64))


def _constant(values: pd.Series) -> str | None:
    known = values.dropna()
    if known.empty:
        return "always missing"
    if known.nunique() > 1:
        return None
    value = known.iloc[0]
    return f"always {value}" if len(known) == len(values) else f"always {value} or missing"
