"""MLflow in real runs: told of each training once, never of a reuse, and nobody else is told."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from pathlib import Path

from tests.acceptance.conftest import BIN, SMALL, Project

# Reports and refuses every connection that leaves this machine's own sockets for multiprocessing.
GUARD = """
import socket
import sys
from pathlib import Path


def refuse(self, address, *rest):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        Path("connections.txt").open("a").write(f"{address}\\n")
        raise OSError("refused")
    return plain(self, address, *rest)


plain = socket.socket.connect
socket.socket.connect = socket.socket.connect_ex = refuse
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: refuse(socket.socket(), host) or resolve(host, *rest, **more)
"""


# MLflow tells its makers nothing from tests and build servers, which it knows by these; a person's machine has none of them.
SIGNS_OF_A_MACHINE = (
    "PYTEST_CURRENT_TEST", "GITHUB_ACTIONS", "CI", "CIRCLECI", "GITLAB_CI", "JENKINS_URL", "TRAVIS", "TF_BUILD", "BITBUCKET_BUILD_NUMBER",
    "CODEBUILD_BUILD_ARN", "BUILDKITE", "TEAMCITY_VERSION", "CLOUD_RUN_EXECUTION", "RUNBOT_HOST_URL", "RUNBOT_BUILD_NAME", "RUNBOT_WORKER_ID",
    "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK",
)  # fmt: skip


def runs_of(project: Project) -> int:
    with sqlite3.connect(project.root / "data/mlflow/mlflow.db") as database:
        (count,) = database.execute("SELECT count(*) FROM runs").fetchone()
    database.close()
    return int(count)


def parameters_of(project: Project) -> list[tuple[str, str]]:
    with sqlite3.connect(project.root / "data/mlflow/mlflow.db") as database:
        found: list[tuple[str, str]] = database.execute("SELECT key, value FROM params").fetchall()
    database.close()
    return found


def test_each_training_is_recorded_once_and_a_reuse_opens_nothing(evaluated: Project) -> None:
    assert runs_of(evaluated) == 1
    assert ("Split.test_share", "0.2") in parameters_of(evaluated)
    (card,) = evaluated.root.glob("data/mlflow/artifacts/*/artifacts/card.json")
    assert json.loads(card.read_bytes())["metrics"]["mae"] == evaluated.metrics()["mae"]

    code, printed = evaluated.evaluate(PYTHONPROFILEIMPORTTIME="1")
    assert code == 0
    assert " pipeline.tasks" in printed
    for heavy in (" mlflow", " pandas", " sklearn", " matplotlib"):
        assert heavy not in printed, "a run with nothing to do loads none of it"

    assert evaluated.evaluate("--Train-seed", "1")[0] == 0
    assert evaluated.evaluate()[0] == 0
    assert runs_of(evaluated) == 2


def test_a_receipt_that_is_missing_is_caught_up_on_without_a_second_run(evaluated: Project) -> None:
    (receipt,) = evaluated.root.glob("data/mlflow/receipts/*.json")
    before = json.loads(receipt.read_text())
    receipt.unlink()

    code, printed = evaluated.evaluate()

    assert code == 0, printed
    assert "reused data/evaluate/" in printed
    assert "recorded as run" in printed
    assert json.loads(receipt.read_text()) == before
    assert runs_of(evaluated) == 1


def test_a_damaged_database_fails_the_run_with_the_remedy_and_keeps_the_results(evaluated: Project) -> None:
    database = evaluated.root / "data/mlflow/mlflow.db"
    database.write_bytes(b"no database at all, and long enough to be looked at" * 100)

    code, printed = evaluated.evaluate("--Train-seed", "1")

    assert code == 30, printed
    assert "MLflow could not record the training in data/mlflow/mlflow.db" in printed.strip().splitlines()[-1]
    assert "Traceback" not in printed
    database.unlink()
    code, printed = evaluated.evaluate("--Train-seed", "1")
    assert code == 0, printed
    assert "built" not in printed


def test_nobody_is_told_anything(project: Project) -> None:
    guard = project.root / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD)

    as_a_person = ("env", *(part for name in SIGNS_OF_A_MACHINE for part in ("-u", name)), BIN / "luigi", "--module", "pipeline")
    evaluate = (*as_a_person, "Evaluate", "--local-scheduler", *SMALL)
    told = project.root / "connections.txt"

    code, printed = project.run(*evaluate, "--workers", "2", PYTHONPATH=f"{guard}:{project.root}")

    assert code == 0, printed
    assert runs_of(project) == 1
    assert not told.exists()

    registry = project.root / "pipeline/services/registry.py"
    registry.write_text(re.sub(r"(?m)^os\.environ\[.*\n", "", registry.read_text()))
    code, printed = project.run(*evaluate, "--Train-seed", "1", PYTHONPATH=f"{guard}:{project.root}")
    assert code == 0, printed
    assert told.exists(), "without our two lines MLflow does tell, and the guard hears of it"


def test_the_model_is_loaded_by_its_registered_name_after_the_project_moved(evaluated: Project, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    evaluated.root.rename(moved)
    load = """
import json, mlflow, pandas
mlflow.set_tracking_uri("sqlite:///data/mlflow/mlflow.db")
model = mlflow.pyfunc.load_model("models:/sample/1")
stages = json.load(open("data/current/sample.json"))["stages"]
judged = pandas.read_parquet(stages["evaluate"] + "/estimates.parquet")
asked = pandas.read_parquet(stages["split"] + "/test.parquet")
assert model.predict(asked)["estimate"].tolist() == judged["estimate"].tolist()
"""
    elsewhere = Project(moved)
    code, printed = elsewhere.run(sys.executable, "-c", load, MLFLOW_DISABLE_TELEMETRY="true")
    moved.rename(evaluated.root)
    assert code == 0, printed
