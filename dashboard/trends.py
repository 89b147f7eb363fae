"""Trends: how many cars were for sale at which prices, for how long, and how prices were cut; grouped from Clean's frames, free of Streamlit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

LISTING_COLUMNS = ["listing_id", "make", "model", "year", "price", "first_seen_on", "last_seen_on"]
MIN_CARS = 10  # of a make or model whose levels or cuts are told: fewer say little
_MOST_NIGHTS = 120  # that are told one by one; more are told by the week
_CUT_EDGES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Survival:
    """Kaplan and Meier's estimate, 1958: `curve` has day and share still for sale; how many were gone, still there, or left out as there from the first."""

    curve: pd.DataFrame
    gone: int
    still: int
    left_out: int

    @property
    def median_days(self) -> float | None:
        """After how many days half of the cars were gone; None where that was not seen yet."""
        reached = self.curve.loc[self.curve["share"] <= 0.5, "day"]
        return float(reached.iloc[0]) if len(reached) else None


@dataclass(frozen=True)
class Cuts:
    """Changes of asked prices: `sizes` counts cuts by size, `shares` has name, n and the share of listings with a cut."""

    listings: int
    with_cut: int
    cuts: int
    rises: int
    median_cut: float | None
    sizes: pd.DataFrame
    shares: pd.DataFrame


def list_nights(listings: pd.DataFrame, prices: pd.DataFrame) -> list[str]:
    """Return the nights on which anything was seen, in order."""
    seen = [listings["first_seen_on"], listings["last_seen_on"], prices["seen_on"]]
    return sorted(set(pd.concat(seen).dropna()))


def rank_levels(live: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return name, n, low (lower quartile), median and high (upper quartile) of the prices by a column, the most frequent first."""
    grouped = live.groupby(by)["price"]
    shares = {"low": 0.25, "median": 0.5, "high": 0.75}
    levels = pd.DataFrame({name: grouped.quantile(share) for name, share in shares.items()})
    levels = levels.assign(n=grouped.size()).reset_index(names="name")
    return levels.sort_values(["n", "name"], ascending=[False, True], ignore_index=True)


def follow_market(listings: pd.DataFrame, prices: pd.DataFrame, nights: list[str]) -> pd.DataFrame:
    """Return night, n, low, median and high of the prices asked on each night, or on the last of each week where nights are many.

    A listing is for sale from the first to the last night that it was seen, at the last price that was seen until then.
    """
    spans = _find_spans(listings, prices, nights)
    told = []
    for place in _choose_nights(nights):
        asked = spans["price"].to_numpy()[(spans["start"] <= place) & (spans["end"] > place)]
        if len(asked):
            low, median, high = np.quantile(asked, [0.25, 0.5, 0.75])
            told.append({"night": nights[place], "n": len(asked), "low": low, "median": median, "high": high})
    return pd.DataFrame(told, columns=["night", "n", "low", "median", "high"])


def follow_survival(listings: pd.DataFrame, nights: list[str]) -> Survival:
    """Estimate how long cars stay for sale: those of the newest night are censored, those of the first began nobody knows when."""
    is_dated = listings["first_seen_on"].notna() & (listings["first_seen_on"] > nights[0])
    known = listings[is_dated]
    days = (pd.to_datetime(known["last_seen_on"]) - pd.to_datetime(known["first_seen_on"])).dt.days.to_numpy() + 1
    is_gone = (known["last_seen_on"] < nights[-1]).to_numpy()
    distinct = np.unique(days)
    at_risk = len(days) - np.searchsorted(np.sort(days), distinct)
    left = np.array([(is_gone & (days == day)).sum() for day in distinct])
    shares = np.cumprod(1 - left / np.maximum(at_risk, 1)) if len(distinct) else np.array([])
    curve = pd.DataFrame({"day": [0, *distinct], "share": [1.0, *shares]})
    return Survival(curve, int(is_gone.sum()), int((~is_gone).sum()), int((~is_dated).sum()))


def count_cuts(listings: pd.DataFrame, prices: pd.DataFrame, by: str) -> Cuts:
    """Count the price changes of listings, and the share of those with a cut by a column."""
    own = prices[prices["listing_id"].isin(listings["listing_id"])]
    before = own.groupby("listing_id", sort=False)["price"].shift()
    changes = (own["price"] / before - 1).dropna()
    cuts = -changes[changes < 0].round(9)  # 10 % off is 10 % off, whatever the last bit of the quotient says
    was_cut = listings["listing_id"].isin(own.loc[cuts.index, "listing_id"])
    grouped = was_cut.groupby(listings[by])
    shares = pd.DataFrame({"n": grouped.size(), "share": grouped.mean()}).reset_index(names="name")
    shares = shares[shares["n"] >= MIN_CARS].sort_values(["n", "name"], ascending=[False, True], ignore_index=True)
    places = np.searchsorted(_CUT_EDGES, cuts.to_numpy(), side="left")
    counted = np.bincount(places, minlength=len(_CUT_EDGES) + 1)
    sizes = pd.DataFrame({"low": [0.0, *_CUT_EDGES], "high": [*_CUT_EDGES, np.inf], "n": counted})
    median = float(cuts.median()) if len(cuts) else None
    return Cuts(len(listings), int(was_cut.sum()), len(cuts), int((changes > 0).sum()), median, sizes, shares)


def _find_spans(listings: pd.DataFrame, prices: pd.DataFrame, nights: list[str]) -> pd.DataFrame:
    """Return each price with the places of the first night that it was asked and of the first that it was not."""
    last_seen = listings.set_index("listing_id")["last_seen_on"]
    own = prices[prices["seen_on"].notna() & prices["listing_id"].isin(last_seen.index)]
    start = np.searchsorted(nights, own["seen_on"].to_numpy(dtype=str))
    last = np.searchsorted(nights, own["listing_id"].map(last_seen).to_numpy(dtype=str), side="right")
    spans = pd.DataFrame({"listing_id": own["listing_id"].to_numpy(), "price": own["price"].to_numpy(), "start": start})
    following = spans.groupby("listing_id", sort=False)["start"].shift(-1)
    return spans.assign(end=following.fillna(pd.Series(last, index=spans.index)))


def _choose_nights(nights: list[str]) -> list[int]:
    if len(nights) <= _MOST_NIGHTS:
        return list(range(len(nights)))
    weeks = pd.to_datetime(pd.Series(nights)).dt.strftime("%G-%V")
    return [int(place) for place in weeks.drop_duplicates(keep="last").index]
