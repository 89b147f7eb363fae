"""Freshness: are prices still those of the market, or has nobody seen it for too long."""

from __future__ import annotations

from datetime import date


def tell_stale(day: str, newest_delivery: str, data_as_of: str, stale_after_days: int, max_data_age_days: int) -> str:
    """Say why prices are stale on a day, "" where they are not; days are ISO dates, "" where there is none."""
    return tell_old_delivery(day, newest_delivery, stale_after_days) or tell_old_model(day, data_as_of, max_data_age_days)


def tell_old_delivery(day: str, newest_delivery: str, stale_after_days: int) -> str:
    """Say that the newest delivery with rows is too old, or "": cars may be sold and prices may have moved."""
    age = count_days(newest_delivery, day)
    if age is None or age <= stale_after_days:
        return ""
    return f"the newest delivery with rows is of {newest_delivery}, {age:,} days before {day}; {stale_after_days:,} are allowed"


def tell_old_model(day: str, data_as_of: str, max_data_age_days: int) -> str:
    """Say that the model that prices rests on data from which none would be promoted any more, or ""."""
    age = count_days(data_as_of, day)
    if age is None or age <= max_data_age_days:
        return ""
    return f"the model that prices rests on data as of {data_as_of}, {age:,} days before {day}; {max_data_age_days:,} are allowed"


def count_days(since: str, day: str) -> int | None:
    """Return the days between, 0 where the first is the later one, as in a replay of the past; None where either has no date: it is never stale."""
    return max((date.fromisoformat(day) - date.fromisoformat(since)).days, 0) if day and since else None
