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
        """The columns that the model looks at and most listings tell, and no header does: they are lent by donors."""
        headers = {fold_header(header) for header in self._headers}
        told_by_most = self.served.model.told_by_most
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

        return find_reasons(self.served.model, self._read([record]).listings, listings, self.untold)

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
        can_be_priced, untold = np.array([not refusal for refusal in read.refusals], dtype=bool), self.untold
        appraisals = appraise(self.served.model, read.listings[can_be_priced], untold=untold) if can_be_priced.any() else None
        told = appraisals.itertuples(index=False, name=None) if appraisals is not None else iter(())
        lent = _tell_lent(self.served.model.find_lent(read.listings, untold))
        outcomes = []
        for refusal, note, averaged in zip(read.refusals, read.notes, lent, strict=True):
            if refusal:
                outcomes.append(self._tell(REFUSED, refusal))
                continue
            *figures, status, reason = next(told)
            notes = [reason, note]
            if status != REFUSED:
                notes += [averaged, f"stale: {self.served.stale}" if self.served.stale else ""]
            outcomes.append(self._tell(status, "; ".join(filter(None, notes)), figures))
        return outcomes

    def _tell_unreadable(self, record: Sequence[str]) -> Outcome:
        """Say how a record does not fit, and keep what has no column to stand in."""
        width = len(self._headers)
        beyond = f"; beyond the last column: {', '.join(map(repr, record[width:]))}" if len(record) > width else ""
        return self._tell(UNREADABLE, f"row has {len(record)} cells and the header {width}{beyond}")

    def _tell(self, status: str, reason: str, figures: Sequence[float] = (np.nan,) * 3) -> Outcome:
        estimate, low, high = (None if np.isnan(figure) else round(figure) for figure in figures)
        return Outcome(estimate, low, high, self._market.currency, status, reason)


def _tell_lent(is_lent: pd.DataFrame) -> list[str]:
    """Say of each row what is not told of it and was averaged over, "" where nothing was."""
    if not is_lent.any(axis=None):
        return [""] * len(is_lent)
    patterns, places = np.unique(is_lent.to_numpy(), axis=0, return_inverse=True)
    told = [", ".join(is_lent.columns[pattern]) for pattern in patterns]
    return [f"{told[place]} not told: averaged over the nearest adverts" if told[place] else "" for place in places.ravel()]
