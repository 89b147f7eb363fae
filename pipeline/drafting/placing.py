"""Placing: which header is which canonical column, by its name and by the look of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline import listing
from pipeline.drafting.dictionary import header_names, header_score
from pipeline.drafting.looks import Look, plausibility, tells_distance, tells_money

# What the cells alone can tell, whatever the header says, and how sure they must be.
_TOLD_BY_CELLS = {"make": 0.8, "fuel": 0.9, "gearbox": 0.9, "vin": 0.8, "condition": 0.9, "body": 0.9, "color": 0.9}
_LEAST_PLAUSIBLE = {
    "make": 0.3,
    "model": 0.2,
    "fuel": 0.4,
    "gearbox": 0.4,
    "drive": 0.3,
    "body": 0.2,
    "color": 0.2,
    "condition": 0.3,
}
_USUAL_LEAST = 0.3
_PLACED = 0.35  # the least score
_BY_NAME = 0.65  # how much the name counts against the look


@dataclass(frozen=True)
class Placement:
    """A column that was placed: its look, and whether the header named it or only the cells told it."""

    look: Look
    score: float
    by_name: bool


def place_columns(looks: Sequence[Look]) -> dict[str, Placement]:
    """Return which column of the file is which canonical one, each at most once, so that all together fit best."""
    canonical = [name for name in listing.COLUMNS if name in header_names()]
    table = np.array([[_score(look, name) for look in looks] for name in canonical]).reshape(len(canonical), len(looks))
    rows, places = linear_sum_assignment(-np.where(table >= _PLACED, table, 0.0))
    return {
        canonical[row]: Placement(looks[place], float(table[row, place]), header_score(looks[place].header, canonical[row]) > 0)
        for row, place in zip(rows, places, strict=True)
        if table[row, place] >= _PLACED
    }


def _score(look: Look, column: str) -> float:
    """Weigh name and look; 0 where the look forbids it."""
    named = header_score(look.header, column)
    if named and header_score(look.header, "other") > named:
        return 0.0
    plausible = plausibility(look, column)
    if not named:
        return 0.5 * plausible if _tells(look, column, plausible) else 0.0
    if plausible < _LEAST_PLAUSIBLE.get(column, _USUAL_LEAST):
        return 0.0
    return _BY_NAME * named + (1 - _BY_NAME) * plausible


def _tells(look: Look, column: str, plausible: float) -> bool:
    if header_score(look.header, "other") > 0.9:
        return False
    if column == "price":
        return tells_money(look)
    if column == "mileage_km":
        return tells_distance(look)
    if column == "year":
        return plausible > 0.95 and not look.dates.share > 0.5 and len(look.words) > 3
    return plausible >= _TOLD_BY_CELLS.get(column, 2.0) and len(look.words) > 1
