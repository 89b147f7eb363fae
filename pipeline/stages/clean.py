"""Clean: fold the accepted rows of all deliveries into listings, one per car for sale, with their price history."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def fold_listings(frames: Sequence[pd.DataFrame], nights: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fold accepted rows into listings and their prices.

    `frames` are the accepted rows of the deliveries in order of (night, name), `nights` their nights ("" where
    undated). Returns `listings`, one row per `listing_id` with the latest known value of each column, `first_seen_on`,
    `last_seen_on` (None where undated), `nights_seen`, and `group_id`; and `prices`, one row per listing and change of
    price. Both are sorted by `listing_id`.
    """
    rows = pd.concat([_date_rows(frame, night) for frame, night in zip(frames, nights, strict=True)], ignore_index=True)
    # An undated delivery may hold adverts of many dates, in any order.
    rows = rows.sort_values("seen_on", kind="stable", na_position="first", ignore_index=True)
    grouped = rows.groupby("listing_id", sort=True)
    seen = grouped["seen_on"]
    listings = grouped.last().drop(columns=["row", "seen_on"])
    # What an undated delivery mentions too was first seen no one knows when, not on the first dated night.
    listings["first_seen_on"] = seen.min().where(seen.count() == grouped.size()).astype("str")
    listings["last_seen_on"] = seen.max().astype("str")
    listings["nights_seen"] = seen.nunique()
    listings = listings.reset_index()
    return _group_twins(listings), _follow_prices(rows)


def _date_rows(frame: pd.DataFrame, night: str) -> pd.DataFrame:
    """Say when each row was seen: the delivery's night, else the advert's own date, else not at all."""
    if night or "posted_on" not in frame:
        return frame.assign(seen_on=pd.Series(night or None, index=frame.index, dtype="str"))
    return frame.assign(seen_on=frame["posted_on"].astype("str"))


def _group_twins(listings: pd.DataFrame) -> pd.DataFrame:
    """Name each set of twins after its oldest member: the name stays when younger twins join."""
    oldest_first = listings.sort_values(["first_seen_on", "listing_id"], na_position="first")
    names = oldest_first.groupby("twin_id", sort=False)["listing_id"].first()
    return listings.assign(group_id=listings["twin_id"].map(names).astype("str")).drop(columns="twin_id")


def _follow_prices(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the first price of each listing and every later one that differs from the one before."""
    prices = rows[["listing_id", "seen_on", "price"]].sort_values("listing_id", kind="stable")
    is_change = (prices["listing_id"] != prices["listing_id"].shift()) | (prices["price"] != prices["price"].shift())
    return prices[is_change].reset_index(drop=True)
