"""A market of quiet nights to monitor: about the same cars every night, as a real market has them, and ways to disturb the last one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipeline.stages.monitor import Judged, Sources

FIRST = date(2024, 1, 1)
NIGHTS = 15
CARS, NEW, POOL = 300, 20, 600  # on a night; of them new; of the whole market
KINDS = {"price": "number", "make": "category", "year": "number", "mileage_km": "number", "fuel": "category", "vin": "text"}
FEATURES = {name: kind for name, kind in KINDS.items() if name != "vin"}
MAKES, SHARES = ("Audi", "Fiat", "Ford", "Lada", "Opel"), (0.3, 0.25, 0.2, 0.05, 0.2)
SERVING = {"version": "3", "promoted_on": "2024-01-10", "data_as_of": "2024-01-10"}
METRICS = {"mae": 900.0, "median_ape": 0.07, "interval_coverage": 0.9, "interval_level": 0.9}

Change = Callable[[pd.DataFrame], pd.DataFrame]


def night_of(place: int) -> str:
    return (FIRST + timedelta(days=place)).isoformat()


def draw_market() -> pd.DataFrame:
    """Return all cars that are ever for sale, in the order in which they come."""
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "listing_id": [f"row:{number:04}" for number in range(POOL)],
            "price": np.round(np.exp(random.normal(9.5, 0.5, POOL))),
            "make": random.choice(MAKES, POOL, p=SHARES),
            "year": random.integers(2005, 2024, POOL).astype("float64"),
            "mileage_km": np.round(random.uniform(5_000, 250_000, POOL)),
            "fuel": random.choice(["diesel", "petrol"], POOL),
            "vin": pd.Series([None if number % 5 == 0 else f"V{number}" for number in range(POOL)], dtype="str"),
        }
    )


def cars_of(place: int) -> pd.DataFrame:
    """Return a night's cars: each stays for 15 nights."""
    return draw_market().iloc[place * NEW : place * NEW + CARS].reset_index(drop=True)


def account(cars: pd.DataFrame, **more: Any) -> dict[str, Any]:
    """Return a delivery's account in which each car stands twice and few rows are at fault."""
    n = len(cars)
    plain = {
        "rows": 2 * n + n // 25,
        "accepted": 2 * n,
        "rejected": n // 25,
        "unreadable": 0,
        "reasons": {"price missing": n // 25},
        "rehomed": {"gearbox → fuel": n // 10},
        "dropped_values": {"fuel unreadable": n // 75},
        "columns_absent": [],
        "columns_unused": ["link"],
        "set_aside": None,
    }
    return {**plain, **more}


def empty_account(reason: str = "it holds a header and no rows") -> dict[str, Any]:
    counts = dict.fromkeys(("rows", "accepted", "rejected", "unreadable"), 0)
    return account(cars_of(0).iloc[:0], **counts, reasons={}, rehomed={}, dropped_values={}, set_aside=reason)


def draw_estimates(error: float = 0.07, new_error: float | None = None, width: float = 0.2) -> pd.DataFrame:
    """Return what a champion says of all cars; `new_error` is its error on what the last night brought."""
    market, random = draw_market(), np.random.default_rng(3)
    first = [night_of(max(0, (number - CARS) // NEW + 1)) for number in range(POOL)]
    errors = np.where(np.array(first) == night_of(NIGHTS - 1), new_error or error, error)
    estimate = market["price"] * np.exp(random.normal(0, 1, POOL) * errors * 1.48)
    return pd.DataFrame(
        {
            "listing_id": market["listing_id"],
            "first_seen_on": first,
            "estimate": estimate,
            "low": estimate * (1 - width),
            "high": estimate * (1 + width),
        }
    )


def judged() -> Judged:
    return Judged("3", METRICS, np.abs(np.random.default_rng(5).normal(0, 0.07 * 1.48, 400)))


def sources(change: Change | None = None, nights: int = NIGHTS, newest: dict[str, Any] | None = None, **more: Any) -> Sources:
    """Return the sources of a market's last night; `change` disturbs its cars, `newest` what its account says."""
    cars = {f"{night_of(place)}.csv": cars_of(place) for place in range(nights)}
    accounts = {name: account(found) for name, found in cars.items()}
    last = f"{night_of(nights - 1)}.csv"
    if change:
        cars[last] = change(cars[last])
        accounts[last] = account(cars[last])
    accounts[last] |= newest or {}
    plain: dict[str, Any] = {
        "market": "drawn",
        "currency": "EUR",
        "night": night_of(nights - 1),
        "stale_after_days": 7,
        "max_data_age_days": 30,
        "newest_delivery": max((name.removesuffix(".csv") for name, told in accounts.items() if told["accepted"]), default=""),
        "accounts": accounts,
        "nights": {name: name.removesuffix(".csv") for name in accounts},
        "accepted": cars,
        "kinds": KINDS,
        "features": FEATURES,
        "verdict": {"challenger": {"data_as_of": night_of(nights - 1)}},
        "serving": SERVING,
    }
    return Sources(**{**plain, **more})
