"""How often ratings change though prices do not: `CARPRICE_DATA=FOLDER python -m benchmarks.ratings` over kijiji_ca's last nights.

Prints the table of docs/decisions/0012. Each listing is estimated by members that did not learn from it, as Score does.
"""

from __future__ import annotations

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
from pipeline.stages.split import split_listings
from pipeline.stages.train import Hyperparameters, fit_model

MARKET = "kijiji_ca"
NIGHTS = 22
MARGINS = (None, 0.1, 0.2, 0.25, 0.3, 0.5)  # None: each night afresh
DEFAULTS = Hyperparameters()
LEVEL = 0.9


@dataclass(frozen=True)
class Night:
    """All that the scores of one night are made of, but the night before."""

    night: str
    live: pd.DataFrame
    prices: pd.DataFrame
    appraisals: pd.DataFrame
    like_it: pd.DataFrame


@dataclass(frozen=True)
class Flapping:
    """Of the listings that were there the night before at the same price: the share whose rating changed, per night and on the worst.

    `late_share`: on the last night, of the rated ones, the share that would be rated otherwise afresh.
    """

    changed_share: float
    worst_share: float
    late_share: float
    n_pairs: int


def fold_nights(accepted: Mapping[str, pd.DataFrame], count: int) -> Iterator[tuple[str, Folded]]:
    """Fold the deliveries up to each of the last nights."""
    nights = list(accepted)
    for end in range(len(nights) - count + 1, len(nights) + 1):
        yield nights[end - 1], fold_listings([accepted[night] for night in nights[:end]], nights[:end])


def appraise_nights(
    folded: list[tuple[str, Folded]], kinds: Mapping[str, Kind], hyperparameters: Hyperparameters, every: int
) -> list[Night]:
    """Appraise each night's live listings by a model that is fitted anew every so many nights."""
    found: list[Night] = []
    for place, (night, market) in enumerate(folded):
        if place % every == 0:
            learnt = split_listings(market.listings, 0.2, 50).train
            model = fit_model(learnt, kinds, hyperparameters, LEVEL, lambda *_: None)
        live = score.select_live(market.listings, night)
        appraisals = appraise(model, live, unseen=True)
        found.append(Night(night, live, market.prices, appraisals, score.describe_like_it(live, learnt)))
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
        "once": NIGHTS,
        "every 5 nights": 5,
        "every night": 1,
    }
    print(
        f"| fitted | {' | '.join('afresh' if margin is None else f'{margin:g}' for margin in MARGINS)} |\n|---{'|---' * len(MARGINS)}|"
    )
    for name, every in regimes.items():
        nights = appraise_nights(folded, market.feature_columns(), DEFAULTS, every)
        found = [follow_ratings(nights, margin) for margin in MARGINS]
        cells = [f"{one.changed_share:.2%}, {one.worst_share:.1%}, {one.late_share:.0%}" for one in found]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


def _score(night: Night, before: pd.DataFrame | None, margin: float) -> pd.DataFrame:
    return score.score_listings(night.live, night.prices, night.appraisals, night.like_it, night.night, before, margin).scores


if __name__ == "__main__":
    sys.exit(main())
