"""Ingesting one delivery, here or on a Dask worker: from the file to files of accepted and rejected rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pipeline.errors import ClusterFailed, DeliveryUnreadable
from pipeline.incremental.digests import digest_readable
from pipeline.market import Market
from pipeline.services import documents, frames, tables
from pipeline.stages import ingest


def ingest_delivery(folder: Path, path: Path, settings: dict[str, Any]) -> None:
    """Write accepted and rejected rows of the delivery in `path`, and their account."""
    terms = msgspec.convert(settings["market"], Market)
    try:
        table = tables.read_table(tables.read_bytes(path), terms.files, ingest.required_headers(terms))
        intake = ingest.ingest_rows(table.rows, table.unreadable, terms, settings["named"])
    except DeliveryUnreadable as error:
        intake = ingest.empty_intake(terms, str(error))
    frames.write_frame(intake.accepted, folder / "accepted.parquet")
    frames.write_frame(intake.rejected, folder / "rejected.parquet")
    documents.write_document(intake.account, folder / "account.json")


def ingest_same_delivery(folder: Path, path: Path, settings: dict[str, Any], digest: str) -> None:
    """Do the same on another machine; raises ClusterFailed where the file there is not the one of that digest."""
    if digest_readable(path) != digest:
        raise ClusterFailed(f"{path} is not on the Dask worker what it is here: workers must share the folder of deliveries.")
    ingest_delivery(folder, path, settings)
