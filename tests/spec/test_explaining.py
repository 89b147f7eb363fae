"""What `explain` says of each kind of change: the reason from the closed list, and the very thing that differs.

That its outlook comes true is checked on every run of the spec table, in `conftest.py`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import Evaluate
from pipeline.incremental import ledger
from pipeline.incremental.plan import make_plan
from tests.spec.conftest import Project


def add_night(project: Project) -> None:
    shutil.copyfile(min(project.raw.glob("*.csv")), project.raw / "2025-03-01.csv")
    path = project.raw / "2025-03-01.csv"
    path.write_bytes(path.read_bytes().replace(b"Diesel", b"Essence", 1))


def edit_raw(project: Project) -> None:
    path = min(project.raw.glob("*.csv"))
    path.write_bytes(path.read_bytes().replace(b"Diesel", b"Essence", 1))


def append(name: str, text: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        path = project.root / name
        path.write_text(path.read_text() + text)

    return change


def truncate_split(project: Project) -> None:
    path = project.damage(project.result("split") / "train.parquet")
    path.write_bytes(path.read_bytes()[:-10])


def truncate_split_and_edit_clean(project: Project) -> None:
    truncate_split(project)
    append("source/stages/clean.py", "\nNEW = 1\n")(project)


def lose_records(project: Project) -> None:
    shutil.rmtree(project.root / "data/runs")
    edit_raw(project)


def delete_clean(project: Project) -> None:
    folder = project.result("clean")
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        (add_night, "Ingest tiny/2025-03-01.csv", "runs, first run"),
        (edit_raw, "Ingest tiny/2025-01-06.csv", "runs, input changed: delivery"),
        (add_night, "Check tiny", "input changed: deliveries: + 2025-03-01.csv"),
        (edit_raw, "Clean tiny", "may run, upstream: "),
        (append("markets/tiny.toml", "\n[columns.price]\nlimits = [9000, 2000000]\n"), "Ingest tiny/2025-01-06.csv", "input changed: market.columns.price.limits [10000.0, 2000000.0] → [9000.0, 2000000.0]"),
        (append("source/stages/clean.py", "\nNEW = 1\n"), "Clean tiny", "runs, code changed: pipeline.stages.clean"),
        (append("source/stages/clean.py", "\nNEW = 1\n"), "Split tiny", "may run, upstream: Clean tiny"),
        (truncate_split, "Split tiny", "runs, damaged: train.parquet has"),
        (truncate_split_and_edit_clean, "Split tiny", "may run, damaged: train.parquet has"),
        (delete_clean, "Clean tiny", "is gone"),
        (lose_records, "Ingest tiny/2025-01-06.csv", "runs, input changed: delivery"),
    ],
)  # fmt: skip
def test_the_cause_is_named(project: Project, change: Callable[[Project], None], name: str, expected: str) -> None:
    change(project)
    project.run()
    assert project.plan is not None
    assert expected in str(project.plan.verdicts[name])


def test_a_parameter_is_named_with_both_its_values(project: Project) -> None:
    project.run(Train_seed="1")
    assert project.plan is not None
    assert str(project.plan.verdicts["Train tiny"]) == "runs, parameter changed: seed 0 → 1"


def test_another_version_of_a_library_is_named(project: Project, versions: dict[str, str]) -> None:
    versions["scikit-learn"] = "99.0"
    project.run()
    assert project.plan is not None
    assert "library changed: scikit-learn" in str(project.plan.verdicts["Train tiny"])
    assert "→ 99.0" in str(project.plan.verdicts["Train tiny"])


def test_a_parameter_that_is_put_back_needs_no_reason(project: Project) -> None:
    project.run(Train_seed="1")
    project.run()
    assert project.plan is not None
    assert not project.plan.of("runs") + project.plan.of("may run")


def test_the_next_change_is_compared_with_the_last_run_and_not_with_the_newest_result(project: Project) -> None:
    project.run(Train_seed="1")
    project.run()
    project.run(Train_seed="2")
    assert project.plan is not None
    assert str(project.plan.verdicts["Train tiny"]) == "runs, parameter changed: seed 0 → 2"


def test_the_runs_of_other_markets_do_not_hide_the_last_of_this(project: Project) -> None:
    for number in range(60):
        record = {"run": f"run-9{number:03d}", "state": "done", "subject": "other", "tasks": []}
        (project.root / f"data/runs/{record['run']}.json").write_text(json.dumps(record))
    project.run(Train_seed="3")
    assert project.plan is not None
    assert str(project.plan.verdicts["Train tiny"]) == "runs, parameter changed: seed 0 → 3"


def test_a_task_built_by_force_gives_the_same_bytes_and_stops_the_wave(project: Project) -> None:
    before = project.result("split")
    assert project.run(incremental_force="Split, Train") == ["Split", "Train"]
    assert project.plan is not None
    assert str(project.plan.verdicts["Split tiny"]) == "runs, forced"
    assert "forced" in str(project.plan.verdicts["Train tiny"])
    assert project.result("split") == before
    assert project.run() == []


def test_reuse_saves_what_the_results_took_to_build(project: Project) -> None:
    project.run(Train_seed="1")
    assert project.plan is not None
    taken = {
        manifest["task"]: manifest["duration_s"] for manifest in map(_read, project.manifests()) if manifest["task"] != "Ingest"
    }
    ingested = sum(manifest["duration_s"] for manifest in map(_read, project.manifests()) if manifest["task"] == "Ingest")
    assert project.plan.saved_s == pytest.approx(ingested + taken["Check"] + taken["Clean"] + taken["Split"])


def test_the_tree_shows_each_task_once_and_reused_leaves_together(project: Project) -> None:
    project.run(Train_level="0.8")
    assert project.plan is not None
    tree = "\n".join(project.plan.tree())
    assert tree.splitlines()[0].startswith("Evaluate tiny  may run, upstream: Train tiny")
    assert tree.count("Train tiny  ") == 1
    assert "3 Ingest  reused" in tree


class TestLedger:
    """The record of each run."""

    def record(self, project: Project) -> dict:
        return _read(project.root / f"data/runs/{project.last_run}.json")

    def test_it_says_when_what_ran_and_why_how_long_and_how_it_ended(self, project: Project) -> None:
        project.run(Train_seed="1")
        record = self.record(project)
        assert (record["state"], record["exit"], record["root"], record["subject"]) == ("done", 0, "Evaluate", "tiny")
        assert record["started_at"] <= record["ended_at"]
        tasks = {task["name"]: task for task in record["tasks"]}
        assert tasks["Train tiny"]["outcome"] == "built"
        assert tasks["Train tiny"]["causes"] == [{"reason": "parameter changed", "detail": "seed 0 → 1"}]
        assert tasks["Train tiny"]["seconds"] > 0
        assert tasks["Clean tiny"]["outcome"] == "reused"
        assert (project.root / tasks["Clean tiny"]["place"]).is_dir()
        assert any(line.startswith("Evaluate  judged on") for line in record["summary"])

    def test_a_failed_run_keeps_its_message(self, project: Project) -> None:
        for path in project.raw.glob("*.csv"):
            path.write_text("nothing\n")
        assert not project.try_run()
        record = self.record(project)
        assert (record["state"], record["exit"]) == ("failed", 20)
        assert "was set aside" in record["messages"][0]
        tasks = {task["name"]: task for task in record["tasks"]}
        assert tasks["Check tiny"]["outcome"] == "failed"
        assert tasks["Check tiny"]["seconds"] > 0
        assert (tasks["Clean tiny"]["outcome"], tasks["Clean tiny"]["seconds"]) == ("not run", None)

    def test_the_page_says_the_same_and_holds_no_markup_from_outside(self, project: Project) -> None:
        (project.raw / "<b>x<b>.csv").write_text("nothing\n")
        project.run()
        page = (project.root / f"data/runs/{project.last_run}.html").read_text()
        assert "Evaluate tiny: done" in page
        assert "&lt;b&gt;x" in page
        assert "<b>x" not in page
        assert "http" not in page

    def test_the_page_fits_a_phone_and_tells_what_failed_before_all_else(self, project: Project) -> None:
        for path in project.raw.glob("*.csv"):
            path.write_text("nothing\n")
        assert not project.try_run()
        page = (project.root / f"data/runs/{project.last_run}.html").read_text()
        assert "<meta name=viewport " in page
        assert "color-scheme:light dark" in page
        assert page.index("<ul class=messages><li>") < page.index("<table>")

    def test_the_page_of_a_run_that_had_nothing_to_do_has_no_empty_table(self, project: Project) -> None:
        project.run()
        page = (project.root / f"data/runs/{project.last_run}.html").read_text()
        assert "tasks reused; that saved " in page
        assert "<table" not in page
        assert "<ul class=messages>" not in page

    def test_a_record_without_a_living_run_is_closed_by_the_next(self, project: Project) -> None:
        path = project.root / "data/runs/run-0000.json"
        path.write_text(json.dumps({"run": "run-0000", "state": "running", "subject": "tiny", "root": "Evaluate", "command": "luigi", "exit": None, "started_at": "x", "ended_at": None, "tasks": [], "messages": [], "summary": []}))  # fmt: skip
        (project.root / "data/locks").mkdir(exist_ok=True)
        (project.root / "data/locks/run-run-0000.lock").touch()
        project.run()
        assert _read(path)["state"] == "killed"
        assert ledger.running(project.root / "data") == []

    def test_the_record_of_a_killed_run_says_what_it_committed(self, project: Project) -> None:
        (path,) = project.root.glob("data/runs/*.json")
        record = _read(path)
        finished = {
            "name": "Score tiny",
            "family": "Score",
            "outlook": "runs",
            "causes": [],
            "seconds": 3.0,
            "place": "",
            "outcome": None,
        }
        unknown = {"outcome": None, "place": "", "seconds": 0.0}
        tasks = [*({**task, **unknown} for task in record["tasks"]), finished]
        path.write_text(json.dumps({**record, "state": "running", "tasks": tasks}))
        project.run()
        killed = _read(path)
        assert killed["state"] == "killed"
        assert "as was found at 2" in killed["messages"][0]
        assert killed["tasks"][:-1] == record["tasks"]
        assert killed["tasks"][-1] == {**finished, "outcome": "not finished", "seconds": None}

    def test_a_record_that_cannot_be_written_is_told_once(self, project: Project, caplog: pytest.LogCaptureFixture) -> None:
        shutil.rmtree(project.root / "data/runs")
        (project.root / "data/runs").touch()
        project.run(Train_seed="3")
        (told,) = [message for message in caplog.messages if "record" in message]
        assert told.startswith("The record of this run cannot be written: data/runs")

    def test_a_damaged_record_disturbs_nobody(self, project: Project) -> None:
        (project.root / "data/runs/zzz.json").write_text("{")
        assert project.run() == []
        make_plan(Evaluate(market="tiny"))


def _read(path: Path) -> dict:
    found: dict = json.loads(path.read_text())
    return found
