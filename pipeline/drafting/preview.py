"""Previews: what a market's TOML makes of the files that it was drafted from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.drafting.sources import Source
from pipeline.errors import ColumnMissing, DeliveryUnreadable
from pipeline.market import Market
from pipeline.services.deliveries import stem_of
from pipeline.stages.ingest import ingest_rows

SHOWN = 10


@dataclass(frozen=True)
class Preview:
    """The first listings, how many rows there were and how many were accepted, why others were not, and which cells were lost."""

    listings: pd.DataFrame
    rows: int
    accepted: int
    reasons: dict[str, tuple[int, str]]  # with an example
    lost: dict[str, tuple[int, str]]
    refused: dict[str, str]  # files that cannot be read so


def preview_market(market: Market, sources: Sequence[Source]) -> Preview:
    """Ingest the files as a run would, and keep what a person wants to see."""
    shown: list[pd.DataFrame] = []
    counts = {"reasons": Counter[str](), "dropped_values": Counter[str]()}
    examples: dict[str, str] = {}
    refused: dict[str, str] = {}
    rows = accepted = 0
    for source in sources:
        named = market.values_from_name(stem_of(source.path.name))
        rows += len(source.table.rows) + len(source.table.unreadable)
        try:
            intake = ingest_rows(source.table.rows, source.table.unreadable, market, named)
        except (DeliveryUnreadable, ColumnMissing) as error:
            refused[source.path.name] = str(error)
            continue
        accepted += len(intake.accepted)
        if sum(map(len, shown)) < SHOWN:
            shown.append(intake.accepted.head(SHOWN))
        for key, counter in counts.items():
            counter.update(intake.account[key])
        for reason, example in intake.account["examples"].items():
            examples.setdefault(reason, f"{source.path.name} row {example['row']}: {example['value']!r}")
    listings = pd.concat(shown, ignore_index=True).head(SHOWN) if shown else pd.DataFrame()
    told = {
        key: {reason: (count, examples.get(reason, "")) for reason, count in counter.most_common()}
        for key, counter in counts.items()
    }
    return Preview(listings, rows, accepted, told["reasons"], told["dropped_values"], refused)
