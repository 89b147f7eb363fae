"""What `gc` leaves: all that a pointer rests on, whatever became of the records; and what the next run does after it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline import receipts
from pipeline.current import PointerDamaged
from pipeline.housekeeping import collect
from pipeline.services.registry import TrackingFailed
from tests.spec.conftest import Project


def folders(project: Project) -> set[str]:
    return {path.parent.relative_to(project.root).as_posix() for path in project.manifests()}


def record_other_market(project: Project) -> None:
    record = {"run": "run-9999", "state": "done", "subject": "other", "tasks": []}
    (project.root / "data/runs/run-9999.json").write_text(json.dumps(record))


def test_a_pointer_keeps_all_that_it_rests_on_though_the_newest_run_failed(project: Project) -> None:
    before = folders(project)
    assert not project.try_run(Split_min_judged="5000")
    record_other_market(project)
    project.age(days=3)

    for _ in range(2):
        collect(1)
        assert folders(project) == before

    assert project.run() == []


def test_a_pointer_keeps_all_that_it_rests_on_without_any_record(project: Project) -> None:
    before = folders(project)
    shutil.rmtree(project.root / "data/runs")
    project.age(days=3)
    assert collect(1).folders == []
    assert folders(project) == before


def test_what_was_read_for_an_earlier_model_goes(project: Project) -> None:
    (model,) = project.root.glob("models/[!.]*")
    project.run(Train_seed="3")
    record_other_market(project)
    project.age(days=3)
    assert model.relative_to(project.root).as_posix() in collect(1).folders


def test_the_newest_good_record_stays_to_say_why_the_next_run_runs(project: Project) -> None:
    assert not project.try_run(Split_min_judged="5000")
    record_other_market(project)
    collect(1)
    project.run(Train_seed="3")
    assert project.plan is not None
    assert str(project.plan.verdicts["Train tiny"]) == "runs, parameter changed: seed 0 → 3"


def test_a_manifest_among_deliveries_makes_no_result_of_them(project: Project) -> None:
    (project.raw / "manifest.json").write_text("{}")
    project.age(days=3)
    assert collect(1).folders == []


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"as_of": "soon"}', '{"stages": []}', '{"stages": {"clean": 1}}'])
def test_a_damaged_pointer_is_named_and_nothing_is_dropped(project: Project, text: str) -> None:
    path = project.root / "data/current/tiny.json"
    pointer = json.loads(path.read_text()) | (json.loads(text) if text.endswith("}") and len(text) > 2 else {})
    path.write_text(json.dumps(pointer) if len(text) > 2 else text)
    before = folders(project)
    project.age(days=3)
    with pytest.raises(PointerDamaged, match=r"data/current/tiny\.json cannot be understood"):
        collect(1)
    assert folders(project) == before
    assert project.run() == []
    assert project.current()["stages"].keys() == {"check", "clean", "split", "train", "evaluate"}


def test_a_model_built_again_after_gc_is_registered_again(project: Project) -> None:
    evaluation = project.result("evaluate")
    before = receipts.read_receipt(evaluation)
    project.run(Train_seed="3")
    record_other_market(project)
    (evaluation / "manifest.json").touch()  # the evaluation is young, so that its model goes alone
    project.age(days=3)
    evaluation.touch()
    assert [folder.split("/")[0] for folder in collect(1).folders] == ["models"]
    assert not receipts.is_recorded(evaluation)
    assert project.run() == ["Train"]
    receipt = receipts.read_receipt(evaluation)
    assert before is not None
    assert receipt is not None
    assert int(receipt["version"]) > int(before["version"])


def test_a_database_that_cannot_be_read_is_named_and_nothing_is_dropped(project: Project) -> None:
    project.run(Train_seed="3")
    record_other_market(project)
    project.age(days=3)
    before = folders(project)
    (project.root / "data/mlflow/mlflow.db").write_bytes(b"no database at all" * 1000)
    project.forget()
    with pytest.raises(TrackingFailed, match=r"mlflow\.db cannot be used"):
        collect(1)
    assert folders(project) == before


def test_a_receipt_that_names_no_version_is_written_again(project: Project) -> None:
    evaluation = project.result("evaluate")
    whole = receipts.read_receipt(evaluation)
    (receipt,) = (project.root / "data/mlflow/receipts").iterdir()
    for damaged in ("{", "{}", ""):
        receipt.write_text(damaged)
        assert not receipts.is_recorded(evaluation)
        assert project.run() == []
        assert receipts.read_receipt(evaluation) == whole


def test_a_database_that_was_moved_away_is_made_again(project: Project) -> None:
    database = project.root / "data/mlflow/mlflow.db"
    database.rename(database.with_name("moved"))
    assert project.run() == []
    assert database.exists()


def test_a_new_database_voids_the_receipts_of_the_one_before(project: Project) -> None:
    receipts.write_receipt(Path("data/evaluate/0000"), {"training": "f" * 64, "version": "1", "run_id": "r"})
    (project.root / "data/mlflow/mlflow.db").unlink()
    project.run()
    assert not receipts.is_recorded(Path("data/evaluate/0000"))
    assert receipts.is_recorded(project.result("evaluate"))
