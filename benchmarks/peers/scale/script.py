"""The obvious way, in pandas: read a delivery whole, clean it, keep the last state of each advert, split, write."""

from __future__ import annotations

import hashlib
import sys

import pandas as pd


def main() -> None:
    """Do it for the file that the command line names."""
    rows = pd.read_csv(sys.argv[1], dtype="str", index_col=0)
    rows["price"] = pd.to_numeric(rows.pop("Prix"), errors="coerce")
    rows["year"] = pd.to_numeric(rows.pop("Année-Modèle"), errors="coerce")
    low = pd.to_numeric(rows["Kilométrage"].str.split(" - ").str[0].str.replace(" ", ""), errors="coerce")
    high = pd.to_numeric(rows.pop("Kilométrage").str.split(" - ").str[1].str.replace(" ", ""), errors="coerce")
    rows["mileage_km"] = (low + high) / 2
    rows["advert_id"] = rows.pop("Lien").str.extract(r"_(\d+)\.htm$")[0]
    for name in ("Marque", "Modèle", "Ville"):
        rows[name] = rows[name].str.strip()
    good = (
        rows["price"].between(1000, 10_000_000)
        & rows["year"].between(1950, 2030)
        & rows["Marque"].notna()
        & rows["Modèle"].notna()
    )
    rows[~good].to_parquet("rejected.parquet")
    listings = rows[good].groupby("advert_id").last().reset_index()
    share = listings["advert_id"].map(lambda text: int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32)
    listings[share >= 0.2].to_parquet("train.parquet")
    listings[share < 0.2].to_parquet("test.parquet")


if __name__ == "__main__":
    main()
