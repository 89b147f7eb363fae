"""What makes a night be monitored again, and that no night costs more than the last."""

from __future__ import annotations

import json

import pytest

from pipeline import Check, Monitor, Promote
from pipeline.champion import VERDICT
from pipeline.commands import rollback

from .conftest import Project
from .test_rebuilding import add_delivery, append, edit, edit_rejected_row
from .test_scoring import NOTHING, day_after, nights, remove

BEFORE_MONITOR = ["Check", "Clean", "Evaluate", "Ingest", "Promote", "Split", "Train"]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose newest night was monitored."""
    monkeypatch.setenv("PIPELINE_TODAY", max(nights(project)))
    project.job = Monitor
    assert project.run() == ["Monitor", "Promote"]
    return project


def told(project: Project) -> dict:
    return json.loads((project.result("monitor") / "monitor.json").read_text())


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        pytest.param(lambda project: None, NOTHING, id="nothing"),
        pytest.param(append("source/stages/monitor.py", "\n# why\n"), NOTHING, id="comment"),
        pytest.param(append("source/summary.py", "\nNEW = 1\n"), NOTHING, id="what a run says at its end"),
        pytest.param(append("source/stages/noise.py", "\nNEW = 1\n"), ["Monitor"], id="code of the noise floor"),
        pytest.param(append("source/stages/promote.py", "\nNEW = 1\n"), ["Promote"], id="code of promote, to the same verdict"),
        pytest.param(append("markets/tiny.toml", "\n[delivery]\nstale_after_days = 3\n"), ["Monitor"], id="market: when a delivery is stale"),
        pytest.param(append("markets/tiny.toml", "\n[delivery]\nwait_minutes = 3\n"), NOTHING, id="market: how long a delivery is waited for"),
        pytest.param(edit("markets/tiny.toml", 'title = "Tiny"', 'title = "New"'), NOTHING, id="market: title"),
        pytest.param(add_delivery, sorted([*BEFORE_MONITOR, "Monitor"]), id="delivery added"),
        pytest.param(edit_rejected_row, ["Ingest"], id="rejected row edited, to the same account"),
    ],
)  # fmt: skip
def test_a_change_runs_exactly(project: Project, change: object, runs: list[str]) -> None:
    change(project)
    assert project.run() == runs
    assert project.run() == NOTHING


def test_a_night_without_a_file_is_monitored_as_a_night(project: Project) -> None:
    newest = max(nights(project))
    assert project.run(as_of=day_after(newest, 9)) == ["Monitor", "Promote"]
    assert told(project)["freshness"]["delivery_age_days"] == 9
    assert [finding["kind"] for finding in told(project)["findings"]] == ["stale-delivery"]


def test_another_champion_is_monitored_and_the_one_before_it_is_judged(project: Project) -> None:
    assert told(project)["compared"]["why_no_champion"] == "there was no champion before tonight's verdict"
    night = day_after(max(nights(project)))
    assert project.run(as_of=night, Train_max_listings="0") == ["Evaluate", "Monitor", "Promote", "Train"]
    assert json.loads((project.result("promote") / VERDICT).read_text())["outcome"] == "promoted"
    assert told(project)["freshness"]["champion"] == "2"
    settings = json.loads((project.result("monitor") / "manifest.json").read_text())["recipe"]["settings"]
    assert (settings["met"]["version"], settings["serving"]["version"]) == ("1", "2")
    assert project.run(as_of=night, Train_max_listings="0") == NOTHING


def test_a_rollback_is_monitored(project: Project) -> None:
    night = day_after(max(nights(project)))
    project.run(as_of=night, Train_max_listings="0")
    assert project.command(rollback.run, market="tiny", to=None, reason="dealers complain", lift=None) == 0
    assert project.run(as_of=night, Train_max_listings="0") == ["Monitor", "Promote"]
    assert told(project)["freshness"]["champion"] == "1"


def test_a_champion_before_that_is_gone_does_not_end_the_night(project: Project) -> None:
    project.job = Promote
    night = day_after(max(nights(project)))
    project.run(as_of=night, Train_max_listings="0")
    first = json.loads((project.root / "data/champion/tiny.json").read_text())["met"]
    remove(project.root / first["folder"])
    project.job = Monitor
    assert project.run(as_of=night, Train_max_listings="0") == ["Monitor"]
    assert told(project)["compared"]["why_no_champion"].startswith("Version 1 is the champion of tiny and cannot price: ")


def test_the_same_bytes_come_again(project: Project) -> None:
    path = project.damage(project.result("monitor") / "monitor.json")
    before = path.read_bytes()
    remove(path.parent)
    assert project.run() == ["Monitor"]
    assert path.read_bytes() == before


def test_only_the_newest_deliveries_are_read(project: Project) -> None:
    read: dict[str, list[str]] = {}

    def look(_: object) -> int:
        for task in (Monitor(market="tiny", window=2), Check(market="tiny")):
            read[task.task_family] = [ingest.delivery for ingest in task.upstream("Ingest")]
        return 0

    project.command(look)
    assert len(read["Check"]) == 3
    assert read["Monitor"] == read["Check"][-2:]
