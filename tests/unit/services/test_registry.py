"""What MLflow is told of a training, once, whatever happens in between."""

import errno
import multiprocessing
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from pipeline.incremental import store
from pipeline.services import registry
from pipeline.services.registry import FINGERPRINT, TrackingFailed, Training, plain_metrics, record_training


class Killed(BaseException):
    """The process is gone."""


def draw(folder: Path) -> None:
    (folder / "picture.png").write_bytes(b"png")


def training(**changes: object) -> Training:
    facts: dict = {
        "market": "tiny",
        "fingerprint": "f" * 64,
        "folder": Path("models/ffff"),
        "started_at": "2025-01-06T12:00:00+00:00",
        "duration_s": 2.5,
        "judged_at": "2025-01-06T12:00:03+00:00",
        "parameters": {"iterations": "8"},
        "metrics": {"mae": 1.5},
        "digests": {"train.parquet": "d" * 64},
        "draw": draw,
    }
    return Training(**{**facts, **changes})


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, made once: it takes more than a second."""
    folder = tmp_path_factory.mktemp("empty")
    registry.open_client(folder)
    return folder / "mlflow.db"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return tmp_path / "mlflow"


@pytest.fixture
def folder(bare: Path, empty_database: Path) -> Path:
    bare.mkdir()
    shutil.copyfile(empty_database, bare / "mlflow.db")
    return bare


def record(place: Path, **changes: object) -> registry.Recorded:
    return record_training(training(**changes), place, place.parent / "locks")


def test_a_training_is_a_run_with_parameters_metrics_data_pictures_and_its_model(folder):
    recorded = record(folder)
    client = registry.open_client(folder)
    run = client.get_run(recorded.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 2500
    assert (run.data.params, run.data.metrics) == ({"iterations": "8"}, {"mae": 1.5})
    assert run.data.tags[FINGERPRINT] == "f" * 64
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("train.parquet", "d" * 36)
    assert [file.path for file in client.list_artifacts(run.info.run_id, "plots")] == ["plots/picture.png"]
    version = client.get_model_version("tiny", recorded.version)
    assert (version.source, version.run_id) == ("models/ffff", recorded.run_id)


def test_told_twice_it_is_still_one_run_and_one_version(folder):
    assert record(folder) == record(folder)
    client = registry.open_client(folder)
    assert len(client.search_runs([client.get_experiment_by_name("tiny").experiment_id])) == 1
    assert len(client.search_model_versions("name = 'tiny'")) == 1


def test_where_the_project_was_moved_its_pictures_are_found_and_the_next_are_written_there(folder, tmp_path):
    first = record(folder)
    moved = tmp_path / "100 % élégant_x" / "mlflow"
    moved.parent.mkdir()
    folder.rename(moved)

    second = record(moved, fingerprint="e" * 64)

    assert not folder.exists()
    client = registry.open_client(moved)
    for recorded in (first, second):
        assert [file.path for file in client.list_artifacts(recorded.run_id, "plots")] == ["plots/picture.png"]
    assert {Path(client.get_experiment(number).artifact_location).name for number in ("0", "1")} == {"0", "artifacts"}


def test_judged_anew_the_same_training_has_the_new_metrics(folder):
    first = record(folder)
    assert record(folder, metrics={"mae": 1.25}, judged_at="2025-01-07T12:00:00+00:00") == first
    assert registry.open_client(folder).get_run(first.run_id).data.metrics == {"mae": 1.25}


def test_judged_anew_on_parts_that_other_parameters_made_alike_it_keeps_the_first(folder):
    first = record(folder, parameters={"Split.min_judged": "50"})
    record(folder, parameters={"Split.min_judged": "40", "iterations": "8"})
    told = registry.open_client(folder).get_run(first.run_id).data.params
    assert told == {"Split.min_judged": "50", "iterations": "8"}


def test_another_training_is_another_run_and_the_next_version(folder):
    first, second = record(folder), record(folder, fingerprint="e" * 64, folder=Path("models/eeee"))
    assert first.run_id != second.run_id
    assert (first.version, second.version) == ("1", "2")


@pytest.mark.parametrize("step", ["log_batch", "log_inputs", "log_artifacts", "create_model_version", "set_terminated"])
def test_what_a_kill_left_undone_is_completed_by_the_next(folder, monkeypatch, step):
    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(f"pipeline.services.registry.MlflowClient.{step}", kill)
        with pytest.raises(Killed):
            record(folder)
    recorded = record(folder)
    run = registry.open_client(folder).get_run(recorded.run_id)
    assert (run.info.status, run.data.metrics, recorded.version) == ("FINISHED", {"mae": 1.5}, "1")


def test_what_a_kill_left_of_an_upload_is_removed_by_the_next(folder):
    recorded = record(folder)
    (artifacts := folder / "artifacts" / recorded.run_id / "artifacts").joinpath(".artifact.uploading.abcd").write_bytes(b"half")
    record(folder)
    assert [path.relative_to(artifacts).as_posix() for path in artifacts.rglob("*") if path.is_file()] == ["plots/picture.png"]


def test_a_database_that_was_half_made_is_made_again_and_never_seen(bare, monkeypatch):
    seen = []

    def kill(path, content):
        seen.append((sorted(path.parent.glob("*")), content[:15]))
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(store, "replace_bytes", kill)
        with pytest.raises(Killed):
            record(bare)
    record(bare)
    assert seen == [([], b"SQLite format 3")]
    assert sorted(path.name for path in bare.iterdir()) == ["artifacts", "mlflow.db"]


def test_where_a_database_cannot_be_made_or_put_is_told(bare, monkeypatch, tmp_path):
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(registry, "SqlAlchemyStore", fail)
        with pytest.raises(TrackingFailed, match=r"could not be made in .*No space left on device.*TMPDIR"):
            record(bare)
    with monkeypatch.context() as patched:
        patched.setattr(store, "replace_bytes", fail)
        with pytest.raises(TrackingFailed, match=r"could not be put in .*mlflow\.db: No space left on device"):
            record(bare)
    record(bare)


def test_a_damaged_database_is_named_with_the_remedy(folder):
    (folder / "mlflow.db").write_bytes(b"no database at all, and long enough to be looked at" * 100)
    with pytest.raises(
        TrackingFailed, match=r"could not record the training in .*mlflow\.db: .*results are committed.*may be moved away"
    ):
        record(folder)


def test_a_database_that_may_not_be_written_is_told_in_plain_words(folder, monkeypatch):
    access = registry.os.access
    monkeypatch.setattr(registry.os, "access", lambda path, mode: access(path, mode) and Path(path).name != "mlflow.db")
    (folder / "mlflow.db").write_bytes(b"no database at all, and long enough to be looked at" * 100)
    with pytest.raises(TrackingFailed, match=r"mlflow\.db: Permission denied: let this user read and write it\. The results"):
        record(folder)


def test_what_a_database_refuses_is_told_in_its_own_words(folder):
    with sqlite3.connect(folder / "mlflow.db") as database:
        database.execute("CREATE TRIGGER never BEFORE INSERT ON experiments BEGIN SELECT RAISE(ABORT, 'not today'); END")
    database.close()
    with pytest.raises(TrackingFailed, match=r"mlflow\.db: not today\. The results"):
        record(folder)


def _record_in_child(place: Path, number: int) -> None:
    record(place, fingerprint=f"{number}" * 64, folder=Path(f"models/{number}"))


def test_processes_at_once_make_one_database_that_holds_them_all(bare):
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_record_in_child, args=(bare, number)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    with sqlite3.connect(bare / "mlflow.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    assert len(registry.open_client(bare).search_model_versions("name = 'tiny'")) == 3


def test_numbers_are_metrics_under_dotted_names():
    nested = {"mae": 1, "currency": "EUR", "synthetic": True, "baselines": {"median": {"mae": 2.0, "r2": float("nan")}}}
    assert plain_metrics(nested) == {"mae": 1.0, "baselines.median.mae": 2.0}
