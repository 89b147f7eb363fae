"""What `status` says is current, fresh and wrong."""

from __future__ import annotations

import json
import shutil

import pytest

from pipeline import current
from pipeline.commands import status
from tests.spec.conftest import Project


@pytest.fixture
def told(project: Project, capsys: pytest.CaptureFixture[str]) -> Status:
    return Status(project, capsys)


class Status:
    """What the command prints, with its exit code."""

    def __init__(self, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
        self._project = project
        self._capsys = capsys

    def __call__(self, market: str | None = "tiny", code: int = 0) -> str:
        self._capsys.readouterr()
        assert self._project.command(status.run, market=market) == code
        return self._capsys.readouterr().out


def test_a_current_result_is_fresh(told: Status) -> None:
    assert "fresh     yes" in told()
    assert "wrong" not in told()


def test_a_night_is_as_old_as_this_machines_date_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_TODAY", "2024-03-01")
    assert status._age("2024-02-28") == "2024-02-28 (2 days ago)"
    assert status._age("2024-03-01") == "2024-03-01 (0 days ago)"
    assert status._age("") == "undated deliveries"


def test_after_an_experiment_a_run_would_make_the_old_result_current_again(project: Project, told: Status) -> None:
    before = project.result("evaluate").relative_to(project.root)
    project.run(Train_seed="3")
    assert f"fresh     no: a run now would make {before} current again" in told()


def test_what_mlflow_was_not_told_is_not_fresh(project: Project, told: Status) -> None:
    shutil.rmtree(project.root / "data/mlflow/receipts")
    assert "fresh     no: a run now would tell MLflow of data/evaluate/" in told()


@pytest.mark.parametrize("change", [{}, {"stages": []}, {"as_of": "soon"}, {"stages": {"clean": 1}}])
def test_a_damaged_pointer_is_wrong_and_not_fresh(project: Project, told: Status, change: dict) -> None:
    path = project.root / "data/current/tiny.json"
    path.write_text(json.dumps({**project.current(), **change}) if change else "{")
    said = told()
    assert "wrong     data/current/tiny.json cannot be understood" in said
    assert "current again" in said
    assert current.read_current("tiny") is None


def test_a_result_of_current_that_is_gone_is_wrong(project: Project, told: Status) -> None:
    model = project.result("train")
    model.chmod(0o755)
    shutil.move(model, project.root / "elsewhere")
    assert f"wrong     {model.relative_to(project.root)} is damaged (it is gone, or its manifest is)" in told()


def test_a_run_that_died_is_not_told_as_living(project: Project, told: Status) -> None:
    (path,) = project.root.glob("data/runs/*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "state": "running", "exit": None}))
    said = told()
    assert "last run  Evaluate killed, started" in said
    assert "None" not in said


def test_a_market_with_a_bad_toml_hides_no_other(project: Project, told: Status) -> None:
    (project.root / "markets/bad.toml").write_text("like = 7\n")
    (project.root / "data/raw/bad").mkdir()
    said = told(None, code=2)
    assert "bad\n  wrong" in said
    assert "tiny\n  current" in said
    assert "bad.toml" in said
