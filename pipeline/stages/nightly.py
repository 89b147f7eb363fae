"""Nightly: what a night came to, in a few figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tell_night(
    settings: Mapping[str, Any],
    intake: Mapping[str, Any],
    listings: Mapping[str, Any],
    scores: Mapping[str, Any],
    verdict: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the night's figures: rows of all deliveries up to it, listings, the verdict, who prices, and how cars for sale are rated."""
    seat = scores["champion"]
    return {
        **settings,
        "rows": intake["rows"],
        "accepted": intake["accepted"],
        "rejected": intake["rejected"],
        "unreadable": intake["unreadable"],
        "listings": listings["listings"],
        "live": scores["live"],
        "stale": scores["stale"],
        "ratings": scores["ratings"],
        "verdict": verdict["outcome"],
        "challenger": verdict["challenger"]["version"],
        "failed_rules": [reason["rule"] for reason in verdict["reasons"] if not reason["passed"]],
        "champion": seat["version"] if seat else None,
    }
