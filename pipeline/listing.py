"""What a listing is: its canonical columns, their kinds and units, and how raw units convert to ours; the words for its price."""

from __future__ import annotations

from typing import Literal

Kind = Literal["number", "category", "boolean", "text", "date"]

# One name per idea over all markets. A market may add columns of its own by saying their kind in its TOML.
COLUMNS: dict[str, Kind] = {
    "price": "number",
    "make": "category",
    "model": "category",
    "trim": "category",
    "year": "number",
    "mileage_km": "number",
    "mileage_low_km": "number",
    "mileage_high_km": "number",
    "fuel": "category",
    "gearbox": "category",
    "drive": "category",
    "body": "category",
    "color": "category",
    "condition": "category",
    "origin": "category",
    "city": "category",
    "district": "category",
    "engine_l": "number",
    "power_hp": "number",
    "fiscal_power_cv": "number",
    "cylinders": "number",
    "doors": "number",
    "seats": "number",
    "first_owner": "boolean",
    "advert_id": "text",
    "vin": "text",
    "posted_on": "date",
}

IDENTITIES = ("advert_id", "vin")  # first one present wins; else a digest of the whole row
ALWAYS_REQUIRED = ("price", "make", "model", "year")
NEVER_FEATURES = ("price", "advert_id", "vin", "posted_on", "mileage_low_km", "mileage_high_km")

# Multiply by the factor to get the unit in the canonical column's name. Definitions: international mile 1.609344 km,
# metric horsepower 0.73549875 kW.
UNITS: dict[str, float] = {
    "km": 1.0,
    "mile": 1.609344,
    "hp": 1.0,
    "kw": 1 / 0.73549875,
    "l": 1.0,
    "cc": 0.001,
}

# What a column whose name ends so may be told in.
UNITS_OF = {"km": ("km", "mile"), "hp": ("hp", "kw"), "l": ("l", "cc")}

# How an asked price is rated: the five steps of the trade's labels (AutoScout24, CarGurus, mobile.de), the cheapest first.
RATINGS = ("great price", "good price", "fair price", "high price", "very high price")
NOT_RATED = "not enough like it"


def is_feature_kind(kind: Kind) -> bool:
    """Say whether a model can use a column of this kind."""
    return kind in ("number", "category", "boolean")
