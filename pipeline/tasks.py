"""THE GRAPH: one task per stage, from raw deliveries to a promoted model, a rating of every car for sale, and a report.

    raw ─ Ingest(delivery) ─ Check ─ Clean ─ Split ─┬──────────────────┬─ Train ─ Evaluate ─ Promote ─┬─ Score ───┬─ Report ─ Nightly
                                                    └─ Trial(n) ─ Tune ┘                              └─ Monitor ─┘

Heavy libraries are imported in `build` alone: asking whether a task is complete must stay cheap.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import luigi
import msgspec
from luigi.cmdline_parser import CmdlineParser

from pipeline import champion, current, former, paths, receipts, summary
from pipeline.errors import NoUsableDelivery, UsageWrong
from pipeline.incremental.digests import UNREADABLE, digest_readable
from pipeline.incremental.task import ExplainingTask, IncrementalTask
from pipeline.incremental.workspace import Workspace
from pipeline.intake import read_newest
from pipeline.market import Demands, Market
from pipeline.market_files import load_market
from pipeline.parameters import (
    AsOfParameter,
    CountFromZeroParameter,
    CountParameter,
    DeliveryParameter,
    FactorParameter,
    MarketParameter,
    ShareParameter,
    WordParameter,
)
from pipeline.services import clock
from pipeline.services.deliveries import Delivery, begin_history, list_deliveries, night_of, path_of, stem_of

TABLES = ("numpy", "pandas", "pyarrow")
_log = logging.getLogger("pipeline")
QUICK = "quick"
PROFILES = ("full", QUICK)
FACTORS = ("iterations_factor", "learning_rate_factor", "leaf_nodes_factor", "min_samples_leaf_factor")
LEARNING = (*TABLES, "scikit-learn", "scipy", "skops")


class Stage(IncrementalTask):
    """What every stage has: a market, described by its TOML."""

    # By name alone: RangeDaily takes a task's first positional parameter for its date.
    market: str = MarketParameter(default="sample", positional=False, config_path={"section": "pipeline", "name": "market"})
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


class Sent:
    """What a Dask cluster may do, where luigi.cfg names one; `libraries` decide what it computes."""

    libraries: ClassVar[tuple[str, ...]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Read the settings, here where a slip ends the run before it begins; they travel with the task."""
        from pipeline import settings  # not above, where builds would reach it: no setting of the project decides a result

        super().__init__(*args, **kwargs)
        self.dask = settings.read_dask(CmdlineParser.get_instance())

    def prepare(self) -> None:
        """See whether the cluster answers, before thousands of deliveries find out one by one."""
        if cluster := self.cluster():
            cluster.look()

    def cluster(self) -> Any:
        """Return the cluster, None where this machine does it all."""
        if not self.dask.scheduler:
            return None
        from pipeline.services.cluster import Cluster

        return Cluster(self.dask.scheduler, self.dask.wait_seconds, self.libraries)


class Ingest(Sent, Stage):
    """Parse one delivery; its name matters only for what the market takes from it."""

    delivery: str = DeliveryParameter(description="The file's path below the market's folder.")
    outside_fingerprint = frozenset({"delivery"})
    libraries = (*TABLES, "python-calamine", "msgspec")

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
        from pipeline import ingesting

        (path,), settings = self.files().values(), self.settings()
        if cluster := self.cluster():
            cluster.build(ingesting.ingest_same_delivery, folder, path.absolute(), settings, digest_readable(path))
        else:
            ingesting.ingest_delivery(folder, path, settings)


class NoDelivery(ExplainingTask):
    """Stands for deliveries that are not there: never complete, and says so when it is run."""

    market: str = luigi.Parameter()
    as_of: date | None = AsOfParameter(default=None)

    def complete(self) -> bool:
        """Say no."""
        return False

    def run(self) -> None:
        """Raise NoUsableDelivery."""
        folder, files = paths.deliveries(self.market), load_market(self.market, tuple(paths.market_folders())).files
        later = list_deliveries(folder, files)
        if later:
            raise NoUsableDelivery(
                f"No delivery of {self.market}: {folder} holds none dated up to {self.as_of}; the first is of {later[0].night}."
            )
        found = f"holds no file like {' or '.join(files.patterns)}" if folder.exists() else "does not exist"
        raise NoUsableDelivery(
            f"No delivery of {self.market}: {folder} {found}. Put one there, "
            "name another folder with --pipeline-raw, or write synthetic ones with `python -m pipeline sample`."
        )


class DatedStage(Stage):
    """A stage meant as of a night: it sees deliveries dated up to it, and undated ones (nothing: the present)."""

    as_of: date | None = AsOfParameter(default=None)
    outside_fingerprint = frozenset({"as_of"})

    @property
    def label(self) -> str:
        """The name and the night."""
        return f"{self.name} as of {self.as_of}" if self.as_of else self.name

    @classmethod
    def bulk_complete(cls, nights: Iterable[date]) -> list[date]:
        """Return the nights that ask for nothing, to RangeDaily: those that are done, and those that have not come yet."""
        return [night for night in nights if night > clock.today() or cls(as_of=night).complete()]

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


class History(NamedTuple):
    """The deliveries that are taken, what is to be told where there are older ones, and the name of the one that each other repeats."""

    deliveries: list[Delivery]
    told: dict[str, Any]
    repeats: dict[str, str]


class Check(DatedStage):
    """Judge the whole intake before anything is built on it."""

    history_days: int = CountFromZeroParameter(
        default=730,
        description="Days up to the newest delivery whose deliveries are taken, undated ones besides; 0: all there are.",
    )
    outside_fingerprint = frozenset({"as_of", "history_days"})
    consumes = {"Ingest": ("account.json",)}
    _history: History | None = None

    def requires(self) -> list[Any]:
        """Need the deliveries of the history, in order of (night, name)."""
        ingested = [Ingest(market=self.market, delivery=delivery.name) for delivery in self._choose().deliveries]
        return ingested or [NoDelivery(market=self.market, as_of=self.as_of)]

    def settings(self) -> Any:
        """Depend on the market's demands, on the deliveries' names, which messages need, and on how many are older than the history."""
        demands = msgspec.to_builtins(self.terms().check)
        names = [task.delivery for task in self.upstream("Ingest")]
        nights = [night_of(name) for name in names]
        return {"demands": demands, "deliveries": names, "nights": nights, **self._choose().told}

    def build(self, folder: Path) -> None:
        """Write the account of the whole intake."""
        from pipeline.services import documents
        from pipeline.stages import check

        settings = self.settings()
        folders = [task.folder for task in self.upstream("Ingest")]
        accounts = [documents.read_document(path / "account.json") for path in folders]
        demands = msgspec.convert(settings["demands"], Demands)
        account = check.judge_intake(dict(zip(settings["deliveries"], accounts, strict=True)), demands, self._places())
        newest = max((night for night, told in zip(settings["nights"], accounts, strict=True) if told["accepted"]), default="")
        history = {"history": settings["history"]} if "history" in settings else {}
        documents.write_document({**account, **history, "newest": newest}, folder / "account.json")

    def summary(self) -> list[str]:
        """Tell what became of the rows, and which deliveries repeat others: they bring no news, and nothing is built for them."""
        account = json.loads((self.folder / "account.json").read_bytes())
        return [*summary.tell_intake(account, self._places()), *summary.tell_repeats(self._choose().repeats)]

    def _choose(self) -> History:
        """Return the deliveries of the history.

        Decided once, as `deps` are, and travelling with the task like them: a delivery that arrives meanwhile belongs to the next run.
        """
        if self._history is None:
            found = list_deliveries(paths.deliveries(self.market), self.terms().files, self.as_of)
            begins = begin_history(found, self.history_days, clock.today())
            taken = [delivery for delivery in found if not "" < delivery.night < begins]
            older = len(found) - len(taken)
            distinct, repeats = self._tell_apart(taken)
            self._history = History(distinct, {"history": {"begins": begins, "older": older}} if older else {}, repeats)
        return self._history

    def _tell_apart(self, taken: list[Delivery]) -> tuple[list[Delivery], dict[str, str]]:
        """Return the deliveries of different content, and the others, each with the one that it repeats: the first that is dated, if any is."""
        terms, firsts, repeats = self.terms(), dict[tuple[str, str], Delivery](), dict[str, str]()
        for delivery in sorted(taken, key=lambda one: (not one.night, one)):
            digest = self.workspace().files.digest(delivery.path)
            content = digest if digest != UNREADABLE else delivery.name
            first = firsts.setdefault((content, str(terms.values_from_name(delivery.stem))), delivery)
            if first is not delivery:
                repeats[delivery.name] = first.name
        return sorted(firsts.values()), dict(sorted(repeats.items()))

    def _places(self) -> dict[str, str]:
        """Say where the rejected rows of each delivery lie."""
        return {task.delivery: f"{task.folder}/rejected.parquet" for task in self.upstream("Ingest")}


class Clean(DatedStage):
    """Fold accepted rows into listings with their price history."""

    memory_mb: int = CountParameter(
        default=1000, least=200, significant=False, description="MB for sorting more rows than are folded at once."
    )
    libraries = (*TABLES, "duckdb")
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
        from pipeline import folding

        accepted = [task.folder / "accepted.parquet" for task in self.upstream("Ingest")]
        folding.fold_deliveries(accepted, self.settings()["nights"], folder, self.memory_mb)

    def summary(self) -> list[str]:
        """Tell how many cars the rows are."""
        return summary.tell_listings(json.loads((self.folder / "account.json").read_bytes()))


class Split(DatedStage):
    """Decide which listings a model learns from, and which judge it."""

    test_share: float = ShareParameter(default=0.2, description="Share of the cars that judge the model.")
    min_judged: int = CountParameter(default=50, description="Fewest cars to judge by.")
    consumes = {"Clean": ("listings.parquet",)}

    def requires(self) -> list[Any]:
        """Need the listings."""
        return [self.before(Clean)]

    def build(self, folder: Path) -> None:
        """Write a frame for each part, so that nothing fitted can read what judges it."""
        from pipeline import dividing

        dividing.divide_listings(self.folder_of("Clean") / "listings.parquet", self.test_share, self.min_judged, folder)


class Fitting(Sent, DatedStage):
    """What fits a model on the listings of a split."""

    libraries = LEARNING
    consumes = {"Split": ("train.parquet",)}
    jobs: int

    def requires(self) -> list[Any]:
        """Need the parts."""
        return [self.before(Split)]

    def settings(self) -> Any:
        """Depend on which columns the market lets a model use."""
        return {"features": self.terms().feature_columns()}

    def map_folds(self) -> Any:
        """Return what fits the folds: the cluster, or so many processes here."""
        from pipeline.valuation.members import in_processes

        cluster = self.cluster()
        return cluster.map if cluster else in_processes(self.jobs)


class Trial(Fitting):
    """Fit one candidate of the search for hyperparameters, and keep its out-of-fold errors."""

    number: int = CountFromZeroParameter(description="Which candidate; 0 is the recipe as it is.")
    profile: str = WordParameter(default="full", words=PROFILES, config_path={"section": "Train", "name": "profile"})
    max_listings: int = CountFromZeroParameter(default=0, config_path={"section": "Train", "name": "max_listings"})
    seed: int = CountFromZeroParameter(default=0)
    jobs: int = CountParameter(default=1, significant=False, description="Folds fitted at a time, each in a process.")

    @property
    def subject(self) -> str:
        """The market and the candidate."""
        return f"{self.market} {self.number}"

    def build(self, folder: Path) -> None:
        """Write the candidate's factors and errors."""
        from pipeline import learning
        from pipeline.services import documents
        from pipeline.stages import tune
        from pipeline.valuation.members import Hyperparameters

        listings = learning.read_learnt(self.folder_of("Split") / "train.parquet", self.max_listings, self.seed)
        candidate = tune.draw_candidate(self.number, Hyperparameters(profile=self.profile, seed=self.seed))
        trial = tune.try_candidate(listings, self.settings()["features"], candidate, self.tell, self.map_folds())
        documents.write_document(trial, folder / "trial.json")


class Tune(DatedStage):
    """Choose the best of several candidates; each that was tried is there already, also after a kill."""

    trials: int = CountParameter(default=20, description="Candidates, the recipe as it is among them.")
    profile: str = WordParameter(default="full", words=PROFILES, config_path={"section": "Train", "name": "profile"})
    max_listings: int = CountFromZeroParameter(default=0, config_path={"section": "Train", "name": "max_listings"})

    def requires(self) -> list[Any]:
        """Need a trial of each candidate; raises UsageWrong where there is nothing to search."""
        if self.profile == QUICK:
            raise UsageWrong("The quick profile has no members whose settings could be searched: give --Tune-profile full.")
        return [
            Trial(market=self.market, as_of=self.as_of, number=number, profile=self.profile, max_listings=self.max_listings)
            for number in range(self.trials)
        ]

    def build(self, folder: Path) -> None:
        """Write all trials, and the factors of the best."""
        import pandas as pd

        from pipeline.services import documents, frames
        from pipeline.stages import tune

        trials = [documents.read_document(task.folder / "trial.json") for task in self.upstream("Trial")]
        frames.write_frame(pd.DataFrame(trials), folder / "trials.parquet")
        documents.write_document(tune.choose_best(trials), folder / "best.json")

    def summary(self) -> list[str]:
        """Tell what the search found."""
        return summary.tell_search(json.loads((self.folder / "best.json").read_bytes()))


class Train(Fitting):
    """Fit the price model and calibrate its intervals."""

    profile: str = WordParameter(default="full", words=PROFILES, description="full, or quick: the process alone, in seconds.")
    max_listings: int = CountFromZeroParameter(
        default=0, description="Most listings to learn from: a sample where there are more; 0: all."
    )
    seed: int = CountFromZeroParameter(default=0)
    jobs: int = CountParameter(default=1, significant=False, description="Folds fitted at a time, each in a process.")
    iterations_factor: float = FactorParameter(
        default=1.0, description="What each member's own settings are multiplied by (quick has none)."
    )
    learning_rate_factor: float = FactorParameter(default=1.0)
    leaf_nodes_factor: float = FactorParameter(default=1.0)
    min_samples_leaf_factor: float = FactorParameter(default=1.0)
    tuned: bool = luigi.BoolParameter(default=False, description="Take the factors that Tune found instead.")
    level: float = ShareParameter(default=0.9, description="Share of prices that an interval is meant to hold.")
    max_seconds: int = CountFromZeroParameter(default=7200, significant=False, description="Seconds after which a fit is ended.")
    consumes = {"Split": ("train.parquet",), "Tune": ("best.json",)}
    time_limit = "[Train] max_seconds"

    @property
    def worker_timeout(self) -> int:  # type: ignore[override]  # Luigi reads it and never sets it
        """Return Luigi's time limit: a task that has one runs in a process of its own."""
        return int(self.max_seconds)

    @property
    def results(self) -> Path:
        """Models lie in a folder of their own."""
        return paths.MODELS

    def requires(self) -> list[Any]:
        """Need the parts, and the search where its result is asked for: by the same profile, on as many listings."""
        if not self.tuned:
            return super().requires()
        if self.profile == QUICK:
            raise UsageWrong("The quick profile has no members whose settings could be searched: leave --Train-tuned out.")
        search = Tune(market=self.market, as_of=self.as_of, profile=self.profile, max_listings=self.max_listings)
        return [*super().requires(), search]

    def build(self, folder: Path) -> None:
        """Write the fitted model, and what it says of some cars."""
        from pipeline import learning
        from pipeline.services import answers, documents, models
        from pipeline.stages import train

        factors = {name: getattr(self, name) for name in FACTORS}
        if self.tuned:
            factors = documents.read_document(self.folder_of("Tune") / "best.json")["factors"]
        hyperparameters = train.Hyperparameters(profile=self.profile, seed=self.seed, **factors)
        listings = learning.read_learnt(self.folder_of("Split") / "train.parquet", self.max_listings, self.seed)
        model = train.fit_model(listings, self.settings()["features"], hyperparameters, self.level, self.tell, self.map_folds())
        models.save_model(model, folder / models.MODEL_FILE)
        models.describe_model(folder)
        answers.write_answers(model, listings, folder)


class PointedStage(DatedStage):
    """A stage whose result `current` points to, with all that it rests on."""

    def complete(self) -> bool:
        """Say whether the result is there and current: going back to an earlier one must move the pointer back."""
        if not super().complete():
            return False
        return current.is_past(self.market, self.as_of) or current.points_to(self.market, self.as_of, self._stages())

    def after_commit(self) -> None:
        """Make the result current, unless it is meant as of a night before what is."""
        if not current.move_current(self.market, self.night(), self._stages(), self.as_of):
            _log.info("%-9s current stays where it is: it is meant as of a later night than %s", self.task_family, self.as_of)

    def night(self) -> str:
        """Return the night that is asked for, else that of the newest delivery; "" where there is none."""
        return self.as_of.isoformat() if self.as_of else self.newest_delivery()

    def newest_delivery(self) -> str:
        """Return the night of the newest delivery that gave a row, "" where none is dated; by the names alone before Check knows more."""
        chain = list(self._chain())
        check = next((task for task in chain if task.task_family == "Check" and task.is_committed()), None)
        if check:
            return read_newest(check.folder)
        return max((night_of(task.delivery) for task in chain if task.task_family == "Ingest"), default="")

    def _stages(self) -> dict[str, str]:
        return {
            task.task_family.lower(): task.folder.as_posix()
            for task in self._chain()
            if task.task_family not in ("Ingest", "Trial")
        }

    def _chain(self) -> Iterator[Any]:
        """Walk this task and all that it rests on."""
        waiting, seen = [self], set()
        while waiting:
            task = waiting.pop()
            if task.task_id not in seen:
                seen.add(task.task_id)
                waiting.extend(task.deps())
                yield task


class Evaluate(PointedStage):
    """Judge the model beside the baselines, and make it current: the main job."""

    libraries = LEARNING

    def requires(self) -> list[Any]:
        """Need the model and the parts that it was not fitted on."""
        return [self.before(Train), self.before(Split)]

    def settings(self) -> Any:
        """Depend on what the metrics say about the market, and on the sample that the model learnt from."""
        terms, (train,) = self.terms(), self.upstream("Train")
        sample = {"max_listings": train.max_listings, "seed": train.seed}
        return {"currency": terms.currency, "synthetic": terms.synthetic, "sample": sample}

    def build(self, folder: Path) -> None:
        """Write metrics, errors by segment, and every judged listing with its estimate."""
        from threadpoolctl import threadpool_limits

        from pipeline import learning
        from pipeline.services import documents, frames, models
        from pipeline.stages import card, evaluate

        (split,), settings = self.upstream("Split"), self.settings()
        train, test = (split.folder / name for name in ("train.parquet", "test.parquet"))
        learnt = learning.read_learnt(train, **settings.pop("sample"))
        facts = {"market": self.market, **settings}
        facts |= {**documents.read_document(split.folder / "account.json"), **learning.count_learnt(train, len(learnt))}
        self.tell("judging model and baselines", 0.2)
        with threadpool_limits(1):
            model = models.load_model(self.folder_of("Train"))
            judgement = evaluate.judge_chunks(model, learnt, frames.read_chunks(test), frames.count_rows(test), facts)
        dates = frames.read_frame(test, ["first_seen_on", "last_seen_on"])
        made = card.make_card(model, judgement.metrics, learnt, dates, split.manifest.digests(("train.parquet", "test.parquet")))
        documents.write_document(made, folder / "card.json")
        documents.write_document(judgement.metrics, folder / "metrics.json")
        frames.write_frame(judgement.segments, folder / "segments.parquet")
        frames.write_frame(judgement.estimates, folder / "estimates.parquet")
        frames.write_frame(judgement.importance, folder / "importance.parquet")

    def complete(self) -> bool:
        """Say whether the result is there, recorded and current."""
        return super().complete() and receipts.is_recorded(self.folder)

    def after_commit(self) -> None:
        """Make the result current, and tell MLflow of the training."""
        super().after_commit()
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

    def link(self) -> str | None:
        """Return the training's run in the MLflow UI."""
        return receipts.link(self.folder)

    def summary(self) -> list[str]:
        """Tell how good the model is."""
        return summary.tell_metrics(json.loads((self.folder / "metrics.json").read_bytes()))


class NightStage(PointedStage):
    """A stage of a night, which is today's where none is asked for: data grow stale without a delivery."""

    def night(self) -> str:
        """Return the night that is asked for, else that of today."""
        return (self.as_of or clock.today()).isoformat()


class Promote(NightStage):
    """Decide whether the judged model becomes the champion, and do what follows; a refusal is a normal outcome."""

    min_judged: int = CountParameter(default=100, description="Fewest cars that judge both models.")
    min_learnt_share: float = ShareParameter(default=0.7, description="Fewest cars learnt from, as a share of the champion's.")
    max_data_age_days: int = CountFromZeroParameter(default=30, description="Age of the newest delivery that is not stale.")
    max_baseline_share: float = FactorParameter(
        default=1.0, description="First model: its error, as a share of the best baseline's."
    )
    max_worse_share: float = ShareParameter(default=0.02, description="How much worse a fresher model may be.")
    coverage_margin_share: float = ShareParameter(default=0.05, description="Between the intervals' level and their coverage.")
    max_segment_worse_share: float = ShareParameter(default=0.1, description="How much worse for a make, an age or a price band.")
    min_segment_cars: int = CountParameter(default=30, description="Fewest cars of a segment that is looked at.")
    resamples: int = CountParameter(default=2000, least=100, description="Of the paired bootstrap.")
    max_probe_seconds: int = CountParameter(
        default=60, description="For a fresh process to load the model and price the judged cars."
    )
    replace_unusable: bool = luigi.BoolParameter(
        default=False, description="Where the champion cannot price, judge the challenger as the market's first."
    )
    libraries = LEARNING
    consumes = {
        "Evaluate": ("metrics.json", "estimates.parquet"),
        "Split": ("train.parquet", "test.parquet", "account.json"),
        "Train": ("model.skops",),
    }

    def requires(self) -> list[Any]:
        """Need the judged model, and the listings that it learnt from and was judged on."""
        return [self.before(stage) for stage in (Evaluate, Split, Train)]

    def settings(self) -> Any:
        """Depend on the night, on the champion that the challenger meets, and on whether the challenger is barred."""
        found = champion.read_champion(self.market)
        challenger = self.challenger_fingerprint()
        met = champion.opponent(found, self.night(), challenger)
        terms = self.terms()
        return {
            "night": self.night(),
            "newest_delivery": self.newest_delivery(),
            "champion": asdict(met) if met else None,
            "barred": champion.bars(found).get(challenger or ""),
            "currency": terms.currency,
            "synthetic": terms.synthetic,
        }

    def build(self, folder: Path) -> None:
        """Write the verdict, and the errors of both models by segment."""
        from threadpoolctl import threadpool_limits

        from pipeline import judging
        from pipeline.services import documents, frames
        from pipeline.stages import promote

        self.tell("comparing challenger and champion", 0.2)
        rules = promote.Rules(**{name: getattr(self, name) for name in promote.Rules.__dataclass_fields__})
        with threadpool_limits(1):
            document, segments = judging.judge_challenger(self, self.settings(), rules)
        documents.write_document(document, folder / champion.VERDICT)
        frames.write_frame(segments, folder / "segments.parquet")

    def complete(self) -> bool:
        """Say whether there is a verdict, and everything that follows from it was done."""
        return super().complete() and champion.is_settled(self.market, self.folder)

    def after_commit(self) -> None:
        """Move the champion where the verdict says so; tell the journal, MLflow and `current`. Each can be done again."""
        is_past = current.is_past(self.market, date.fromisoformat(self.night()))
        became = champion.apply_verdict(self.market, self.folder, self.challenger(), is_past=is_past)
        is_past = became not in champion.OUTCOMES
        _log.info("%-9s %s: version %s", self.task_family, became, self.challenger().version)
        if not is_past:
            from pipeline.services import registry

            champion.settle(self.market)
            holder = champion.read_champion(self.market)
            aliases = {"challenger": self.challenger().fingerprint, **({"champion": holder.seat.fingerprint} if holder else {})}
            registry.mirror(self.market, aliases, paths.MLFLOW, paths.workspace().locks)
        super().after_commit()
        champion.write_receipt(self.market, self.folder, is_past=is_past)

    def challenger(self) -> champion.Seat:
        """Return the judged model as a champion to be."""
        (train,), (split,), (evaluate,) = (self.upstream(family) for family in ("Train", "Split", "Evaluate"))
        account = json.loads((split.folder / "account.json").read_bytes())
        metrics = json.loads((evaluate.folder / "metrics.json").read_bytes())
        return champion.Seat(
            version=(receipts.read_receipt(evaluate.folder) or {})["version"],
            fingerprint=train.manifest.fingerprint,
            folder=train.folder.as_posix(),
            data_as_of=self.newest_delivery(),
            n_learnt=metrics["n_train"],
            trained_until=account["trained_until"],
            evaluation=evaluate.folder.as_posix(),
            split=split.folder.as_posix(),
            promoted_on=self.night(),
        )

    def summary(self) -> list[str]:
        """Tell the verdict with its reasons, and whether anything followed from it."""
        told = summary.tell_verdict(json.loads((self.folder / champion.VERDICT).read_bytes()))
        return [*told, *([summary.OF_A_PAST_NIGHT] if champion.is_past(self.market, self.folder) else [])]

    def challenger_fingerprint(self) -> str | None:
        """Return the fingerprint of the judged model, None where it is not fitted yet."""
        (train,) = self.upstream("Train")
        return train.manifest.fingerprint if train.is_committed() else None


class Score(NightStage):
    """Say of every live listing what the champion holds it to be worth and how its price is rated, beside the ratings of the night before."""

    libraries = LEARNING
    consumes = {"Promote": (), "Clean": ("listings.parquet", "prices.parquet")}

    def requires(self) -> list[Any]:
        """Need the listings with their prices, and that it is decided who is champion."""
        return [self.before(stage) for stage in (Promote, Clean)]

    def settings(self) -> Any:
        """Depend on the night, which goes on without a delivery too, on the champion, and on the scores that ratings start from."""
        night, seat = self.night(), self._seat()
        return {
            "night": night,
            "newest_delivery": self.newest_delivery(),
            "before": former.find_former(self.market, night),
            "champion": asdict(seat) if seat else None,
            "limits": [self.terms().delivery.stale_after_days, *(task.max_data_age_days for task in self.upstream("Promote"))],
        }

    def files(self) -> dict[str, Path]:
        """Read the champion's model, what it learnt from, and the scores of the night before, as far as there are any."""
        found, seat = former.find_former(self.market, self.night()), self._seat()
        before = {"former scores": Path(found["place"]) / former.FILE} if found else {}
        return before | ({"model": seat.model_file, "learnt": seat.learnt_file} if seat else {})

    def build(self, folder: Path) -> None:
        """Write a row per live listing, and their account."""
        from threadpoolctl import threadpool_limits

        from pipeline import serving
        from pipeline.services import documents, frames
        from pipeline.stages import appraise, freshness, score

        settings, files, seat = self.settings(), self.files(), self._seat()
        listings, prices = (frames.read_frame(self.folder_of("Clean") / f"{name}.parquet") for name in ("listings", "prices"))
        former_scores = (
            frames.read_frame(files["former scores"], ["listing_id", "price", "rating"]) if "former scores" in files else None
        )
        live = score.select_live(listings, settings["newest_delivery"])
        if seat is None:
            appraisals, like_it = score.leave_unpriced(live)
        else:
            self.tell(f"appraising {len(live):,} listings", 0.1)
            learnt = frames.read_frame(files["learnt"], ["make", "model", "year", "price", "group_id"])
            with threadpool_limits(1):
                served = serving.load_seat(self.market, seat, listings.columns)
                appraisals = appraise.appraise(served.model, live, unseen=True)
            like_it = score.describe_like_it(live, learnt)
        scored = score.score_listings(live, prices, appraisals, like_it, settings["night"], former_scores)
        since = settings["before"]["night"] if settings["before"] else None
        frames.write_frame(scored.scores, folder / "scores.parquet")
        data_as_of = seat.data_as_of if seat else ""
        stale = freshness.tell_stale(settings["night"], settings["newest_delivery"], data_as_of, *settings["limits"])
        account = {**scored.account, "since": since, "champion": settings["champion"], "stale": stale}
        documents.write_document(account, folder / "account.json")

    def summary(self) -> list[str]:
        """Tell how the live listings are rated."""
        return summary.tell_scores(json.loads((self.folder / "account.json").read_bytes()))

    def _seat(self) -> champion.Seat | None:
        return champion.holder_on(champion.read_champion(self.market), self.night())


class Report(NightStage):
    """Tell a person what came in, what was built and decided, what the model is worth, and which cars are too cheap: one page."""

    libraries = (*TABLES, "jinja2", "markupsafe", "scipy")
    consumes = {
        "Check": ("account.json",),
        "Clean": ("account.json",),
        "Split": ("account.json",),
        "Evaluate": ("metrics.json", "segments.parquet", "estimates.parquet", "importance.parquet"),
        "Promote": (champion.VERDICT, "segments.parquet"),
        "Score": ("scores.parquet", "account.json"),
        "Monitor": ("monitor.json",),
    }

    def requires(self) -> list[Any]:
        """Need the scores, the findings, and all that the page tells of."""
        return [self.before(stage) for stage in (Score, Monitor, Promote, Evaluate, Split, Clean, Check)]

    def settings(self) -> Any:
        """Depend on the night and on what the market is called."""
        terms = self.terms()
        return {
            "night": self.night(),
            "newest_delivery": self.newest_delivery(),
            "title": terms.title,
            "currency": terms.currency,
            "synthetic": terms.synthetic,
        }

    def files(self) -> dict[str, Path]:
        """Read the page's template."""
        return {"template": paths.PACKAGE / "services" / "report.html"}

    def build(self, folder: Path) -> None:
        """Write the page and what it tells as JSON."""
        from pipeline import rebuilt
        from pipeline.services import documents, frames, pages
        from pipeline.stages import report

        def read(family: str, name: str) -> Any:
            path = self.folder_of(family) / name
            return documents.read_document(path) if path.suffix == ".json" else frames.read_frame(path)

        account = read("Score", "account.json")
        sources = report.Sources(
            market=self.market,
            **self.settings(),
            intake=read("Check", "account.json"),
            listings=read("Clean", "account.json"),
            split=read("Split", "account.json"),
            metrics=read("Evaluate", "metrics.json"),
            segments=read("Evaluate", "segments.parquet"),
            estimates=read("Evaluate", "estimates.parquet"),
            importance=read("Evaluate", "importance.parquet"),
            verdict=read("Promote", champion.VERDICT),
            verdict_segments=read("Promote", "segments.parquet"),
            serving=account["champion"],
            scores=read("Score", "scores.parquet"),
            score_account=account,
            monitored=read("Monitor", "monitor.json"),
            rebuilt=rebuilt.list_rebuilt(self),
        )
        told = report.make_report(sources)
        documents.write_document(told, folder / "report.json")
        (folder / "report.html").write_text(pages.render_report(told), encoding="utf-8")

    def summary(self) -> list[str]:
        """Tell where the page is."""
        return [f"{self.folder / 'report.html'}"]


class Monitor(NightStage):
    """Say what of the night's data, prices and champion is not as it was, beyond what is noise in this market."""

    window: int = CountParameter(default=29, least=12, description="Newest dated deliveries that are compared.")
    libraries = LEARNING
    consumes = {
        "Ingest": ("accepted.parquet",),
        "Clean": ("listings.parquet",),
        "Check": ("account.json",),
        "Promote": (champion.VERDICT,),
    }

    def requires(self) -> list[Any]:
        """Need that it is decided who is champion, and of the deliveries the newest alone: a night costs the same in every year."""
        check = self.before(Check)
        dated = [task for task in check.deps() if task.task_family == "Ingest" and night_of(task.delivery)]
        return [self.before(Promote), self.before(Clean), check, *dated[-self.window :]]

    def settings(self) -> Any:
        """Depend on the night, on the champion that serves and the one before tonight's verdict, and on what the market calls stale."""
        found, terms = champion.read_champion(self.market), self.terms()
        (promote,) = self.upstream("Promote")
        met = champion.opponent(found, self.night(), promote.challenger_fingerprint())
        return {
            "night": self.night(),
            "deliveries": [task.delivery for task in self.upstream("Ingest")],
            "serving": asdict(serving) if (serving := champion.holder_on(found, self.night())) else None,
            "met": asdict(met) if met else None,
            "currency": terms.currency,
            "kinds": terms.canonical_columns(),
            "features": {**terms.feature_columns(), "price": "number"},
            "stale_after_days": terms.delivery.stale_after_days,
            "max_data_age_days": promote.max_data_age_days,
        }

    def build(self, folder: Path) -> None:
        """Write what was measured and found."""
        from pipeline import monitoring
        from pipeline.services import documents
        from pipeline.stages import monitor

        self.tell("comparing the night with those before it", 0.2)
        sources = monitoring.gather_sources(self, self.settings())
        documents.write_document(monitor.monitor_night(sources), folder / "monitor.json")

    def summary(self) -> list[str]:
        """Tell what was found."""
        return summary.tell_monitor(json.loads((self.folder / "monitor.json").read_bytes()))


class Nightly(NightStage):
    """Do all that a night asks for, and keep what it came to: evaluate, promote, score, monitor, report."""

    consumes = {
        "Check": ("account.json",),
        "Clean": ("account.json",),
        "Promote": (champion.VERDICT,),
        "Score": ("account.json",),
        "Report": (),
        "Monitor": ("monitor.json",),
    }

    @property
    def priority(self) -> int:  # type: ignore[override]  # Luigi reads it and never sets it
        """Put earlier nights first where a range is asked for: each meets the champion that the one before left."""
        return date.max.toordinal() - self.as_of.toordinal() if self.as_of else 0

    def requires(self) -> list[Any]:
        """Need the report and the findings as of the night, and with them all else."""
        night = date.fromisoformat(self.night())
        return [stage(market=self.market, as_of=night) for stage in (Report, Monitor, Score, Promote, Clean, Check)]

    def settings(self) -> Any:
        """Depend on the night."""
        return {"night": self.night(), "newest_delivery": self.newest_delivery()}

    def build(self, folder: Path) -> None:
        """Write what the night came to."""
        from pipeline.services import documents
        from pipeline.stages import nightly

        accounts = {
            family: documents.read_document(self.folder_of(family) / "account.json") for family in ("Check", "Clean", "Score")
        }
        verdict = documents.read_document(self.folder_of("Promote") / champion.VERDICT)
        night = nightly.tell_night(self.settings(), accounts["Check"], accounts["Clean"], accounts["Score"], verdict)
        documents.write_document(night, folder / "night.json")
