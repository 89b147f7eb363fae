"""The job in seven stages over files, made of the pipeline's own functions: `python job.py STAGE`.

It is copied into a project that has `params.json`, deliveries in `raw/`, and `pipeline/` without Luigi. Each stage that runs writes its name
into `ran.log`. Heavy libraries are imported in the stages alone, so that a tool that asks what there is to do need not wait for them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OUT = Path("out")
RAW = Path("raw")
RAN = Path("ran.log")
SETTINGS = Path("params.json")


@dataclass(frozen=True)
class Stage:
    """What a tool must know of a stage: what runs, the stages before it, its code, its settings, and the files it writes."""

    run: Callable[[Path], None]
    after: tuple[str, ...]
    code: tuple[str, ...]
    settings: tuple[str, ...]
    files: tuple[str, ...]


def run(name: str) -> None:
    """Run one stage."""
    tell(name)
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    STAGES[name].run(folder)


def tell(name: str) -> None:
    """Write down that a stage runs."""
    with RAN.open("a", encoding="utf-8") as log:
        log.write(f"{name}\n")


def read_settings() -> dict[str, Any]:
    """Return the settings."""
    found: dict[str, Any] = json.loads(SETTINGS.read_text(encoding="utf-8"))
    return found


def read_market() -> Any:
    """Return the market's TOML."""
    from pipeline.market_files import load_market

    return load_market(read_settings()["market"], (Path("pipeline/markets"),))


def ingest_all(market: Any) -> dict[Any, Any]:
    """Return each delivery's intake."""
    from pipeline.errors import DeliveryUnreadable
    from pipeline.services import deliveries, tables
    from pipeline.stages import ingest

    intakes = {}
    for delivery in deliveries.list_deliveries(RAW, market.files):
        try:
            table = tables.read_table(tables.read_bytes(delivery.path), market.files, ingest.required_headers(market))
            named = market.values_from_name(delivery.stem)
            intakes[delivery] = ingest.ingest_rows(table.rows, table.unreadable, market.for_ingest(), named)
        except DeliveryUnreadable as error:
            intakes[delivery] = ingest.empty_intake(market.for_ingest(), str(error))
    return intakes


def fit(learnt: Any, market: Any) -> Any:
    """Return the fitted model."""
    from threadpoolctl import threadpool_limits

    from pipeline.stages import train

    settings = read_settings()
    hyperparameters = train.Hyperparameters(**{name: settings[name] for name in HYPERPARAMETERS})
    with threadpool_limits(1):
        return train.fit_model(learnt, market.feature_columns(), hyperparameters, settings["level"], lambda *_: None)


def facts_of(market: Any, account: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the metrics say about the market and the split."""
    return {
        "market": read_settings()["market"],
        "currency": market.currency,
        "synthetic": market.synthetic,
        **account,
    }


def track(metrics: Mapping[str, Any], estimates: Any, importance: Any, started_at: datetime) -> dict[str, str]:
    """Tell MLflow of the training, and say where."""
    from pipeline.services import plots, registry

    model = OUT / "train/model.skops"
    training = registry.Training(
        market=metrics["market"],
        fingerprint=_digest(model),
        folder=model.parent,
        started_at=started_at.isoformat(),
        duration_s=(datetime.now(UTC) - started_at).total_seconds(),
        judged_at=datetime.now(UTC).isoformat(),
        parameters={name: str(value) for name, value in read_settings().items()},
        metrics=registry.plain_metrics(metrics),
        digests={path.name: _digest(path) for path in (OUT / "split").glob("*.parquet")},
        draw=lambda folder: plots.draw_all(estimates, importance, metrics["currency"], folder),
    )
    recorded = registry.record_training(training, Path("mlflow"), Path("locks"))
    return {"run_id": recorded.run_id, "version": recorded.version}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _ingest(folder: Path) -> None:
    import pandas as pd

    from pipeline.services import documents, frames

    intakes = ingest_all(read_market())
    for part in ("accepted", "rejected"):
        parts = [getattr(intake, part).assign(delivery=delivery.name) for delivery, intake in intakes.items()]
        frames.write_frame(pd.concat(parts, ignore_index=True), folder / f"{part}.parquet")
    accounts = [[delivery.name, delivery.night, intake.account] for delivery, intake in intakes.items()]
    documents.write_document(accounts, folder / "accounts.json")


def _check(folder: Path) -> None:
    from pipeline.services import documents
    from pipeline.stages import check

    accounts = documents.read_document(OUT / "ingest/accounts.json")
    account = check.judge_intake({name: account for name, _, account in accounts}, read_market().check)
    documents.write_document(account, folder / "account.json")


def _clean(folder: Path) -> None:
    from pipeline.services import documents, frames
    from pipeline.stages import clean

    rows = frames.read_frame(OUT / "ingest/accepted.parquet")
    nights = {name: night for name, night, _ in documents.read_document(OUT / "ingest/accounts.json")}
    accepted = [rows[rows["delivery"] == name].drop(columns="delivery") for name in nights]
    folded = clean.fold_listings(accepted, list(nights.values()))
    frames.write_frame(folded.listings, folder / "listings.parquet")
    frames.write_frame(folded.prices, folder / "prices.parquet")
    documents.write_document(folded.account, folder / "account.json")


def _split(folder: Path) -> None:
    from pipeline.services import documents, frames
    from pipeline.stages import split

    settings = read_settings()
    listings = frames.read_frame(OUT / "clean/listings.parquet")
    parts = split.split_listings(listings, *(settings[name] for name in SPLIT))
    for name in PARTS:
        frames.write_frame(getattr(parts, name), folder / f"{name}.parquet")
    documents.write_document(parts.account, folder / "account.json")


def _train(folder: Path) -> None:
    from pipeline.services import frames, models

    models.save_model(fit(frames.read_frame(OUT / "split/train.parquet"), read_market()), folder / "model.skops")


def _evaluate(folder: Path) -> None:
    import skops.io

    from pipeline.services import documents, frames
    from pipeline.stages import evaluate

    train, test = (frames.read_frame(OUT / f"split/{name}.parquet") for name in PARTS)
    content = (OUT / "train/model.skops").read_bytes()
    model = skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))  # a moment ago we wrote it
    facts = facts_of(read_market(), documents.read_document(OUT / "split/account.json"))
    judgement = evaluate.judge_model(model, train, test, facts)
    documents.write_document(judgement.metrics, folder / "metrics.json")
    for name in ("segments", "estimates", "importance"):
        frames.write_frame(getattr(judgement, name), folder / f"{name}.parquet")


def _report(folder: Path) -> None:
    from pipeline.services import documents, frames

    metrics = documents.read_document(OUT / "evaluate/metrics.json")
    estimates, importance = (frames.read_frame(OUT / f"evaluate/{name}.parquet") for name in ("estimates", "importance"))
    documents.write_document(track(metrics, estimates, importance, datetime.now(UTC)), folder / "receipt.json")


PARTS = ("train", "test")
SPLIT = ("test_share", "min_judged")
HYPERPARAMETERS = ("profile", "seed")
STAGES = {
    "ingest": Stage(
        _ingest,
        (),
        ("stages/ingest.py", "services/tables.py"),
        ("market",),
        ("accepted.parquet", "rejected.parquet", "accounts.json"),
    ),
    "check": Stage(_check, ("ingest",), ("stages/check.py",), ("market",), ("account.json",)),
    "clean": Stage(
        _clean, ("ingest", "check"), ("stages/clean.py",), ("market",), ("listings.parquet", "prices.parquet", "account.json")
    ),
    "split": Stage(_split, ("clean",), ("stages/split.py",), SPLIT, (*(f"{name}.parquet" for name in PARTS), "account.json")),
    "train": Stage(
        _train,
        ("split",),
        ("stages/train.py", "valuation/recipe.py", "valuation/members.py"),
        (*HYPERPARAMETERS, "level"),
        ("model.skops",),
    ),
    "evaluate": Stage(
        _evaluate,
        ("split", "train"),
        ("stages/evaluate.py", "stages/metrics.py", "valuation/features.py"),
        ("market",),
        ("metrics.json", "segments.parquet", "estimates.parquet", "importance.parquet"),
    ),
    "report": Stage(_report, ("split", "train", "evaluate"), ("services/plots.py",), ("market",), ("receipt.json",)),
}

if __name__ == "__main__":
    run(sys.argv[1])
