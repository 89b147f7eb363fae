"""Verdicts: which rows are refused, each with every reason, by their columns, limits and the market's rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline import listing
from pipeline.listing import Kind
from pipeline.market import Column, Market, Rule, range_ends
from pipeline.stages import cells

ROW_EMPTY = "row is empty"
_DTYPES: dict[Kind, str] = {"number": "float64", "category": "str", "text": "str", "date": "str", "boolean": "boolean"}


class Refusal(NamedTuple):
    """Rows that are refused for one reason, with what stands in each row, and the turn in which it was asked for, whether rows had it or not."""

    mask: np.ndarray
    reason: str
    texts: np.ndarray
    turn: int


@dataclass
class Verdicts:
    """Which rows are refused, and why; of an empty one that says all."""

    size: int
    is_empty: np.ndarray
    refused: list[Refusal] = field(default_factory=list)
    turns: int = 0

    def __post_init__(self) -> None:
        if self.is_empty.any():
            self.refused.append(Refusal(self.is_empty, ROW_EMPTY, np.full(self.size, "", dtype=object), 0))

    def refuse(self, mask: np.ndarray, reason: str, texts: np.ndarray) -> None:
        """Refuse the rows of the mask for one reason; `texts` holds what stands in each row."""
        mask = mask & ~self.is_empty
        self.turns += 1
        if mask.any():
            self.refused.append(Refusal(mask, reason, texts, self.turns))


def find_empty(rows: pd.DataFrame) -> np.ndarray:
    """Mark the rows of which no cell holds more than blanks."""
    is_empty = np.full(len(rows), len(rows.columns) > 0)
    for header in rows.columns:
        places = np.flatnonzero(is_empty)  # after a column or two none is left
        if not len(places):
            break
        is_empty[places] = rows[header].iloc[places].str.strip().to_numpy(dtype=object) == ""
    return is_empty


def judge_column(name: str, reading: cells.Reading | None, market: Market, verdicts: Verdicts) -> dict[str, pd.Series]:
    """Return a column's parsed values, with the ends of a range, and say which rows they condemn."""
    column, kind = market.columns[name], market.kind(name)
    ends = range_ends(name) if column.parser == "range" else ()
    if reading is None:
        nothing = np.full(verdicts.size, None, dtype=object)
        return {part: _series(nothing, "number" if ends else kind) for part in (*ends, name)}
    if name in listing.ALWAYS_REQUIRED:
        verdicts.refuse(reading.is_missing, f"{name} missing", reading.cells)
        verdicts.refuse(reading.is_unreadable, f"{name} unreadable", reading.cells)
    if not ends:
        parsed = _series(reading.values, kind)
        if kind == "number":
            _judge_limits(name, column, parsed, verdicts, reading.cells)
        return {name: parsed}
    low, high = (
        _series(np.array([None if value is None else value[end] for value in reading.values], dtype=object), "number")
        for end in (0, 1)
    )
    _judge_limits(name, column, high, verdicts, reading.cells)
    return {name: (low + high) / 2, ends[0]: low, ends[1]: high}


def _judge_limits(name: str, column: Column, values: pd.Series, verdicts: Verdicts, texts: np.ndarray) -> None:
    if column.limits is None:
        return
    low, high = column.limits
    verdicts.refuse((values < low).to_numpy(), f"{name} below {_write_limit(low)}", texts)
    verdicts.refuse((values > high).to_numpy(), f"{name} above {_write_limit(high)}", texts)


def apply_rule(rule: Rule, parsed: Mapping[str, pd.Series], readings: Mapping[str, cells.Reading], verdicts: Verdicts) -> None:
    """Refuse the rows that say all that the rule asks about."""
    names = [*rule.between, *rule.words]
    if not all(name in readings for name in names):
        return  # a delivery without the column says nothing that the rule asks about
    mask = np.ones(verdicts.size, dtype=bool)
    for name, words in rule.words.items():
        mask &= parsed[name].isin(list(words)).to_numpy(dtype=bool)
    for name, (low, high) in rule.between.items():
        mask &= parsed[name].between(low, high).to_numpy(dtype=bool)
    shown = np.full(verdicts.size, "", dtype=object)
    shown[mask] = [", ".join(texts) for texts in zip(*(readings[name].cells[mask] for name in names), strict=True)]
    verdicts.refuse(mask, rule.reason, shown)


def _write_limit(limit: float) -> str:
    """Write a limit for a person: 2,000,000 in groups, a year without."""
    return f"{limit:,.10g}" if abs(limit) >= 10_000 else f"{limit:g}"


def _series(values: np.ndarray, kind: Kind) -> pd.Series:
    return pd.Series(values, dtype=_DTYPES[kind])
