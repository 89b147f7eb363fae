"""Change X → exactly these tasks run, where the job is Tune: a search that was done is not done again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from pipeline import Evaluate, Train, Tune
from pipeline.errors import UsageWrong

from .conftest import Project, copied

NOTHING: list[str] = []


@pytest.fixture(scope="module")
def searched(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that was searched once with two candidates; tests get copies of it."""
    with pytest.MonkeyPatch.context() as monkeypatch, copied(built, tmp_path_factory.mktemp("searched"), monkeypatch) as project:
        project.job = Tune
        assert search(project, 2) == ["Trial", "Trial", "Tune"]
        yield project.root


@pytest.fixture
def project(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A copy of the searched project, as the current folder."""
    with copied(searched, tmp_path, monkeypatch) as project:
        project.job = Tune
        yield project


def search(project: Project, trials: int, **settings: str) -> list[str]:
    return project.run(Tune_trials=str(trials), Tune_profile="full", **settings)


def results(project: Project, stage: str) -> list:
    return sorted((project.root / "data" / stage).glob("[!.]*/"))


def test_a_search_that_was_done_is_not_done_again(project: Project) -> None:
    assert search(project, 2) == NOTHING


def test_more_candidates_cost_only_themselves(project: Project) -> None:
    assert search(project, 4) == ["Trial", "Trial", "Tune"]
    assert sorted(json.loads((place / "best.json").read_text())["trials"] for place in results(project, "tune")) == [2, 4]


def test_a_search_goes_on_where_it_was_ended(project: Project) -> None:
    shutil.rmtree(project.damage(results(project, "trial")[0] / "trial.json").parent)
    shutil.rmtree(project.damage(results(project, "tune")[0] / "best.json").parent)
    assert search(project, 2) == ["Trial", "Tune"]


def test_another_seed_is_another_search(project: Project) -> None:
    assert search(project, 2, Trial_seed="1") == ["Trial", "Trial", "Tune"]


def test_a_model_may_take_what_was_found(project: Project) -> None:
    project.job = Evaluate
    assert project.run() == NOTHING
    searched = project.run_manifests(Tune_trials="2", Train_profile="full", Train_max_listings="150", Train_tuned="true")
    fits = [made["recipe"]["parameters"] for made in searched if made["task"] in ("Trial", "Train")]
    assert len(fits) == 3
    assert {(fit["profile"], fit["max_listings"]) for fit in fits} == {("full", "150")}, (
        "a search is for the fit that asks for it"
    )
    assert project.run() == NOTHING


def test_the_quick_profile_has_nothing_to_search(project: Project) -> None:
    assert not project.try_run()
    assert not project.try_run(Train_tuned="true")
    with pytest.raises(UsageWrong, match=r"quick profile has no members.*--Tune-profile full"), project.settings():
        Tune(market="tiny").requires()
    with pytest.raises(UsageWrong, match=r"quick profile has no members.*leave --Train-tuned out"), project.settings():
        Train(market="tiny", tuned=True).requires()


def test_all_candidates_are_kept_with_their_errors(project: Project) -> None:
    trials = pd.read_parquet(results(project, "tune")[0] / "trials.parquet")
    assert len(trials) == 2
    assert {"iterations_factor", "learning_rate_factor", "error", "mae", "median_ape"} <= set(trials.columns)
    assert trials["iterations_factor"].tolist()[0] == 1.0
