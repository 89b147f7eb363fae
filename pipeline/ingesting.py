"""Ingesting: reads one delivery chunk by chunk, here or on a Dask worker, and writes what Ingest makes of it: memory bounds no delivery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pipeline.errors import ClusterFailed, DeliveryUnreadable
from pipeline.incremental.digests import digest_readable
from pipeline.market import Market
from pipeline.services import documents, frames, tables
from pipeline.stages import ingest

ACCEPTED, REJECTED, ACCOUNT = "accepted.parquet", "rejected.parquet", "account.json"
_DRAFT = "draft.parquet"


def ingest_delivery(folder: Path, path: Path, settings: dict[str, Any], chunk_bytes: int = tables.CHUNK_BYTES) -> None:
    """Write accepted and rejected rows and their account into `folder`; a delivery that cannot be read is set aside whole."""
    terms, named = msgspec.convert(settings["market"], Market), settings["named"]
    chunks = tables.read_chunks(path, terms.files, ingest.required_headers(terms), chunk_bytes)
    try:
        account = _ingest_chunks(chunks, terms, named, folder)
    except DeliveryUnreadable as error:
        intake = ingest.empty_intake(terms, str(error))
        frames.write_frame(intake.accepted, folder / ACCEPTED)
        frames.write_frame(intake.rejected, folder / REJECTED)
        account = intake.account
    (folder / _DRAFT).unlink(missing_ok=True)
    documents.write_document(account, folder / ACCOUNT)


def ingest_same_delivery(folder: Path, path: Path, settings: dict[str, Any], digest: str) -> None:
    """Do the same on another machine; raises ClusterFailed where the file there is not the one of that digest."""
    if digest_readable(path) != digest:
        raise ClusterFailed(f"{path} is not on the Dask worker what it is here: workers must share the folder of deliveries.")
    ingest_delivery(folder, path, settings)


def _ingest_chunks(chunks: Iterable[tables.RawTable], terms: Market, named: Mapping[str, str], folder: Path) -> dict[str, object]:
    tally, ranks = ingest.Tally(), ingest.Ranks()
    with frames.FrameWriter(folder / ACCEPTED) as accepted, frames.FrameWriter(folder / REJECTED) as rejected:
        sheets_unread: dict[str, int] = {}
        for table in chunks:
            sheets_unread |= table.sheets_unread
            chunk = ingest.ingest_chunk(table.rows, table.unreadable, terms, named)
            accepted.write(chunk.accepted)
            rejected.write(chunk.rejected)
            tally.add(chunk.tally)
            ranks.add(chunk.described)
    account = ingest.make_account(tally, terms) | {"sheets_unread": sheets_unread}
    if prices := ranks.settle():
        _rank_again(prices, folder)
    return account


def _rank_again(prices: Mapping[str, list[float]], folder: Path) -> None:
    """Write the accepted rows again where cars described alike stand in several chunks."""
    (folder / ACCEPTED).rename(folder / _DRAFT)
    with frames.FrameWriter(folder / ACCEPTED) as accepted:
        for chunk in frames.read_chunks(folder / _DRAFT):
            accepted.write(ingest.rank_again(chunk, prices))
