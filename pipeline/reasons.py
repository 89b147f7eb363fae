"""Why a price is what it is: what moved it from the typical car's, and the real adverts nearest to the car."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.current import read_current
from pipeline.services import frames
from pipeline.stages.train import PriceModel
from pipeline.valuation.comparables import find_comparables
from pipeline.valuation.contributions import Explanation, Value, explain_price

SHOWN = 6  # contributions and comparables that a person is shown


@dataclass(frozen=True)
class Reasons:
    """The explanation of one estimate, and the adverts nearest to the car, nearest first."""

    explanation: Explanation
    comparables: pd.DataFrame

    def plain(self) -> dict[str, Any]:
        """Return both as plain values."""
        names = ["make", "model", "year", "mileage_km", "price", "distance", "differences"]
        shown = self.comparables[[name for name in names if name in self.comparables]]
        return {"explanation": asdict(self.explanation), "comparables": shown.to_dict("records")}

    def lines(self, currency: str) -> Iterator[tuple[str, str]]:
        """Yield titled lines for a person."""
        told = self.explanation
        yield "typical", f"{told.typical_estimate:,.0f} {currency}, the typical car of its {told.based_on}"
        for change in told.contributions[:SHOWN]:
            yield "", f"{change.amount:+,.0f}  {change.feature} {_show(change.value)} instead of {_show(change.typical_value)}"
        rest = told.contributions[SHOWN:]
        if rest:
            yield "", f"{sum(change.amount for change in rest):+,.0f}  {len(rest)} smaller things"
        for place, advert in enumerate(self.comparables.head(SHOWN).to_dict("records")):
            yield ("" if place else "nearest"), f"{advert['price']:,.0f} {currency}  {advert['differences']}"


def read_listings(market: str) -> pd.DataFrame:
    """Return the market's current listings, none where nothing is current."""
    current = read_current(market)
    if current is None:
        return pd.DataFrame(columns=["listing_id", "group_id", "make", "model", "price"])
    return frames.read_frame(Path(current.stages["clean"]) / "listings.parquet")


def find_reasons(model: PriceModel, car: pd.DataFrame, listings: pd.DataFrame, untold: Collection[str] = ()) -> Reasons:
    """Explain the price of one car (a frame of one row in canonical columns) beside listings.

    What donors lend to the car they lend to the typical one, too: that it is not told moves no price.
    """
    told = car.assign(**{name: None for name in model.choice.columns if name not in car})
    (is_lent,) = model.find_lent(told, untold).to_dict("records")
    typical = model.typical.without([str(name) for name, found in is_lent.items() if found])
    explanation = explain_price(told, typical, lambda asked: model.estimate(asked, untold=untold)["estimate"].to_numpy())
    return Reasons(explanation, find_comparables(car, listings))


def _show(value: Value) -> str:
    if value is None:
        return "not told"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        f"{value:,.10g}"
        if isinstance(value, float) and abs(value) >= 10_000
        else f"{value:g}"
        if isinstance(value, float)
        else value
    )
