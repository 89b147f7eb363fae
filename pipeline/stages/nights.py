"""Nights: the newest deliveries of a market, each night's taken together, as Monitor compares them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Night:
    """What one night delivered: `cars` holds each accepted listing once, as it stands in that night's first row of it."""

    night: str
    cars: pd.DataFrame
    rows: int
    lost: int  # rejected and unreadable
    reasons: Mapping[str, int]
    rehomed: Mapping[str, int]
    dropped: Mapping[str, int]
    absent: frozenset[str]  # columns none of whose headers was there
    unknown: frozenset[str]  # headers that no column claims


def gather_nights(
    accepted: Mapping[str, pd.DataFrame], accounts: Mapping[str, Mapping[str, Any]], nights: Mapping[str, str]
) -> list[Night]:
    """Return the nights with accepted rows, the oldest first; deliveries are known by name, those set aside whole are passed over."""
    usable: dict[str, list[str]] = {}
    for name in accepted:
        if nights[name] and accounts[name]["accepted"] and not accounts[name]["set_aside"]:
            usable.setdefault(nights[name], []).append(name)
    return [
        _gather(night, [accepted[name] for name in names], [accounts[name] for name in names])
        for night, names in sorted(usable.items())
    ]


def _gather(night: str, frames: Sequence[pd.DataFrame], accounts: Sequence[Mapping[str, Any]]) -> Night:
    def add(key: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for account in accounts:
            total.update(account[key])
        return dict(total)

    return Night(
        night=night,
        cars=pd.concat(frames, ignore_index=True).drop_duplicates("listing_id", ignore_index=True),
        rows=sum(account["rows"] for account in accounts),
        lost=sum(account["rejected"] + account["unreadable"] for account in accounts),
        reasons=add("reasons"),
        rehomed=add("rehomed"),
        dropped=add("dropped_values"),
        absent=frozenset(column for account in accounts for column in account["columns_absent"]),
        unknown=frozenset(header for account in accounts for header in account["columns_unused"]),
    )
