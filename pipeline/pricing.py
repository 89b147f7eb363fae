"""Pricing: rows of text of any market in, and for each an outcome: a price, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.market import Market, fold_header
from pipeline.serving import ServedModel
from pipeline.stages import cars
from pipeline.stages.appraise import appraise
from pipeline.valuation.domain import REFUSED

if TYPE_CHECKING:
    from pipeline.reasons import Reasons

UNREADABLE = "unreadable"


class Outcome(NamedTuple):
    """What became of a row: whole units of money, or None where there is no price, and why."""

    estimate: int | None
    low: int | None
    high: int | None
    currency: str
    status: str
    reason: str


class Pricer:
    """Prices records under fixed headers with one model; `file_stem` is the name of the file they come from, if any."""

    def __init__(self, served: ServedModel, market: Market, headers: Sequence[str], file_stem: str = "") -> None:
        """Fit the market to the headers."""
        self.served = served
        self._headers = list(headers)
        self._market = cars.fit_headers(headers, market)
        self._named = self._market.values_from_name(file_stem)
        self._words = served.model.words
        claimed = {fold_header(header) for column in self._market.columns.values() for header in column.headers}
        self._used = [place for place, header in enumerate(headers) if fold_header(header) in claimed]

    @property
    def untold(self) -> list[str]:
        """The columns that the model looks at and most listings tell, and no header does: intervals rest on cars that tell them."""
        headers = {fold_header(header) for header in self._headers}
        typical = self.served.model.typical
        told_by_most = {
            *(name for name, values in typical.numbers.items() if not np.isnan(values[0])),
            *(name for name, values in typical.categories.items() if values[0] is not None),
        }
        return [
            name
            for name, column in self._market.columns.items()
            if name in told_by_most and name not in self._named and not headers & set(map(fold_header, column.headers))
        ]

    def price(self, records: Sequence[Sequence[str]]) -> list[Outcome]:
        """Return an outcome for each record, in order; one of another width than the header is unreadable."""
        width = len(self._headers)
        fitting = [record for record in records if len(record) == width]
        priced = iter(self._price_fitting(fitting)) if fitting else iter(())
        return [next(priced) if len(record) == width else self._tell_unreadable(record) for record in records]

    def reason(self, record: Sequence[str], listings: pd.DataFrame) -> Reasons:
        """Return why one record's car is priced as it is, and the nearest to it of a market's listings."""
        from pipeline.reasons import find_reasons

        return find_reasons(self.served.model, self._read([record]).listings, listings)

    def understand(self, record: Sequence[str]) -> dict[str, Any]:
        """Return what is known of one record's car, in canonical columns and units."""
        listings = self._read([record]).listings
        known = {name: listings[name].iloc[0] for name in self._market.columns}
        return {name: value for name, value in known.items() if pd.notna(value)}

    def _read(self, records: Sequence[Sequence[str]]) -> cars.Cars:
        columns = {self._headers[place]: pd.Series([record[place] for record in records], dtype=object) for place in self._used}
        return cars.read_cars(pd.DataFrame(columns), self._market, self._named, self._words)

    def _price_fitting(self, records: Sequence[Sequence[str]]) -> list[Outcome]:
        read = self._read(records)
        can_be_priced = np.array([not refusal for refusal in read.refusals], dtype=bool)
        appraisals = appraise(self.served.model, read.listings[can_be_priced]) if can_be_priced.any() else None
        told = appraisals.itertuples(index=False, name=None) if appraisals is not None else iter(())
        outcomes = []
        for refusal, note in zip(read.refusals, read.notes, strict=True):
            if refusal:
                outcomes.append(self._tell(REFUSED, refusal))
                continue
            *figures, status, reason = next(told)
            stale = f"stale: {self.served.stale}" if self.served.stale and status != REFUSED else ""
            outcomes.append(self._tell(status, "; ".join(filter(None, (reason, note, stale))), figures))
        return outcomes

    def _tell_unreadable(self, record: Sequence[str]) -> Outcome:
        """Say how a record does not fit, and keep what has no column to stand in."""
        width = len(self._headers)
        beyond = f"; beyond the last column: {', '.join(map(repr, record[width:]))}" if len(record) > width else ""
        return self._tell(UNREADABLE, f"row has {len(record)} cells and the header {width}{beyond}")

    def _tell(self, status: str, reason: str, figures: Sequence[float] = (np.nan,) * 3) -> Outcome:
        estimate, low, high = (None if np.isnan(figure) else round(figure) for figure in figures)
        return Outcome(estimate, low, high, self._market.currency, status, reason)
