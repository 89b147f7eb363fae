"""How often ratings change though prices do not: `CARPRICE_DATA=FOLDER python -m benchmarks.ratings` over kijiji_ca's last nights.

Prints the table of docs/decisions/0012. "Unseen" means that each listing is estimated by a model that did not learn from it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import paths
from pipeline.listing import NOT_RATED, Kind
from pipeline.market_files import load_market
from pipeline.services.deliveries import list_deliveries
from pipeline.services.tables import read_table
from pipeline.stages import score
from pipeline.stages.appraise import appraise
from pipeline.stages.clean import Folded, fold_listings
from pipeline.stages.ingest import ingest_rows, required_headers
from pipeline.stages.split import Parts, split_listings
from pipeline.stages.train import Hyperparameters, PriceModel, fit_model

MARKET = "kijiji_ca"
NIGHTS = 22
MARGINS = (None, 0.1, 0.2, 0.25, 0.3, 0.5)  # None: each night afresh
DEFAULTS = Hyperparameters(iterations=600, learning_rate=0.1, max_leaf_nodes=63, min_samples_leaf=10, level=0.9, seed=0)


@dataclass(frozen=True)
class Night:
    """All that the scores of one night are made of, but the night before."""

    night: str
    live: pd.DataFrame
    prices: pd.DataFrame
    appraisals: pd.DataFrame
    n_like_it: pd.Series


@dataclass(frozen=True)
class Flapping:
    """Of the listings that were there the night before at the same price: the share whose rating changed, per night and on the worst.

    `late_share`: on the last night, of the rated ones, the share that would be rated otherwise afresh.
    """

    changed_share: float
    worst_share: float
    late_share: float
    n_pairs: int


class Halves:
    """Two models that learnt from half of the groups each: a listing is estimated by the one that did not learn from it."""

    def __init__(self, models: list[PriceModel]) -> None:
        """Take the models of half 0 and of half 1."""
        self._models = models

    @staticmethod
    def half_of(listings: pd.DataFrame) -> pd.Series:
        """Say which half learns from each listing."""
        return listings["group_id"].map(lambda name: hashlib.sha256(f"h{name}".encode()).digest()[0] >> 7)

    def estimate(self, listings: pd.DataFrame) -> pd.DataFrame:
        """Estimate each listing by the other half's model."""
        zero, one = (model.estimate(listings) for model in self._models)
        return one.where(self.half_of(listings) == 0, zero, axis=0)


def fold_nights(accepted: Mapping[str, pd.DataFrame], count: int) -> Iterator[tuple[str, Folded]]:
    """Fold the deliveries up to each of the last nights."""
    nights = list(accepted)
    for end in range(len(nights) - count + 1, len(nights) + 1):
        yield nights[end - 1], fold_listings([accepted[night] for night in nights[:end]], nights[:end])


def appraise_nights(
    folded: list[tuple[str, Folded]],
    kinds: Mapping[str, Kind],
    hyperparameters: Hyperparameters,
    every: int,
    *,
    unseen: bool = False,
) -> list[Night]:
    """Appraise each night's live listings by a model that is fitted anew every so many nights."""
    found: list[Night] = []
    for place, (night, market) in enumerate(folded):
        if place % every == 0:
            parts = split_listings(market.listings, 0.2, 0.12, 50)
            model = _fit_halves(parts, kinds, hyperparameters) if unseen else _fit(parts.train, parts, kinds, hyperparameters)
        live = score.select_live(market.listings, night)
        found.append(Night(night, live, market.prices, appraise(model, live), score.count_like_it(live, parts.train)))
    return found


def follow_ratings(nights: list[Night], margin: float | None) -> Flapping:
    """Rate night after night, each from the one before; with no margin at all, each afresh."""
    shares, n_pairs = [], 0
    before = scores = None
    for night in nights:
        start = before if margin is not None else None
        scores = _score(night, start, margin or 0.0)
        if before is not None:
            pairs = scores.merge(before, on=["listing_id", "price"], suffixes=("", "_before"))
            shares.append((pairs["rating"] != pairs["rating_before"]).mean())
            n_pairs += len(pairs)
        before = scores[["listing_id", "price", "rating"]]
    rated = scores["rating"] != NOT_RATED
    late = (scores["rating"] != _score(nights[-1], None, 0.0)["rating"])[rated].mean()
    return Flapping(float(sum(shares) / len(shares)), float(max(shares)), float(late), n_pairs)


def main() -> int:
    """Print the table."""
    folder = Path(os.environ.get("CARPRICE_DATA", "")) / MARKET
    if not folder.is_dir():
        sys.stderr.write(f"Set CARPRICE_DATA to a folder that holds {MARKET}.\n")
        return 2
    market = load_market(MARKET, (paths.PACKAGE / "markets",))
    accepted = {}
    for delivery in list_deliveries(folder, market.files):
        table = read_table(delivery.path.read_bytes(), market.files, required_headers(market))
        accepted[delivery.night] = ingest_rows(table.rows, table.unreadable, market, {}).accepted
    folded = list(fold_nights(accepted, NIGHTS))
    regimes = {
        "never": (NIGHTS, False),
        "every 5 nights": (5, False),
        "every night": (1, False),
        "every night, unseen": (1, True),
    }
    print(
        f"| fitted | {' | '.join('afresh' if margin is None else f'{margin:g}' for margin in MARGINS)} |\n|---{'|---' * len(MARGINS)}|"
    )
    for name, (every, unseen) in regimes.items():
        nights = appraise_nights(folded, market.feature_columns(), DEFAULTS, every, unseen=unseen)
        found = [follow_ratings(nights, margin) for margin in MARGINS]
        cells = [f"{one.changed_share:.2%}, {one.worst_share:.1%}, {one.late_share:.0%}" for one in found]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


def _score(night: Night, before: pd.DataFrame | None, margin: float) -> pd.DataFrame:
    return score.score_listings(night.live, night.prices, night.appraisals, night.n_like_it, night.night, before, margin).scores


def _fit(train: pd.DataFrame, parts: Parts, kinds: Mapping[str, Kind], hyperparameters: Hyperparameters) -> PriceModel:
    return fit_model(train.reset_index(drop=True), parts.calibration, kinds, hyperparameters, lambda *_: None)


def _fit_halves(parts: Parts, kinds: Mapping[str, Kind], hyperparameters: Hyperparameters) -> Halves:
    half = Halves.half_of(parts.train)
    return Halves([_fit(parts.train[half == place], parts, kinds, hyperparameters) for place in (0, 1)])


if __name__ == "__main__":
    sys.exit(main())
