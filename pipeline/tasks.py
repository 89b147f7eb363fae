"""THE GRAPH: one task per stage, from raw deliveries to a judged model.

    raw ─ Ingest(delivery) ─ Check ─ Clean ─ Split ─ Train ─ Evaluate

Heavy libraries are imported in `build` alone: asking whether a task is complete must stay cheap.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import luigi
import msgspec

from pipeline import current, paths, receipts, summary
from pipeline.errors import DeliveryUnreadable, NoUsableDelivery
from pipeline.incremental.digests import UNREADABLE
from pipeline.incremental.task import ExplainingTask, IncrementalTask
from pipeline.incremental.workspace import Workspace
from pipeline.market import Demands, Market
from pipeline.market_files import load_market
from pipeline.parameters import (
    AsOfParameter,
    CountFromZeroParameter,
    CountParameter,
    DeliveryParameter,
    MarketParameter,
    ShareParameter,
)
from pipeline.services.deliveries import Delivery, list_deliveries, night_of, path_of, stem_of

TABLES = ("numpy", "pandas", "pyarrow")
_log = logging.getLogger("pipeline")
LEARNING = (*TABLES, "scikit-learn", "scipy", "skops")


class Stage(IncrementalTask):
    """What every stage has: a market, described by its TOML."""

    market: str = MarketParameter(default="sample", config_path={"section": "pipeline", "name": "market"})
    libraries: ClassVar[tuple[str, ...]] = TABLES

    @property
    def subject(self) -> str:
        """The market."""
        return self.market

    def workspace(self) -> Workspace:
        """Return the project's workspace."""
        return paths.workspace()

    def terms(self) -> Market:
        """Return the market's TOML, read afresh."""
        return load_market(self.market, tuple(paths.market_folders()))


class Ingest(Stage):
    """Parse one delivery; its name matters only for what the market takes from it."""

    delivery: str = DeliveryParameter(description="The file's path below the market's folder.")
    outside_fingerprint = frozenset({"delivery"})

    @property
    def subject(self) -> str:
        """The market's delivery."""
        return f"{self.market}/{self.delivery}"

    def files(self) -> dict[str, Path]:
        """Read the delivery."""
        return {"delivery": path_of(paths.deliveries(self.market), self.delivery)}

    def settings(self) -> Any:
        """Depend on what the market says about rows, and on what the file's name says."""
        terms = self.terms()
        return {"market": msgspec.to_builtins(terms.for_ingest()), "named": terms.values_from_name(stem_of(self.delivery))}

    def build(self, folder: Path) -> None:
        """Write accepted and rejected rows and their account."""
        from pipeline.services import documents, frames, tables
        from pipeline.stages import ingest

        settings = self.settings()
        terms = msgspec.convert(settings["market"], Market)
        (path,) = self.files().values()
        try:
            table = tables.read_table(tables.read_bytes(path), terms.files, ingest.required_headers(terms))
            intake = ingest.ingest_rows(table.rows, table.unreadable, terms, settings["named"])
        except DeliveryUnreadable as error:
            intake = ingest.empty_intake(terms, str(error))
        frames.write_frame(intake.accepted, folder / "accepted.parquet")
        frames.write_frame(intake.rejected, folder / "rejected.parquet")
        documents.write_document(intake.account, folder / "account.json")


class NoDelivery(ExplainingTask):
    """Stands for deliveries that are not there: never complete, and says so when it is run."""

    market: str = luigi.Parameter()

    def complete(self) -> bool:
        """Say no."""
        return False

    def run(self) -> None:
        """Raise NoUsableDelivery."""
        patterns = load_market(self.market, tuple(paths.market_folders())).files.patterns
        folder = paths.deliveries(self.market)
        found = f"holds no file like {' or '.join(patterns)}" if folder.exists() else "does not exist"
        raise NoUsableDelivery(
            f"No delivery of {self.market}: {folder} {found}. Put one there, "
            "name another folder with --pipeline-raw, or write synthetic ones with `python -m pipeline sample`."
        )


class DatedStage(Stage):
    """A stage meant as of a night: it sees deliveries dated up to it, and undated ones (nothing: the present)."""

    as_of: date | None = AsOfParameter(default=None)
    outside_fingerprint = frozenset({"as_of"})

    def before(self, stage: type[DatedStage]) -> DatedStage:
        """Return the task of another stage for the same market and night; its other parameters are its own."""
        return stage(market=self.market, as_of=self.as_of)

    def upstream(self, family: str) -> list[Any]:
        """Return the direct dependencies of one family."""
        return [task for task in self.deps() if task.task_family == family]

    def folder_of(self, family: str) -> Path:
        """Return the result folder of the one dependency of that family."""
        (task,) = self.upstream(family)
        return Path(task.folder)


class Check(DatedStage):
    """Judge the whole intake before anything is built on it."""

    consumes = {"Ingest": ("account.json",)}

    def requires(self) -> list[Any]:
        """Need every delivery, in order of (night, name); equal bytes under two names count once."""
        terms = self.terms()
        distinct: dict[tuple[str, str], Delivery] = {}
        for delivery in list_deliveries(paths.deliveries(self.market), terms.files, self.as_of):
            digest = self.workspace().files.digest(delivery.path)
            content = digest if digest != UNREADABLE else delivery.name
            distinct.setdefault((content, str(terms.values_from_name(delivery.stem))), delivery)
        ingested = [Ingest(market=self.market, delivery=delivery.name) for delivery in distinct.values()]
        return ingested or [NoDelivery(market=self.market)]

    def settings(self) -> Any:
        """Depend on the market's demands and on the deliveries' names, which messages need."""
        demands = msgspec.to_builtins(self.terms().check)
        return {"demands": demands, "deliveries": [task.delivery for task in self.upstream("Ingest")]}

    def build(self, folder: Path) -> None:
        """Write the account of the whole intake."""
        from pipeline.services import documents
        from pipeline.stages import check

        settings = self.settings()
        folders = [task.folder for task in self.upstream("Ingest")]
        accounts = [documents.read_document(path / "account.json") for path in folders]
        demands = msgspec.convert(settings["demands"], Demands)
        account = check.judge_intake(dict(zip(settings["deliveries"], accounts, strict=True)), demands, self._places())
        documents.write_document(account, folder / "account.json")

    def summary(self) -> list[str]:
        """Tell what became of the rows."""
        return summary.tell_intake(json.loads((self.folder / "account.json").read_bytes()), self._places())

    def _places(self) -> dict[str, str]:
        """Say where the rejected rows of each delivery lie."""
        return {task.delivery: f"{task.folder}/rejected.parquet" for task in self.upstream("Ingest")}


class Clean(DatedStage):
    """Fold accepted rows into listings with their price history."""

    consumes = {"Check": (), "Ingest": ("accepted.parquet",)}

    def requires(self) -> list[Any]:
        """Need that the intake passed, and the very deliveries that it was judged on."""
        check = self.before(Check)
        return [check, *check.deps()]

    def settings(self) -> Any:
        """Depend on the night of each delivery."""
        return {"nights": [night_of(task.delivery) for task in self.upstream("Ingest")]}

    def build(self, folder: Path) -> None:
        """Write listings, prices and their account."""
        from pipeline.services import documents, frames
        from pipeline.stages import clean

        accepted = [frames.read_frame(task.folder / "accepted.parquet") for task in self.upstream("Ingest")]
        folded = clean.fold_listings(accepted, self.settings()["nights"])
        frames.write_frame(folded.listings, folder / "listings.parquet")
        frames.write_frame(folded.prices, folder / "prices.parquet")
        documents.write_document(folded.account, folder / "account.json")

    def summary(self) -> list[str]:
        """Tell how many cars the rows are."""
        return summary.tell_listings(json.loads((self.folder / "account.json").read_bytes()))


class Split(DatedStage):
    """Decide which listings a model learns from, which calibrate it, and which judge it."""

    test_share: float = ShareParameter(default=0.2, description="Share of the cars that judge the model.")
    calibration_share: float = ShareParameter(default=0.12, description="Share of the cars that calibrate intervals.")
    min_judged: int = CountParameter(default=50, description="Fewest cars to judge by.")
    consumes = {"Clean": ("listings.parquet",)}

    def requires(self) -> list[Any]:
        """Need the listings."""
        return [self.before(Clean)]

    def build(self, folder: Path) -> None:
        """Write a frame for each part, so that nothing fitted can read what judges it."""
        from pipeline.services import documents, frames
        from pipeline.stages import split

        listings = frames.read_frame(self.folder_of("Clean") / "listings.parquet")
        parts = split.split_listings(listings, self.test_share, self.calibration_share, self.min_judged)
        frames.write_frame(parts.train, folder / "train.parquet")
        frames.write_frame(parts.calibration, folder / "calibration.parquet")
        frames.write_frame(parts.test, folder / "test.parquet")
        documents.write_document(parts.account, folder / "account.json")


class Train(DatedStage):
    """Fit the price model and calibrate its intervals."""

    iterations: int = CountParameter(default=600, description="Boosting iterations.")
    learning_rate: float = ShareParameter(default=0.1)
    max_leaf_nodes: int = CountParameter(default=63, least=2)
    min_samples_leaf: int = CountParameter(default=10)
    level: float = ShareParameter(default=0.9, description="Share of prices that an interval is meant to hold.")
    seed: int = CountFromZeroParameter(default=0)
    threads: int = CountParameter(default=1, significant=False, description="OpenMP threads of a fit.")
    max_seconds: int = CountFromZeroParameter(default=7200, significant=False, description="Seconds after which a fit is ended.")
    libraries = LEARNING
    consumes = {"Split": ("train.parquet", "calibration.parquet")}

    @property
    def worker_timeout(self) -> int:  # type: ignore[override]  # Luigi reads it and never sets it
        """Return Luigi's time limit: a task that has one runs in a process of its own."""
        return int(self.max_seconds)

    @property
    def results(self) -> Path:
        """Models lie in a folder of their own."""
        return paths.MODELS

    def requires(self) -> list[Any]:
        """Need the parts."""
        return [self.before(Split)]

    def settings(self) -> Any:
        """Depend on which columns the market lets a model use."""
        return {"features": self.terms().feature_columns()}

    def build(self, folder: Path) -> None:
        """Write the fitted model."""
        from threadpoolctl import threadpool_limits

        from pipeline.services import frames, models
        from pipeline.stages import train

        parts = self.folder_of("Split")
        learnt, calibration = (frames.read_frame(parts / f"{name}.parquet") for name in ("train", "calibration"))
        hyperparameters = train.Hyperparameters(
            iterations=self.iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            level=self.level,
            seed=self.seed,
        )
        with threadpool_limits(self.threads, user_api="openmp"):
            model = train.fit_model(learnt, calibration, self.settings()["features"], hyperparameters, self.tell)
        models.save_model(model, folder / models.MODEL_FILE)
        models.describe_model(folder)


class Evaluate(DatedStage):
    """Judge the model beside the baselines, and make it current: the main job."""

    libraries = LEARNING

    def requires(self) -> list[Any]:
        """Need the model and the parts that it was not fitted on."""
        return [self.before(Train), self.before(Split)]

    def settings(self) -> Any:
        """Depend on what the metrics say about the market."""
        terms = self.terms()
        return {"currency": terms.currency, "synthetic": terms.synthetic}

    def build(self, folder: Path) -> None:
        """Write metrics, errors by segment, and every judged listing with its estimate."""
        import pandas as pd
        from threadpoolctl import threadpool_limits

        from pipeline.services import documents, frames, models
        from pipeline.stages import evaluate

        parts = self.folder_of("Split")
        train, calibration, test = (frames.read_frame(parts / f"{name}.parquet") for name in ("train", "calibration", "test"))
        learnt = pd.concat([train, calibration], ignore_index=True)
        facts = {"market": self.market, **self.settings(), **documents.read_document(parts / "account.json")}
        self.tell("judging model and baselines", 0.2)
        with threadpool_limits(1, user_api="openmp"):  # two on busy cores are many times slower than one
            judgement = evaluate.judge_model(models.load_model(self.folder_of("Train")), learnt, test, facts)
        documents.write_document(judgement.metrics, folder / "metrics.json")
        frames.write_frame(judgement.segments, folder / "segments.parquet")
        frames.write_frame(judgement.estimates, folder / "estimates.parquet")
        frames.write_frame(judgement.importance, folder / "importance.parquet")

    def complete(self) -> bool:
        """Say whether the result is there, recorded and current: going back to an earlier one must move the pointer back."""
        if not super().complete() or not receipts.is_recorded(self.folder):
            return False
        return current.is_past(self.market, self.as_of) or current.points_to(self.market, self._night(), self._stages())

    def after_commit(self) -> None:
        """Make the result current, unless it is meant as of a night before what is; and tell MLflow of the training."""
        if not current.move_current(self.market, self._night(), self._stages(), self.as_of):
            _log.info("Evaluate  current stays where it is: it is meant as of a later night than %s", self.as_of)
        if not receipts.is_recorded(self.folder):
            from pipeline.services import tracking

            (train,), (split,) = self.upstream("Train"), self.upstream("Split")
            recorded = tracking.record(self.market, train, split, self)
            receipts.write_receipt(self.folder, recorded)
            _log.info(
                "Evaluate  recorded as run %s of MLflow, version %s of %s",
                recorded["run_id"][:8],
                recorded["version"],
                self.market,
            )

    def summary(self) -> list[str]:
        """Tell how good the model is."""
        return summary.tell_metrics(json.loads((self.folder / "metrics.json").read_bytes()))

    def _night(self) -> str:
        """Return the night that is asked for, else that of the newest delivery."""
        nights = [night_of(task.delivery) for task in self._chain() if task.task_family == "Ingest"]
        return self.as_of.isoformat() if self.as_of else max(nights, default="")

    def _stages(self) -> dict[str, str]:
        return {task.task_family.lower(): task.folder.as_posix() for task in self._chain() if task.task_family != "Ingest"}

    def _chain(self) -> Iterator[Any]:
        """Walk this task and all that it rests on."""
        waiting, seen = [self], set()
        while waiting:
            task = waiting.pop()
            if task.task_id not in seen:
                seen.add(task.task_id)
                waiting.extend(task.deps())
                yield task
