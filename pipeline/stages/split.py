"""Split: decide which listings a model may learn from, and which judge it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.errors import TooFewListings

BY_FIRST_APPEARANCE = "by first appearance"
BY_IDENTITY = "by identity"


@dataclass(frozen=True)
class Parts:
    """Listings to learn from and to judge by; `account` says how they were told apart."""

    train: pd.DataFrame
    test: pd.DataFrame
    account: dict[str, Any]


def split_listings(listings: pd.DataFrame, test_share: float, min_judged: int) -> Parts:
    """Split listings so that twins stay together.

    Where listings are dated, those whose group appeared latest judge the model: the last nights that together hold at
    least `test_share` of the groups. Where there are not yet `min_judged` of them and as many to learn from, and in
    undated markets, a stable digest of the group's identity decides. Raises TooFewListings when even so a part has fewer
    than `min_judged` listings.
    """
    groups = _date_groups(listings)
    cutoff = _find_cutoff(groups, test_share, min_judged)
    is_test = groups["group_id"].map(_digest_to_unit) < test_share if cutoff is None else groups["first_seen_on"] > cutoff
    part = pd.Series("train", index=groups.index).mask(is_test, "test")
    part_of = listings["group_id"].map(pd.Series(part.to_numpy(), index=groups["group_id"]))
    parts = {name: listings[part_of == name].reset_index(drop=True) for name in ("train", "test")}
    _refuse_small(parts, min_judged)
    account = {
        "split": BY_IDENTITY if cutoff is None else BY_FIRST_APPEARANCE,
        "trained_until": cutoff,
        **{f"n_{name}": len(frame) for name, frame in parts.items()},
    }
    return Parts(parts["train"], parts["test"], account)


def _date_groups(listings: pd.DataFrame) -> pd.DataFrame:
    """Return one row per group of twins with the date on which the first of them appeared."""
    return listings.groupby("group_id", sort=True)["first_seen_on"].min().reset_index()


def _find_cutoff(groups: pd.DataFrame, test_share: float, min_judged: int) -> str | None:
    """Return the last date to learn from, or None where dates cannot split."""
    per_date = groups["first_seen_on"].value_counts().sort_index()
    later = per_date[::-1].cumsum()[::-1].shift(-1)  # groups that appeared after each date
    total = len(groups)
    possible = later[(later >= test_share * total) & (later >= min_judged) & (total - later >= min_judged)]
    # Undated groups cannot be said to have appeared before anything.
    return None if groups["first_seen_on"].isna().any() or possible.empty else str(possible.index[-1])


def _digest_to_unit(group_id: str) -> float:
    """Map an identity to [0, 1), the same for ever and everywhere."""
    return int.from_bytes(hashlib.sha256(group_id.encode()).digest()[:8]) / 2**64


def _refuse_small(parts: dict[str, pd.DataFrame], min_judged: int) -> None:
    short = [f"{len(part)} for {name} (at least {min_judged})" for name, part in parts.items() if len(part) < min_judged]
    if short:
        raise TooFewListings(
            f"Too few listings: {', '.join(short)}. Bring more deliveries, or lower [Split] min_judged in luigi.cfg."
        )
