"""Dividing: writes the parts of a split, a chunk of the listings at a time."""

from __future__ import annotations

from pathlib import Path

from pipeline.services import documents, frames
from pipeline.stages import split

TRAIN, TEST, ACCOUNT = "train.parquet", "test.parquet", "account.json"


def divide_listings(listings: Path, test_share: float, min_judged: int, folder: Path) -> None:
    """Write a file for each part into `folder`, and the account that says how they were told apart."""
    keys = frames.read_frame(listings, ["group_id", "first_seen_on"])
    decision = split.decide_parts(keys, test_share, min_judged)
    with frames.FrameWriter(folder / TRAIN) as train, frames.FrameWriter(folder / TEST) as test:
        start = 0
        for chunk in frames.read_chunks(listings):
            is_test = decision.is_test[start : start + len(chunk)]
            train.write(chunk[~is_test])
            test.write(chunk[is_test])
            start += len(chunk)
    documents.write_document(decision.account, folder / ACCOUNT)
