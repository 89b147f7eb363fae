"""The same work as a plain script: one process, everything in memory, the same files written, nothing ever reused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import job

from pipeline.services import documents, frames, models
from pipeline.stages import check, clean, evaluate, split


def main() -> None:
    """Do all seven stages."""
    market = job.read_market()
    settings = job.read_settings()

    job.tell("ingest")
    intakes = job.ingest_all(market)
    for number, intake in enumerate(intakes.values()):
        folder = _folder(f"ingest/{number}")
        frames.write_frame(intake.accepted, folder / "accepted.parquet")
        frames.write_frame(intake.rejected, folder / "rejected.parquet")
        documents.write_document(intake.account, folder / "account.json")

    job.tell("check")
    account = check.judge_intake({delivery.name: intake.account for delivery, intake in intakes.items()}, market.check)
    documents.write_document(account, _folder("check") / "account.json")

    job.tell("clean")
    folded = clean.fold_listings([intake.accepted for intake in intakes.values()], [delivery.night for delivery in intakes])
    folder = _folder("clean")
    frames.write_frame(folded.listings, folder / "listings.parquet")
    frames.write_frame(folded.prices, folder / "prices.parquet")
    documents.write_document(folded.account, folder / "account.json")

    job.tell("split")
    parts = split.split_listings(folded.listings, *(settings[name] for name in job.SPLIT))
    folder = _folder("split")
    for name in job.PARTS:
        frames.write_frame(getattr(parts, name), folder / f"{name}.parquet")
    documents.write_document(parts.account, folder / "account.json")

    job.tell("train")
    started_at = datetime.now(UTC)
    model = job.fit(parts.train, market)
    models.save_model(model, _folder("train") / "model.skops")

    job.tell("evaluate")
    judgement = evaluate.judge_model(model, parts.train, parts.test, job.facts_of(market, parts.account))
    folder = _folder("evaluate")
    documents.write_document(judgement.metrics, folder / "metrics.json")
    for name in ("segments", "estimates", "importance"):
        frames.write_frame(getattr(judgement, name), folder / f"{name}.parquet")

    job.tell("report")
    receipt = job.track(judgement.metrics, judgement.estimates, judgement.importance, started_at)
    documents.write_document(receipt, _folder("report") / "receipt.json")


def _folder(name: str) -> Path:
    folder = job.OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
