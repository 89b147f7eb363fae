"""MLflow: a run for each training, and the model registry. The only importer of mlflow."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

# Before the import: MLflow would tell its makers of every run.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlRun
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import create_engine, event, func, literal, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pipeline import champion, paths, receipts
from pipeline.errors import UserError
from pipeline.incremental import store

for _name in ("mlflow", "alembic"):  # they tell of tables that they make, and of each error before they raise it
    logging.getLogger(_name).setLevel(logging.CRITICAL)
FINGERPRINT = "fingerprint"
_DATABASE = paths.MLFLOW_DATABASE.name


class TrackingFailed(UserError):
    """MLflow's database cannot be written; the results are committed and not touched by that."""


@dataclass(frozen=True)
class Training:
    """What MLflow is told of one training: where the model is, what made it, how it was judged.

    `digests` maps the names of the data to their sha256; `draw` writes pictures into a folder, `card` is the file of the model's card.
    """

    market: str
    fingerprint: str
    folder: Path
    started_at: str
    duration_s: float
    judged_at: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    digests: Mapping[str, str]
    draw: Callable[[Path], None]
    card: Path | None = None


@dataclass(frozen=True)
class Recorded:
    """Where MLflow keeps a training: its run in the market's experiment, and its version of the market's registered model."""

    experiment_id: str
    run_id: str
    version: str


def record_training(training: Training, folder: Path, locks: Path) -> Recorded:
    """Record a training in the database below `folder`, once: a second call completes what the first left undone.

    Raises TrackingFailed when the database cannot be used.
    """
    try:
        with store.locked(locks / "mlflow.lock"):
            return _record(training, open_client(folder), folder)
    except (MlflowException, SQLAlchemyError) as error:
        raise TrackingFailed(
            f"MLflow could not record the training in {folder / _DATABASE}: {_why(error, folder)}. The results are committed; run again when "
            "that is mended. A damaged database may be moved away: a new one is made."
        ) from None


def _why(error: Exception, folder: Path) -> str:
    """Say what is wrong: SQLite says of a full disk that it cannot open a file, so a write of our own is tried first.

    Else the words are those of SQLite, which SQLAlchemy and MLflow surround with their own.
    """
    database = folder / _DATABASE
    if database.exists() and not os.access(database, os.R_OK | os.W_OK):
        return f"{os.strerror(errno.EACCES)}: let this user read and write it"
    probe = folder / f".probe.{uuid.uuid4().hex[:8]}"
    try:
        with probe.open("wb") as stream:
            stream.write(bytes(1 << 16))
    except OSError as found:
        return os.strerror(found.errno or 0)
    finally:
        probe.unlink(missing_ok=True)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DBAPIError) and cause.orig is not None:
            return str(cause.orig)
        cause = cause.__cause__ or cause.__context__
    return str(error).partition("\n")[0]


def open_client(folder: Path) -> MlflowClient:
    """Return a client of the database below `folder`; the caller holds the lock. The database is made where there is none."""
    path = folder / _DATABASE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for receipt in (folder / receipts.FOLDER).glob("*.json"):
            receipt.unlink()  # those of a database that is gone say nothing of the new one
        content = _new_database(_artifacts(folder))
        try:
            store.replace_bytes(path, content)
        except OSError as error:
            raise TrackingFailed(
                f"MLflow's database could not be put in {path}: {error.strerror}. The results are committed; run again when that is mended."
            ) from None
    _follow_project(path, _artifacts(folder))
    return _client(path)


def _new_database(artifacts: str) -> bytes:
    """Return an empty database, made elsewhere: MLflow makes it in 271 transactions, and one that was killed on the way is of no use."""
    try:
        with TemporaryDirectory() as scratch, _unsynced():
            made = Path(scratch, _DATABASE)
            # By the store itself: a client would write the working folder's path into its first statement, unquoted.
            SqlAlchemyStore(_uri(made), artifacts).engine.dispose()
            return made.read_bytes()
    except (OSError, MlflowException, SQLAlchemyError) as error:
        place = Path(gettempdir())
        raise TrackingFailed(
            f"MLflow's database could not be made in {place}: {_why(error, place)}. The results are committed; make room there, or name another "
            "place in TMPDIR, and run again."
        ) from None


@contextlib.contextmanager
def _unsynced() -> Iterator[None]:
    """Let SQLite wait for no disk: what is made in a scratch folder and read at once need not outlive a power cut."""

    def stop_waiting(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", stop_waiting)
    try:
        yield
    finally:
        event.remove(Engine, "connect", stop_waiting)


def _artifacts(folder: Path) -> str:
    return (folder / "artifacts").absolute().as_uri()


def _follow_project(path: Path, artifacts: str) -> None:
    """Where the project was moved or copied, say so in the database: MLflow keeps absolute addresses, and no call of its own changes them.

    Else the plots of the next training would be written where the project was, and those of former ones not be found.
    """
    engine = create_engine(_uri(path))
    try:
        with engine.begin() as connection:
            default = connection.execute(select(SqlExperiment.artifact_location).where(SqlExperiment.experiment_id == 0)).scalar()
            known = str(default or "").removesuffix("/0")
            if known in ("", artifacts):
                return
            for table, place in ((SqlExperiment, SqlExperiment.artifact_location), (SqlRun, SqlRun.artifact_uri)):
                moved = literal(artifacts).concat(func.substr(place, len(known) + 1))
                connection.execute(update(table).where(place.startswith(known, autoescape=True)).values({place: moved}))
    finally:
        engine.dispose()


def _client(path: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=_uri(path), registry_uri=_uri(path))


def _uri(path: Path) -> str:
    return (
        f"sqlite:///{path.absolute().as_posix()}"  # MLflow remembers connections by it: a relative one is that of many projects
    )


def _record(training: Training, client: MlflowClient, folder: Path) -> Recorded:
    experiment = _experiment(client, training.market, folder)
    run_id = _run(client, experiment, training)
    told = client.get_run(
        run_id
    ).data.params  # MLflow refuses another value, which the same training may have: equal parts of other shares
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, _millis(training.judged_at), 0) for name, value in sorted(training.metrics.items())],
        params=[Param(name, value) for name, value in sorted(training.parameters.items()) if name not in told],
    )
    client.log_inputs(run_id, [_dataset(name, digest) for name, digest in sorted(training.digests.items())])
    for half in (folder / "artifacts" / run_id).rglob(".artifact.uploading.*"):
        half.unlink()  # MLflow was killed while it put a file there
    with TemporaryDirectory() as drawn:
        training.draw(Path(drawn))
        client.log_artifacts(run_id, drawn, "plots")
    if training.card is not None:
        client.log_artifact(run_id, training.card)
    version = _version(client, training, run_id)
    client.set_terminated(run_id, "FINISHED", _millis(training.started_at) + round(1000 * training.duration_s))
    return Recorded(experiment, run_id, version)


def _experiment(client: MlflowClient, market: str, folder: Path) -> str:
    found = client.get_experiment_by_name(market)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(market, artifact_location=_artifacts(folder)))


def _run(client: MlflowClient, experiment: str, training: Training) -> str:
    found = client.search_runs([experiment], f"tags.{FINGERPRINT} = '{training.fingerprint}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    tags = {FINGERPRINT: training.fingerprint, "result": training.folder.as_posix()}
    name = training.folder.name
    return str(client.create_run(experiment, _millis(training.started_at), tags, run_name=name).info.run_id)


def _version(client: MlflowClient, training: Training, run_id: str) -> str:
    """Register the model where it lies, without a copy; the path is relative, so that the project may be moved."""
    _registered(client, training.market)
    found = client.search_model_versions(f"name = '{training.market}' and run_id = '{run_id}'")
    if found:
        return str(found[0].version)
    tags = {FINGERPRINT: training.fingerprint}
    return str(client.create_model_version(training.market, training.folder.as_posix(), run_id, tags=tags).version)


def _registered(client: MlflowClient, market: str) -> None:
    """Make the market's registered model where there is none.

    In a database made anew, champions get back the versions they had, and none that was ever given is given again: versions that
    are not known any more are made and deleted, after which MLflow goes on counting.
    """
    if client.search_registered_models(f"name = '{market}'"):
        return
    seats, highest = champion.versions(market), champion.highest_version(market)
    client.create_registered_model(market)
    for number in range(1, highest + 1):
        seat = seats.get(str(number))
        tags = {FINGERPRINT: seat.fingerprint} if seat else {}
        made = client.create_model_version(market, seat.folder if seat else "gone", tags=tags)
        if seat is None:
            client.delete_model_version(market, made.version)


def mirror(market: str, aliases: Mapping[str, str], folder: Path, locks: Path) -> None:
    """Let each alias name the version whose training has that fingerprint; one that no version has is left as it is.

    Raises TrackingFailed when the database cannot be used.
    """
    try:
        with store.locked(locks / "mlflow.lock"):
            client = open_client(folder)
            _registered(client, market)
            by_fingerprint = {
                found.tags.get(FINGERPRINT): str(found.version) for found in client.search_model_versions(f"name = '{market}'")
            }
            for alias, fingerprint in aliases.items():
                if fingerprint in by_fingerprint:
                    client.set_registered_model_alias(market, alias, by_fingerprint[fingerprint])
    except (MlflowException, SQLAlchemyError) as error:
        raise TrackingFailed(
            f"MLflow's registry in {folder / _DATABASE} could not be told of {', '.join(aliases)} of {market}: {_why(error, folder)}. "
            f"{paths.champion(market)} says who is champion, and prices come from it; run again when that is mended."
        ) from None


def read_alias(market: str, alias: str, folder: Path, locks: Path) -> str | None:
    """Return the fingerprint of the training that an alias names; None where there is no such alias. Raises TrackingFailed."""
    if not (folder / _DATABASE).exists():
        return None
    with _opened(folder, locks) as client:
        models = client.search_registered_models(f"name = '{market}'")
        if not models or alias not in models[0].aliases:
            return None
        return client.get_model_version_by_alias(market, alias).tags.get(FINGERPRINT)


@contextlib.contextmanager
def _opened(folder: Path, locks: Path) -> Iterator[MlflowClient]:
    """Hold the registry for questions, and for what may be left undone. Raises TrackingFailed."""
    try:
        with store.locked(locks / "mlflow.lock"):
            yield open_client(folder)
    except (MlflowException, SQLAlchemyError) as error:
        raise TrackingFailed(f"MLflow's registry in {folder / _DATABASE} cannot be used: {_why(error, folder)}.") from None


def _dataset(name: str, digest: str) -> DatasetInput:
    return DatasetInput(Dataset(name=name, digest=digest[:36], source_type="local", source=name), [])


def _millis(moment: str) -> int:
    return round(1000 * datetime.fromisoformat(moment).timestamp())


def aliased_sources(folder: Path, locks: Path) -> set[str]:
    """Name the model folders of versions that carry an alias; none where there is no database. Raises TrackingFailed."""
    if not (folder / _DATABASE).exists():
        return set()
    with _opened(folder, locks) as client:
        models = client.search_registered_models()
        return {
            str(client.get_model_version(model.name, version).source) for model in models for version in model.aliases.values()
        }


def forget_versions(sources: set[str], folder: Path, locks: Path) -> None:
    """Take versions out of the registry whose model folders are going: a name must never lead to nothing. Raises TrackingFailed."""
    with _opened(folder, locks) as client:
        for version in client.search_model_versions():
            if version.source in sources:
                client.delete_model_version(version.name, version.version)


def plain_metrics(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of nested metrics under dotted names: baselines.median.mae."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found |= plain_metrics(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found[f"{prefix}{name}"] = float(value)
    return found
