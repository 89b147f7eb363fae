"""Change X → exactly these tasks run, where the job is Score: its results follow one another from night to night."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pipeline import Evaluate, Nightly, Score

from .conftest import Project
from .test_rebuilding import (
    add_delivery,
    append,
    change_price_in,
    edit,
    edit_rejected_row,
    pack_delivery,
    pretend,
    rename_delivery,
)

NOTHING: list[str] = []
SCORED = ["Clean", "Evaluate", "Ingest", "Promote", "Score", "Split"]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that was scored once, as of its newest night."""
    project.job = Score
    monkeypatch.setenv("PIPELINE_TODAY", max(nights(project)))
    assert project.run() == ["Promote", "Score"]
    return project


def test_scores_of_the_present_are_by_a_champion_that_came_after_the_last_delivery(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(project.root / "data/champion")
    monkeypatch.setenv("PIPELINE_TODAY", day_after(max(nights(project)), 3).isoformat())
    project.job = Nightly
    project.run()
    priced = scores(project)["estimate"].notna()
    assert priced.any()
    project.job = Score
    assert project.run() == NOTHING, "tonight's scores are those of the night"
    assert scores(project)["estimate"].notna().equals(priced)


def nights(project: Project) -> list[str]:
    return sorted(path.stem for path in project.raw.glob("*.csv"))


def day_after(night: str, days: int = 1) -> date:
    return date.fromordinal(date.fromisoformat(night).toordinal() + days)


def scores(project: Project) -> pd.DataFrame:
    return pd.read_parquet(project.result("score") / "scores.parquet")


def account(project: Project) -> dict:
    return json.loads((project.result("score") / "account.json").read_text())


def recorded_before(project: Project) -> str | None:
    before = json.loads((project.result("score") / "manifest.json").read_text())["recipe"]["settings"]["before"]
    return before and before["place"]


def remove(folder: Path) -> None:
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        pytest.param(pretend, NOTHING, id="nothing"),
        pytest.param(pack_delivery, ["Check", "Ingest"], id="delivery packed"),
        pytest.param(rename_delivery, ["Check"], id="delivery renamed within its night"),
        pytest.param(edit_rejected_row, ["Ingest"], id="rejected row edited"),
        pytest.param(change_price_in("test"), SCORED, id="row that no model learns from edited"),
        pytest.param(change_price_in("train"), sorted([*SCORED, "Train"]), id="row to learn from edited"),
        pytest.param(add_delivery, sorted([*SCORED, "Check", "Train"]), id="delivery added"),
        pytest.param(append("source/stages/score.py", "\nNEW = 1\n"), ["Score"], id="code of score"),
        pytest.param(append("source/stages/appraise.py", "\nNEW = 1\n"), ["Score"], id="code of appraise"),
        pytest.param(append("source/stages/evaluate.py", "\nNEW = 1\n"), ["Evaluate"], id="code of evaluate, whose figures no score holds"),
        pytest.param(append("source/former.py", "\nNEW = 1\n"), NOTHING, id="how the scores before are found: their bytes count"),
        pytest.param(append("source/current.py", "\nNEW = 1\n"), NOTHING, id="how current is moved"),
        pytest.param(append("source/summary.py", "\nNEW = 1\n"), NOTHING, id="what a run says at its end"),
        pytest.param(edit("markets/tiny.toml", 'title = "Tiny"', 'currency = "EUR"\ntitle = "Tiny"'), ["Evaluate", "Promote"], id="market: currency"),
    ],
)  # fmt: skip
def test_a_change_runs_exactly(project: Project, change: Callable[[Project], None], runs: list[str]) -> None:
    change(project)

    assert project.run() == runs
    assert project.run() == NOTHING


def test_an_experiment_that_is_refused_changes_no_price_and_put_back_is_current_again(project: Project) -> None:
    before = project.current()["stages"]

    refused = {"Train_seed": "1", "Promote_min_judged": "1000000"}
    assert project.run(**refused) == ["Evaluate", "Promote", "Train"]
    assert project.current()["stages"]["score"] == before["score"]
    assert project.run() == NOTHING

    assert project.current()["stages"] == before


def test_every_listing_of_the_newest_night_is_scored_once(project: Project) -> None:
    listings = pd.read_parquet(project.result("clean") / "listings.parquet")
    live = listings[listings["last_seen_on"] == max(nights(project))]

    assert scores(project)["listing_id"].tolist() == live["listing_id"].tolist()
    assert (account(project)["live"], account(project)["since"]) == (len(live), None)


def test_a_night_without_a_file_is_still_a_night(project: Project) -> None:
    first, newest = project.current()["stages"]["score"], max(nights(project))

    assert project.run(as_of=day_after(newest)) == ["Promote", "Score"]

    assert recorded_before(project) == first
    found = account(project)
    assert (found["since"], found["rating_changes"], found["live_before"]) == (newest, 0, found["live"])
    assert project.run(as_of=day_after(newest)) == NOTHING


def test_the_newest_night_is_the_present(project: Project) -> None:
    assert project.run(as_of=date.fromisoformat(max(nights(project)))) == NOTHING


def test_a_second_result_of_a_night_starts_from_what_the_first_started_from(project: Project) -> None:
    first, night = project.current()["stages"]["score"], day_after(max(nights(project)))
    project.run(as_of=night)

    assert project.run(as_of=night, Train_max_listings="0") == ["Evaluate", "Promote", "Score", "Train"]
    assert recorded_before(project) == first
    assert project.run(as_of=night) == ["Promote"]  # the former model meets the one that took its place
    assert project.run(as_of=night) == NOTHING
    assert recorded_before(project) == first


def test_ratings_start_from_the_night_before_also_when_it_was_evaluated_first(project: Project) -> None:
    first, night = project.current()["stages"]["score"], day_after(max(nights(project)))
    project.job = Evaluate
    project.run(as_of=night)
    assert (project.current()["as_of"], project.current()["stages"]["score"]) == (night.isoformat(), first)

    project.job = Score
    assert project.run(as_of=night) == ["Promote", "Score"]
    assert recorded_before(project) == first


def test_an_earlier_night_never_moves_current_back_and_starts_from_what_lies_before_it(project: Project) -> None:
    newest = max(nights(project))
    places = [project.current()["stages"]["score"]]
    for days in (1, 2):
        project.run(as_of=day_after(newest, days))
        places.append(project.current()["stages"]["score"])
    before = project.current()

    assert project.run(as_of=day_after(newest, 1)) == NOTHING
    assert project.run(as_of=date.fromisoformat(min(nights(project)))) == [
        "Check",
        "Clean",
        "Evaluate",
        "Promote",
        "Score",
        "Split",
        "Train",
    ]
    assert project.current() == before

    (earliest,) = [manifest for manifest in project.committed_by(project.last_run) if manifest["task"] == "Score"]
    assert earliest["recipe"]["settings"]["before"] is None
    assert project.run(as_of=day_after(newest, 2)) == NOTHING


def test_a_replay_over_the_same_nights_gives_the_same_bytes(project: Project) -> None:
    newest = max(nights(project))

    def replay() -> dict[str, bytes]:
        for night in [*nights(project), *(day_after(newest, days).isoformat() for days in (1, 2))]:
            project.run(as_of=date.fromisoformat(night))
        return {path.parent.name: path.read_bytes() for path in project.root.glob("data/score/*/scores.parquet")}

    for folder in [*project.root.glob("data/score/*"), project.root / "data/current"]:
        remove(folder)
    once = replay()
    assert len(once) == 5
    for folder in [*project.root.glob("data/score/*"), project.root / "data/current"]:
        remove(folder)
    assert replay() == once


@pytest.mark.parametrize("damage", ["truncated", "folder deleted", "manifest truncated"])
def test_a_damaged_result_is_rebuilt_alone_from_the_same_night_before(project: Project, damage: str) -> None:
    night = day_after(max(nights(project)))
    project.run(as_of=night)
    path = project.damage(project.result("score") / "scores.parquet")
    before = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(before[:-1])
    elif damage == "folder deleted":
        remove(path.parent)
    else:
        project.damage(path.parent / "manifest.json").write_text('{"task": "Sc')

    assert project.run(as_of=night) == ["Score"]
    assert path.read_bytes() == before
    assert project.run(as_of=night) == NOTHING


def test_scores_before_that_are_gone_are_passed_over(project: Project) -> None:
    newest = max(nights(project))
    first = project.current()["stages"]["score"]
    project.run(as_of=day_after(newest, 1))
    path = project.damage(project.result("score") / "scores.parquet")
    path.unlink()

    assert project.run(as_of=day_after(newest, 2)) == ["Promote", "Score"]
    assert recorded_before(project) == first
    assert account(project)["since"] == newest
