"""Clean: fold the accepted rows of all deliveries into listings, one per car for sale, with their price history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

CAR = ["make", "model", "year"]  # what no car ever changes


@dataclass(frozen=True)
class Folded:
    """What all deliveries say together.

    `listings`: one row per `listing_id` with the latest known value of each column, `first_seen_on`, `last_seen_on`
    (None where undated), `nights_seen`, and `group_id`. `prices`: one row per listing and change of price. Both are
    sorted by `listing_id`. `account`: counts of listings, changes, and of rows that claimed another car's identity.
    """

    listings: pd.DataFrame
    prices: pd.DataFrame
    account: dict[str, int]


def fold_listings(frames: Sequence[pd.DataFrame], nights: Sequence[str]) -> Folded:
    """Fold accepted rows into listings and their prices.

    `frames` are the accepted rows of the deliveries in order of (night, name), `nights` their nights ("" where
    undated).
    """
    rows = pd.concat([_date_rows(frame, night) for frame, night in zip(frames, nights, strict=True)], ignore_index=True)
    folded = fold_rows(rows)
    names = name_groups(folded.listings)
    return Folded(join_groups(folded.listings, names), folded.prices, folded.account)


def fold_rows(rows: pd.DataFrame) -> Folded:
    """Fold all rows of some listings, in order of (delivery, row), each with `seen_on`; their twins may be elsewhere.

    So `listings` has `twin_id` instead of `group_id`.
    """
    # An undated delivery may hold adverts of many dates, in any order.
    rows = rows.sort_values("seen_on", kind="stable", na_position="first", ignore_index=True)
    kept, n_contested = _settle_identities(rows)
    grouped = kept.groupby("listing_id", sort=True)
    seen = grouped["seen_on"]
    listings = grouped.last().drop(columns=["row", "seen_on"])
    # What an undated delivery mentions too was first seen no one knows when, not on the first dated night.
    listings["first_seen_on"] = seen.min().where(seen.count() == grouped.size()).astype("str")
    listings["last_seen_on"] = seen.max().astype("str")
    listings["nights_seen"] = seen.nunique()
    prices = _follow_prices(kept)
    account = {
        "listings": len(listings),
        "price_changes": len(prices) - len(listings),
        "listings_with_a_price_change": int((prices["listing_id"].value_counts() > 1).sum()),
        "contested_identities": n_contested,
        "rows_left_out": len(rows) - len(kept),
    }
    return Folded(listings.reset_index(), prices, account)


def name_groups(listings: pd.DataFrame) -> pd.Series:
    """Name each set of twins after its oldest member, as a group for each listing: the name stays when younger twins join."""
    oldest_first = listings.sort_values(["first_seen_on", "listing_id"], na_position="first")
    names = oldest_first.groupby("twin_id", sort=False)["listing_id"].first()
    return listings["twin_id"].map(names).astype("str")


def join_groups(listings: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Put the name of each listing's group in the place of what told its twins."""
    return listings.assign(group_id=names).drop(columns="twin_id")


def _settle_identities(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Leave to each identity the car that carries it on most nights (of equals the one seen last), and drop the others' rows.

    Returns the rows and how many identities were claimed by several cars. See docs/decisions/0007.
    """
    cars = rows[["listing_id", *CAR]].drop_duplicates()
    contested = cars.loc[cars["listing_id"].duplicated(), "listing_id"].unique()
    if len(contested) == 0:
        return rows, 0
    claims = rows[rows["listing_id"].isin(contested)].reset_index(names="place")
    strengths = claims.groupby(["listing_id", *CAR], sort=False).agg(
        nights=("seen_on", "nunique"), rows=("place", "size"), last=("place", "max")
    )
    ranked = strengths.sort_values(["nights", "rows", "last"]).reset_index()
    losers = ranked[ranked.duplicated("listing_id", keep="last")]
    is_lost = pd.MultiIndex.from_frame(rows[["listing_id", *CAR]]).isin(pd.MultiIndex.from_frame(losers[["listing_id", *CAR]]))
    return rows[~is_lost].reset_index(drop=True), len(contested)


def _date_rows(frame: pd.DataFrame, night: str) -> pd.DataFrame:
    """Say when each row was seen: the delivery's night, else the advert's own date, else not at all."""
    if night or "posted_on" not in frame:
        return frame.assign(seen_on=pd.Series(night or None, index=frame.index, dtype="str"))
    return frame.assign(seen_on=frame["posted_on"].astype("str"))


def _follow_prices(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the first price of each listing and every later one that differs from the one before.

    A car that is offered at two prices on one night has the one that stands last.
    """
    prices = rows[["listing_id", "seen_on", "price"]].sort_values("listing_id", kind="stable")
    is_superseded = prices.duplicated(["listing_id", "seen_on"], keep="last") & prices["seen_on"].notna()
    prices = prices[~is_superseded]
    is_change = (prices["listing_id"] != prices["listing_id"].shift()) | (prices["price"] != prices["price"].shift())
    return prices[is_change].reset_index(drop=True)
