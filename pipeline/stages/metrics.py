"""Metrics: how far estimates lie from the prices asked, in money and in shares of the price."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Lower bounds in years, each band up to the next.
AGE_BANDS = {0: "0–2 years", 3: "3–5 years", 6: "6–9 years", 10: "10–14 years", 15: "15 years or more"}


def measure_errors(prices: np.ndarray, estimates: np.ndarray) -> dict[str, float]:
    """Return mae and rmse (money), mape and median_ape (0–1), r2, and within_10_share (0–1); r2 is on money."""
    errors = estimates - prices
    relative = np.abs(errors) / prices
    spread = float(np.sum((prices - prices.mean()) ** 2))
    return {
        "mae": float(np.mean(np.abs(errors))),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "mape": float(np.mean(relative)),
        "median_ape": float(np.median(relative)),
        "r2": 1 - float(np.sum(errors**2)) / spread if spread else 0.0,
        "within_10_share": float(np.mean(relative <= 0.1)),
    }


def measure_intervals(prices: np.ndarray, low: np.ndarray, high: np.ndarray, estimates: np.ndarray) -> dict[str, float]:
    """Return interval_coverage (share of prices inside) and interval_width_share (median width over estimate)."""
    return {
        "interval_coverage": float(np.mean((low <= prices) & (prices <= high))),
        "interval_width_share": float(np.median((high - low) / estimates)),
    }


def measure_segments(judged: pd.DataFrame, min_cars: int = 1) -> pd.DataFrame:
    """Return errors and coverage by make, age, price band, and status.

    `judged` has make, age_years, price, estimate, low, high and status. Columns: segment_kind, segment, n, mae, median_ape,
    bias_share (median of estimate / price − 1), interval_coverage. Bands of price are fifths of the judged prices,
    bands of age are `AGE_BANDS`.
    """
    kinds = {**label_segments(judged), "status": judged["status"]}
    rows = [
        _describe(kind, str(name), segment)
        for kind, labels in kinds.items()
        for name, segment in judged.groupby(labels, sort=True, observed=True)
        if len(segment) >= min_cars
    ]
    return pd.DataFrame(rows)


def label_segments(judged: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the make, the band of age and the band of price of each judged car (make, age_years, price)."""
    return {
        "make": judged["make"].astype("str"),
        "age": pd.cut(judged["age_years"], [*AGE_BANDS, np.inf], right=False, labels=list(AGE_BANDS.values())),
        "price": _price_bands(judged["price"]),
    }


def _price_bands(prices: pd.Series) -> pd.Series:
    bands = pd.qcut(prices, 5, duplicates="drop")
    return bands.map(
        {band: f"{number + 1}: {band.left:,.0f}–{band.right:,.0f}" for number, band in enumerate(bands.cat.categories)}
    )


def _describe(kind: str, name: str, segment: pd.DataFrame) -> dict[str, object]:
    relative = segment["estimate"] / segment["price"] - 1
    inside = (segment["low"] <= segment["price"]) & (segment["price"] <= segment["high"])
    return {
        "segment_kind": kind,
        "segment": name,
        "n": len(segment),
        "mae": float((segment["estimate"] - segment["price"]).abs().mean()),
        "median_ape": float(relative.abs().median()),
        "bias_share": float(relative.median()),
        "interval_coverage": float(inside.mean()),
    }
