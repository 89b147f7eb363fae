"""Folding: makes listings of all deliveries, in memory where they fit, else a share of the listings at a time."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.services import documents, frames
from pipeline.stages import clean

LISTINGS, PRICES, ACCOUNT = "listings.parquet", "prices.parquet", "account.json"
ROWS_AT_ONCE = 250_000  # that are folded in memory
_DRAFT = "draft.parquet"
_SPILLED = "spilled"


def fold_deliveries(
    files: Sequence[Path], nights: Sequence[str], folder: Path, memory_mb: int, rows_at_once: int = ROWS_AT_ONCE
) -> None:
    """Write listings, prices and their account into `folder`: the same bytes whether all is held in memory or not.

    `files` are the accepted rows of the deliveries in order of (night, name), `nights` their nights ("" where undated).
    """
    if sum(map(frames.count_rows, files)) > rows_at_once:
        account = _fold_sorted(files, nights, folder, memory_mb, rows_at_once)
    else:
        folded = clean.fold_listings([frames.read_frame(file) for file in files], nights)
        frames.write_frame(folded.listings, folder / LISTINGS)
        frames.write_frame(folded.prices, folder / PRICES)
        account = folded.account
    documents.write_document(account, folder / ACCOUNT)


def _fold_sorted(files: Sequence[Path], nights: Sequence[str], folder: Path, memory_mb: int, rows_at_once: int) -> dict[str, int]:
    from pipeline.services import sorting

    account: Counter[str] = Counter()
    with sorting.sorter(folder / _SPILLED, memory_mb) as connection:
        with frames.FrameWriter(folder / _DRAFT) as drafts, frames.FrameWriter(folder / PRICES) as prices:
            for rows in sorting.sort_by_listing(connection, files, nights, rows_at_once):
                folded = clean.fold_rows(rows)
                drafts.write(folded.listings)
                prices.write(folded.prices)
                account.update(folded.account)
        with frames.FrameWriter(folder / LISTINGS) as listings:
            names = sorting.name_groups(connection, folder / _DRAFT, rows_at_once)
            for chunk, groups in zip(frames.read_chunks(folder / _DRAFT, rows=rows_at_once), names, strict=True):
                listings.write(clean.join_groups(chunk, groups))
    (folder / _DRAFT).unlink()
    shutil.rmtree(folder / _SPILLED, ignore_errors=True)
    return dict(account)
