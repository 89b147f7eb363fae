"""Deals: the live listings that are offered well below what they are worth."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from pipeline.listing import RATINGS

MAX_DEALS = 25
DEAL_RATINGS = RATINGS[:2]
_TOLD = ("make", "model", "city", "rating")
_NUMBERS = ("mileage_km", "price", "estimate", "low", "high", "last_price_change_share", "first_price")
_COUNTS = ("year", "days_listed", "price_changes", "n_like_it")
_IDENTITY = re.compile(r"(advert_id|vin):")  # what a listing's identity says of where it is from


def choose_deals(scores: pd.DataFrame) -> tuple[list[dict[str, Any]], int]:
    """Return the deals as plain values, most below the estimate first (as a share of it), at most `MAX_DEALS`, and how many there are.

    `scores` is Score's frame. A deal has `listing_id`, `url` (None where the identity is no web address), the car, its price, estimate and
    interval, `below` (money), `below_share` (of the estimate), `is_below_interval`, and how long and at which prices it was listed.
    What is not known is None.
    """
    is_deal = scores["rating"].isin(DEAL_RATINGS) & scores["estimate"].notna()
    ordered = scores[is_deal].sort_values(["position", "listing_id"])
    return [_describe(row) for row in ordered.head(MAX_DEALS).to_dict("records")], len(ordered)


def find_url(listing_id: str) -> str | None:
    """Return the web address in a listing's identity; None for any other text, and for addresses that are not http(s)."""
    text = _IDENTITY.sub("", listing_id, count=1)
    if re.search(r"[\s\x00-\x1f\"'<>\\]", text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname else None


def plain_number(value: Any) -> float | None:
    """Return a finite number, or None."""
    if value is None or value is pd.NA:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def plain_count(value: Any) -> int | None:
    """Return a whole number, or None."""
    number = plain_number(value)
    return None if number is None else int(number)


def plain_text(value: Any) -> str | None:
    """Return a text, or None where it is missing."""
    return value if isinstance(value, str) else None


def _describe(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    price, estimate, low = (float(row[name]) for name in ("price", "estimate", "low"))
    return {
        "listing_id": str(row["listing_id"]),
        "url": find_url(str(row["listing_id"])),
        **{name: plain_text(row.get(name)) for name in _TOLD},
        **{name: plain_number(row.get(name)) for name in _NUMBERS},
        **{name: plain_count(row.get(name)) for name in _COUNTS},
        "below": estimate - price,
        "below_share": 1 - price / estimate,
        "is_below_interval": price < low,
    }
