"""Parts: what is learnt from and what judges, written as files that every contestant reads, from the pipeline's own stages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.market import Market
from pipeline.market_files import load_market
from pipeline.services.deliveries import list_deliveries
from pipeline.services.tables import read_table
from pipeline.stages.clean import Folded, fold_listings
from pipeline.stages.ingest import ingest_rows, required_headers

TEST_SHARE = 0.2
NIGHTS_AHEAD = 7


class Listings:
    """A market's listings, from its deliveries; taken in once, when first asked for."""

    def __init__(self, market: str, deliveries: Path) -> None:
        """Take in nothing yet."""
        self.market: Market = load_market(market, (paths.PACKAGE / "markets",))
        self.name = market
        self._deliveries = deliveries
        self._accepted: list[tuple[str, pd.DataFrame]] = []
        self._all: Folded | None = None

    @property
    def nights(self) -> list[str]:
        """The night of each delivery."""
        return [night for night, _ in self._take_in()]

    def fold(self, until: str | None = None) -> Folded:
        """Return the listings, and the prices each had, as they were known on a night; all without one."""
        if until is None and self._all is not None:
            return self._all
        known = [(night, rows) for night, rows in self._take_in() if until is None or night <= until]
        folded = fold_listings([rows for _, rows in known], [night for night, _ in known])
        if until is None:
            self._all = folded
        return folded

    def _take_in(self) -> list[tuple[str, pd.DataFrame]]:
        if not self._accepted:
            for delivery in list_deliveries(self._deliveries, self.market.files):
                table = read_table(delivery.path.read_bytes(), self.market.files, required_headers(self.market))
                named = self.market.values_from_name(delivery.stem)
                intake = ingest_rows(table.rows, table.unreadable, self.market, named)
                self._accepted.append((delivery.night, intake.accepted))
        return self._accepted


def write_split(listings: Listings, seed: int, folder: Path) -> None:
    """Write an 80/20 split in which twins stay together, drawn by the seed; nothing was fitted before it."""
    cars = listings.fold().listings
    groups = np.array(sorted(cars["group_id"].unique()))
    judging = np.random.default_rng(seed).permutation(groups)[: int(len(groups) * TEST_SHARE)]
    is_test = cars["group_id"].isin(judging)
    _write(folder, listings, seed, cars[~is_test], cars[is_test])


def count_weeks(listings: Listings) -> int:
    """Return how many whole weeks of nights follow the first one."""
    return len(set(listings.nights)) // NIGHTS_AHEAD - 1


def write_week(listings: Listings, week: int, folder: Path) -> None:
    """Write what was known after so many weeks of nights, and the cars that appear in the next one at their first price.

    A judged car is none of those learnt from, nor a twin of one.
    """
    nights = sorted(set(listings.nights))
    known_until, seen_until = nights[week * NIGHTS_AHEAD - 1], nights[(week + 1) * NIGHTS_AHEAD - 1]
    known, seen = listings.fold(known_until), listings.fold(seen_until)
    is_new = ~seen.listings["listing_id"].isin(known.listings["listing_id"]) & ~seen.listings["group_id"].isin(
        known.listings["group_id"]
    )
    first = seen.prices.drop_duplicates("listing_id").set_index("listing_id")["price"]
    judged = seen.listings[is_new]
    _write(folder, listings, 0, known.listings, judged.assign(price=judged["listing_id"].map(first).to_numpy()))


def _write(folder: Path, listings: Listings, seed: int, train: pd.DataFrame, test: pd.DataFrame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    train.reset_index(drop=True).to_parquet(folder / "train.parquet")
    test.reset_index(drop=True).to_parquet(folder / "test.parquet")
    facts = {"market": listings.name, "seed": seed, "kinds": listings.market.feature_columns()}
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
