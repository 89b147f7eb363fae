"""What a night's page says of the run that made it, and what makes it be made again."""

from __future__ import annotations

import json

import pytest

from pipeline import Nightly

from .conftest import Project
from .test_scoring import append, day_after, edit, nights

NIGHT = ["Monitor", "Nightly", "Promote", "Report", "Score"]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose newest night was done."""
    monkeypatch.setenv("PIPELINE_TODAY", max(nights(project)))
    project.job = Nightly
    assert project.run() == NIGHT
    return project


def report(project: Project) -> dict:
    return json.loads((project.result("report") / "report.json").read_text())


def test_a_rerun_of_a_night_does_nothing_and_the_next_night_is_another(project: Project) -> None:
    assert project.run() == []
    assert project.run(as_of=day_after(max(nights(project)))) == NIGHT
    assert json.loads((project.result("nightly") / "night.json").read_text())["verdict"] == "kept"


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        (append("source/stages/report.py", "\nNEW = 1\n"), ["Report"]),
        (append("source/services/pages.py", "\nNEW = 1\n"), ["Report"]),
        (append("source/stages/nightly.py", "\nNEW = 1\n"), ["Nightly"]),
        (append("source/stages/promote.py", "\nNEW = 1\n"), ["Promote"]),
        (edit("markets/tiny.toml", 'title = "Tiny"', 'title = "Tiny and new"'), ["Report"]),
    ],
)
def test_a_change_runs_exactly(project: Project, change: object, runs: list[str]) -> None:
    change(project)
    assert project.run() == runs
    assert project.run() == []


def test_the_page_tells_what_was_built_the_upstream_first_and_why(project: Project) -> None:
    told = report(project)["rebuilt"]
    families = [line["family"] for line in told["lines"]]
    assert families == ["Ingest", "Check", "Clean", "Split", "Train", "Evaluate", "Promote", "Score", "Monitor"]
    assert {line["family"] for line in told["lines"] if line["outcome"] == "built"} == {"Promote", "Score", "Monitor"}
