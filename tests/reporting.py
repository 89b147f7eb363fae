"""What a report is made of, small: one undisturbed night that promoted version 7 in the place of version 5."""

from typing import Any

import numpy as np
import pandas as pd

from pipeline.listing import NOT_RATED, RATINGS
from pipeline.stages.report import Sources

NIGHT = "2024-02-10"
NEWEST, FORMER = "c" * 64, "a" * 64
SEGMENT_COLUMNS = ["segment_kind", "segment", "n", "mae_challenger", "mae_champion", "change_share", "p_value", "is_hurt"]


def contender(version: str = "7", fingerprint: str = NEWEST, **more: Any) -> dict[str, Any]:
    plain = {"folder": "models/cccc", "data_as_of": NIGHT, "n_learnt": 500, "trained_until": "2024-01-31"}
    return {"version": version, "fingerprint": fingerprint, **plain, **more}


CHALLENGER = contender()
CHAMPION = contender("5", FORMER, data_as_of="2024-01-20")


def verdict(outcome: str = "promoted", champion: dict[str, Any] | None = CHAMPION, **figures: Any) -> dict[str, Any]:
    passed = outcome != "refused"
    pairs = {
        name: {"challenger": value, "champion": None if champion is None else value * 1.1}
        for name, value in (("mae", 900.0), ("median_ape", 0.07), ("interval_coverage", 0.91), ("interval_width_share", 0.4))
    }
    ends = ("difference", "difference_low", "difference_high")
    differences = dict(zip(ends, (-90.0, -120.0, -60.0), strict=True)) if champion else dict.fromkeys(ends)
    return {
        "market": "drawn",
        "night": NIGHT,
        "outcome": outcome,
        "challenger": CHALLENGER,
        "champion": champion,
        "reasons": [
            {"rule": "enough data", "passed": True, "text": "80 listings judge, 10 are wanted."},
            {"rule": "better or fresher", "passed": passed, "text": "Mean error 900 EUR against 990 EUR."},
        ],
        "figures": {"n_judged": 78, "n_left_out": 2, **pairs, **differences, **figures},
    }


def judged(n: int = 80) -> pd.DataFrame:
    random = np.random.default_rng(0)
    estimates = np.exp(random.uniform(np.log(2_000), np.log(60_000), n))
    return pd.DataFrame(
        {
            "listing_id": [f"row:{place}" for place in range(n)],
            "price": np.round(estimates * np.exp(random.normal(0, 0.1, n))),
            "estimate": estimates,
            "status": np.where(np.arange(n) % 5, "priced", "extrapolated"),
        }
    )


def scores(**columns: Any) -> pd.DataFrame:
    """Return five live listings; `columns` replace those of the same name."""
    plain = {
        "listing_id": ["row:a", "https://cars.example/2?x=1&y=2", "row:c", "row:d", "row:e"],
        "make": ["Audi", "Seat", "Audi", "Fiat", "Opel"],
        "model": ["A4", "Ibiza", "A6", "500", "Corsa"],
        "year": 2015.0,
        "mileage_km": [90_000.0, None, 50_000.0, 10_000.0, 20_000.0],
        "price": [9_000.0, 4_000.0, 20_000.0, 12_340.0, 5_000.0],
        "estimate": [10_000.0, 10_000.0, 20_000.0, 10_000.0, 5_000.0],
        "low": [8_000.0, 8_000.0, 15_000.0, 8_000.0, 4_000.0],
        "high": [12_000.0, 12_000.0, 25_000.0, 12_000.0, 6_000.0],
        "status": ["priced", "priced", "priced", "priced", "extrapolated"],
        "rating": [RATINGS[1], RATINGS[0], RATINGS[2], RATINGS[4], NOT_RATED],
        "days_listed": pd.array([3, 0, None, 9, 9], dtype="Int64"),
        "price_changes": pd.array([2, 0, 0, 0, 0], dtype="Int64"),
        "last_price_change_share": [-0.05, None, None, None, None],
        "first_price": [9_900.0, 4_000.0, 20_000.0, 12_340.0, 5_000.0],
        "n_like_it": 20,
        "typical_price": [9_500.0, None, 20_000.0, 12_000.0, 5_000.0],
    }
    found = pd.DataFrame({**plain, **columns})
    return found.assign(position=found["price"] / found["estimate"] - 1)


def intake(**more: Any) -> dict[str, Any]:
    counts = {"rows": 700, "accepted": 680, "rejected": 19, "unreadable": 1, "set_aside": None}
    plain = {
        "rows": 700,
        "accepted": 680,
        "rejected": 19,
        "unreadable": 1,
        "reasons": {"price missing": 4, "year below 1920": 15},
        "dropped_values": {"fuel unreadable": 3},
        "rehomed": {},
        "examples": {"year below 1920": "2024-02-10.csv row 7: '1066'"},
        "remedies": ["say [files] decimal"],
        "set_aside": {},
        "deliveries": {f"{NIGHT}.csv": counts},
    }
    return {**plain, **more}


def segments() -> pd.DataFrame:
    rows = [
        ("status", "priced", 64),
        ("age", "3–5 years", 80),
        ("price", "1: 2,000–9,000", 16),
        ("make", "Audi", 40),
        ("make", "Lada", 2),
    ]
    return pd.DataFrame(
        [
            {
                "segment_kind": kind,
                "segment": name,
                "n": n,
                "mae": 900.0,
                "median_ape": 0.07,
                "bias_share": -0.01,
                "interval_coverage": 0.9,
            }
            for kind, name, n in rows
        ]
    )


def compared(*hurt: str) -> pd.DataFrame:
    rows = [("make", name, 40, 900.0, 800.0, 0.125, 0.01, name in hurt) for name in ("Audi", "Seat")]
    return pd.DataFrame(rows, columns=SEGMENT_COLUMNS)


def metrics() -> dict[str, Any]:
    errors = {"mae": 900.0, "rmse": 1_200.0, "mape": 0.09, "median_ape": 0.07, "r2": 0.9, "within_10_share": 0.6}
    return {
        **errors,
        "market": "drawn",
        "currency": "EUR",
        "interval_coverage": 0.91,
        "interval_width_share": 0.4,
        "interval_level": 0.9,
        "n_train": 500,
        "n_test": 80,
        "baselines": {"median_make_model_year": {**errors, "mae": 1_500.0}, "original_recipe": {**errors, "mae": 1_400.0}},
        "features": ["year", "mileage_km"],
        "features_refused": {"condition": "always used"},
    }


def sources(**more: Any) -> Sources:
    """Return the sources of that night; `more` replaces some of them."""
    plain: dict[str, Any] = {
        "market": "drawn",
        "title": "Drawn",
        "currency": "EUR",
        "synthetic": False,
        "night": NIGHT,
        "newest_delivery": NIGHT,
        "intake": intake(),
        "listings": {
            "listings": 580,
            "price_changes": 9,
            "listings_with_a_price_change": 7,
            "contested_identities": 0,
            "rows_left_out": 0,
        },
        "split": {"split": "by first appearance", "trained_until": "2024-01-31", "n_train": 500, "n_test": 80},
        "metrics": metrics(),
        "segments": segments(),
        "estimates": judged(),
        "importance": pd.DataFrame(
            {"feature": ["year", "mileage_km"], "error_share": [0.2, 0.01], "spread_share": [0.01, 0.002]}
        ),
        "verdict": verdict(),
        "verdict_segments": compared(),
        "serving": {**CHALLENGER, "promoted_on": NIGHT},
        "scores": scores(),
        "score_account": {
            "night": NIGHT,
            "live": 5,
            "priced": 4,
            "extrapolated": 1,
            "refused": 0,
            "ratings": {**dict.fromkeys(RATINGS, 1), RATINGS[3]: 0, NOT_RATED: 1},
            "rating_changes": 2,
            "live_before": 5,
            "median_absolute_position": 0.1,
            "since": "2024-02-09",
            "stale": "",
        },
        "monitored": {
            "compared": {"night": NIGHT, "nights_before": 28, "why_not": None},
            "findings": [
                {
                    "kind": "lost-category",
                    "subject": "make",
                    "text": "No car of <Lada> on 2024-02-10.",
                    "means": "They are not seen.",
                    "do": "Look at the source.",
                }
            ],
        },
        "rebuilt": [
            {"name": "Ingest drawn/1.csv", "family": "Ingest", "outcome": "built", "reasons": ["first run"]},
            {"name": "Check drawn", "family": "Check", "outcome": "reused", "reasons": []},
        ],
    }
    return Sources(**{**plain, **more})


def without_champion() -> Sources:
    """Return the sources of a night whose first model was refused, so that nothing has a price."""
    nothing = dict.fromkeys(("estimate", "low", "high"), np.nan)
    return sources(
        verdict=verdict("refused", champion=None),
        verdict_segments=compared().iloc[:0],
        serving=None,
        scores=scores(**nothing, status="refused", rating=NOT_RATED),
        score_account={"night": NIGHT, "live": 5, "stale": ""},
    )
