"""Card: what a person must know of a model before they stake money on it (model cards: Mitchell et al., FAT* 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.stages.train import PriceModel


def make_card(
    model: PriceModel, metrics: Mapping[str, Any], learnt: pd.DataFrame, test: pd.DataFrame, digests: Mapping[str, str]
) -> dict[str, Any]:
    """Return the card as plain values: market, data with digests and dates, features, metrics, intervals, limits.

    `digests` maps the names of the data to their sha256. Money is in the market's currency, shares are 0–1.
    """
    domain = model.domain
    limits = {
        name: {"lowest": float(low), "highest": float(high)}
        for name, low, high in zip(domain.numbers, domain.lows.min(axis=0), domain.highs.max(axis=0), strict=True)
    }
    return {
        "market": metrics["market"],
        "currency": metrics["currency"],
        "synthetic": metrics["synthetic"],
        "estimates": "what a car is advertised at, not what it is sold for",
        "data": {
            "digests": dict(digests),
            "learnt_from": {**_describe(learnt), **({"of": metrics["n_train_of"]} if "n_train_of" in metrics else {})},
            "judged_on": _describe(test),
            "split": metrics["split"],
            "trained_until": metrics["trained_until"],
        },
        "features": metrics["features"],
        "features_refused": metrics["features_refused"],
        "members": dict(zip(model.recipe.names, (float(weight) for weight in model.recipe.weights), strict=True)),
        "metrics": {name: metrics[name] for name in ("mae", "median_ape", "within_10_share", "r2")},
        "baselines": metrics["baselines"],
        "intervals": {
            "level": model.level,
            "calibrated_on": model.n_calibration,
            "coverage": metrics["interval_coverage"],
            "width_share": metrics["interval_width_share"],
            "stretch_outside_the_domain": float(model.intervals.stretch),
        },
        "limits": {
            "makes": len(domain.models),
            "models": sum(map(len, domain.models.values())),
            "oldest_year": domain.oldest_year,
            "newest_year": domain.newest_year,
            "numbers": limits,
            "least_km_per_year": domain.floor.km_per_year,  # of a car of three years or more; 0 where all is believed
            "by_status": metrics["by_status"],
        },
    }


def _describe(listings: pd.DataFrame) -> dict[str, Any]:
    dates = listings[["first_seen_on", "last_seen_on"]]
    return {
        "listings": len(listings),
        "first_seen_on": None if dates["first_seen_on"].isna().all() else str(dates["first_seen_on"].dropna().min()),
        "last_seen_on": None if dates["last_seen_on"].isna().all() else str(dates["last_seen_on"].dropna().max()),
    }
