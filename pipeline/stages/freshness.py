"""Freshness: are prices still those of the market, or has nobody seen it for too long."""

from __future__ import annotations

from datetime import date


def tell_stale(day: str, newest_delivery: str, data_as_of: str, stale_after_days: int, max_data_age_days: int) -> str:
    """Say why prices are stale on a day, "" where they are not; days are ISO dates, "" where there is none.

    They are where the newest delivery with rows is older than `stale_after_days`: cars may be sold and prices may have moved. So they are
    where the model rests on data (`data_as_of`) older than `max_data_age_days`, from which none would be promoted. A market
    without dates has no age, and is never stale.
    """
    if newest_delivery and (age := _age_days(day, newest_delivery)) > stale_after_days:
        return f"the newest delivery with rows is of {newest_delivery}, {age:,} days before {day}"
    if data_as_of and (age := _age_days(day, data_as_of)) > max_data_age_days:
        return f"the model that prices rests on data as of {data_as_of}, {age:,} days before {day}"
    return ""


def _age_days(day: str, earlier: str) -> int:
    return (date.fromisoformat(day) - date.fromisoformat(earlier)).days if day else 0
