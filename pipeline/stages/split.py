"""Split: decide which listings a model may learn from, and which judge it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
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


@dataclass(frozen=True)
class Decision:
    """Which listings judge the model, by position; `account` says how they were told apart."""

    is_test: np.ndarray
    account: dict[str, Any]


def split_listings(listings: pd.DataFrame, test_share: float, min_judged: int) -> Parts:
    """Split listings as `decide_parts` says."""
    decision = decide_parts(listings, test_share, min_judged)
    train, test = (listings[mask].reset_index(drop=True) for mask in (~decision.is_test, decision.is_test))
    return Parts(train, test, decision.account)


def decide_parts(keys: pd.DataFrame, test_share: float, min_judged: int) -> Decision:
    """Decide by `group_id` and `first_seen_on` of all listings which of them judge the model, so that twins stay together.

    Where listings are dated, those whose group appeared latest judge the model: the last nights that together hold at
    least `test_share` of the groups. Where there are not yet `min_judged` of them and as many to learn from, and in
    undated markets, a stable digest of the group's identity decides. Raises TooFewListings when even so a part has fewer
    than `min_judged` listings.
    """
    dates, nights = pd.factorize(keys["first_seen_on"], sort=True)
    members, groups = pd.factorize(keys["group_id"])
    appeared = pd.Series(dates).where(dates >= 0).groupby(members).min()  # when the first of each group of twins did
    cutoff = _find_cutoff(appeared, test_share, min_judged)
    if cutoff is None:
        judges = np.fromiter((_digest_to_unit(str(group)) < test_share for group in groups), dtype=bool, count=len(groups))
    else:
        judges = (appeared > cutoff).to_numpy()
    is_test = judges[members]
    counts = {"train": int((~is_test).sum()), "test": int(is_test.sum())}
    _refuse_small(counts, min_judged)
    account = {
        "split": BY_IDENTITY if cutoff is None else BY_FIRST_APPEARANCE,
        "trained_until": None if cutoff is None else str(nights[cutoff]),
        **{f"n_{name}": count for name, count in counts.items()},
    }
    return Decision(is_test, account)


def _find_cutoff(appeared: pd.Series, test_share: float, min_judged: int) -> int | None:
    """Return the last night to learn from, as a position among all, or None where dates cannot split."""
    per_date = appeared.value_counts().sort_index()
    later = per_date[::-1].cumsum()[::-1].shift(-1)  # groups that appeared after each date
    total = len(appeared)
    possible = later[(later >= test_share * total) & (later >= min_judged) & (total - later >= min_judged)]
    # Undated groups cannot be said to have appeared before anything.
    return None if appeared.isna().any() or possible.empty else int(possible.index[-1])


def _digest_to_unit(group_id: str) -> float:
    """Map an identity to [0, 1), the same for ever and everywhere."""
    return int.from_bytes(hashlib.sha256(group_id.encode()).digest()[:8]) / 2**64


def _refuse_small(counts: dict[str, int], min_judged: int) -> None:
    short = [f"{count} for {name} (at least {min_judged})" for name, count in counts.items() if count < min_judged]
    if short:
        raise TooFewListings(
            f"Too few listings: {', '.join(short)}. Bring more deliveries, or lower [Split] min_judged in luigi.cfg."
        )
