"""Who becomes champion, what follows from it, and how it is undone: reruns, kills, bars, rollbacks, damage."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import Evaluate, Promote, Score, champion, paths, receipts
from pipeline.champion import ChampionDamaged, JournalDamaged
from pipeline.commands import rollback, status
from pipeline.errors import UsageWrong
from pipeline.housekeeping import collect
from pipeline.incremental import store
from pipeline.incremental.digests import digest_file, digest_value
from pipeline.services import registry
from pipeline.services.answers import ANSWERS_FILE
from pipeline.serving import ChampionUnusable, NoChampion, load_seat, resolve_model
from pipeline.summary import OF_A_PAST_NIGHT

from .conftest import Project, copied
from .test_scoring import day_after, nights, remove

OTHER = {"Train_max_listings": "0"}  # better than the first beyond noise
REFUSED = {"Train_max_listings": "60"}  # worse
WRITES = 7  # of a promotion, as the last of the tests of kills counts them
ROLLBACK = {"market": "tiny", "to": None, "reason": "dealers complain", "lift": None}


@pytest.fixture(scope="module")
def promoted(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose first model was promoted, and whose better one was judged."""
    with pytest.MonkeyPatch.context() as monkeypatch, copied(built, tmp_path_factory.mktemp("promoted"), monkeypatch) as project:
        monkeypatch.setenv("PIPELINE_TODAY", max(nights(project)))
        project.job = Promote
        assert project.run() == ["Promote"]
        project.job = Evaluate
        assert project.run(**OTHER) == ["Evaluate", "Train"]
        assert project.run() == []
        yield project.root


@pytest.fixture
def project(promoted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A copy of that project, as the current folder."""
    with copied(promoted, tmp_path, monkeypatch) as project:
        monkeypatch.setenv("PIPELINE_TODAY", max(nights(project)))
        project.job = Promote
        yield project


def seat() -> champion.Seat:
    found = champion.read_champion("tiny")
    assert found is not None
    return found.seat


def journal() -> list[tuple[str, str | None, str | None]]:
    return [(entry["what"], entry.get("from"), entry.get("to")) for entry in champion.read_journal("tiny")]


def alias(name: str) -> str | None:
    return registry.read_alias("tiny", name, paths.MLFLOW, paths.workspace().locks)


def verdict(project: Project) -> dict:
    return json.loads((project.result("promote") / "verdict.json").read_text())


def said_at_the_end(project: Project, as_of: date, **settings: str) -> list[str]:
    """Run, and return what Promote says of it."""
    project.run(as_of=as_of, **settings)
    with project.settings(**settings):
        project.forget()
        return Promote(market="tiny", as_of=as_of).summary()


def undo(project: Project, **options: object) -> int:
    return project.command(rollback.run, **(ROLLBACK | options))


def test_a_first_model_is_promoted_once_and_a_rerun_does_nothing(project: Project) -> None:
    assert seat().version == "1"
    assert journal() == [("promoted", None, "1")]
    assert alias("champion") == alias("challenger") == seat().fingerprint
    before = paths.champion("tiny").read_bytes()

    assert project.run() == []

    assert paths.champion("tiny").read_bytes() == before
    assert journal() == [("promoted", None, "1")]


def test_a_better_model_takes_the_place_and_the_earlier_one_stays(project: Project) -> None:
    first = seat()

    assert project.run(**OTHER) == ["Promote"]

    assert (seat().version, alias("champion")) == ("2", seat().fingerprint)
    assert champion.read_champion("tiny").earlier == (first,)
    assert journal() == [("promoted", None, "1"), ("promoted", "1", "2")]
    assert project.run(**OTHER) == []


def test_a_refusal_is_a_normal_outcome_with_its_reasons(project: Project) -> None:
    before = paths.champion("tiny").read_bytes()

    assert project.run(**REFUSED) == ["Evaluate", "Promote", "Train"]

    assert verdict(project)["outcome"] == "refused"
    assert paths.champion("tiny").read_bytes() == before
    assert journal()[-1] == ("refused", "1", None)
    assert champion.read_journal("tiny")[-1]["why"]
    assert alias("challenger") != alias("champion") == seat().fingerprint
    assert project.run(**REFUSED) == []


def test_a_night_without_a_file_keeps_the_champion_and_promotes_nothing(project: Project) -> None:
    before = paths.champion("tiny").read_bytes()
    assert project.run(as_of=day_after(max(nights(project)))) == ["Promote"]
    assert verdict(project)["outcome"] == "kept"
    assert paths.champion("tiny").read_bytes() == before
    assert len(journal()) == 1


def test_an_earlier_night_says_what_would_have_been_and_moves_nothing(project: Project) -> None:
    project.run(as_of=day_after(max(nights(project)), 3), **OTHER)
    before = (paths.champion("tiny").read_bytes(), paths.journal("tiny").read_bytes(), project.current())

    told = said_at_the_end(project, date.fromisoformat(max(nights(project))), Promote_max_worse_share="0.9")

    assert (paths.champion("tiny").read_bytes(), paths.journal("tiny").read_bytes(), project.current()) == before
    assert told[-1] == OF_A_PAST_NIGHT


def test_a_night_that_is_not_past_does_not_say_so(project: Project) -> None:
    told = said_at_the_end(project, day_after(max(nights(project)), 3), **OTHER)

    assert told[0].endswith("promoted")
    assert OF_A_PAST_NIGHT not in told


def test_neither_has_learnt_from_what_judges_both(project: Project) -> None:
    first = pd.read_parquet(Path(seat().split) / "train.parquet")
    project.run(Split_test_share="0.4", **OTHER)
    told = verdict(project)
    test = pd.read_parquet(project.result("split") / "test.parquet")
    known = test["listing_id"].isin(first["listing_id"]) | test["group_id"].isin(first["group_id"])
    assert known.any()
    assert told["figures"]["n_left_out"] == known.sum()
    assert told["figures"]["n_judged"] == (~known).sum()


def test_a_window_without_new_listings_is_refused_for_want_of_data(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.stages.promote.leave_out", lambda test, learnt: test.iloc[:0])

    project.run(**OTHER)

    assert verdict(project)["figures"]["n_judged"] == 0
    assert [reason["rule"] for reason in verdict(project)["reasons"] if not reason["passed"]] == ["enough data"]
    assert seat().version == "1"


def test_a_rollback_bars_what_it_leaves_until_the_bar_is_lifted(project: Project) -> None:
    first = seat()
    project.run(**OTHER)
    second = seat()

    assert undo(project) == 0

    assert seat() == first
    assert alias("champion") == first.fingerprint
    assert champion.read_journal("tiny")[-1]["bars"] == second.version
    assert champion.read_journal("tiny")[-1]["why"] == ["dealers complain"]
    for night in (None, day_after(max(nights(project)))):
        project.run(as_of=night, **OTHER)
        assert [reason["rule"] for reason in verdict(project)["reasons"] if not reason["passed"]] == ["not barred"]
        assert "dealers complain" in verdict(project)["reasons"][0]["text"]
        assert seat() == first

    assert undo(project, reason="", lift=second.version) == 0
    project.run(as_of=day_after(max(nights(project))), **OTHER)
    assert seat().version == second.version
    assert [what for what, _, _ in journal()] == [
        "promoted",
        "promoted",
        "rolled back",
        "refused",
        "refused",
        "lifted",
        "promoted",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "9"}, "Version 9 never was champion of tiny. Earlier champions: 1."),
        ({"to": "2"}, "Version 2 is the champion of tiny already."),
        ({"reason": " "}, "A rollback needs --reason TEXT"),
        ({"lift": "1"}, "Version 1 of tiny is not barred (barred: none)."),
        ({"to": "1", "lift": "2"}, "Either --to or --lift"),
    ],
)
def test_a_rollback_that_cannot_be_says_why_and_changes_nothing(project: Project, options: dict, message: str) -> None:
    project.run(**OTHER)
    before = (paths.champion("tiny").read_bytes(), paths.journal("tiny").read_bytes())
    with pytest.raises(UsageWrong, match=message.replace("(", r"\(").replace(")", r"\)")):
        undo(project, **options)
    assert (paths.champion("tiny").read_bytes(), paths.journal("tiny").read_bytes()) == before


def test_a_rollback_needs_somewhere_to_go(project: Project) -> None:
    with pytest.raises(UsageWrong, match="there is none to go back to"):
        undo(project)
    project.run(**OTHER)
    remove(Path(champion.read_champion("tiny").earlier[0].folder))
    with pytest.raises(ChampionUnusable, match="is gone or holds no manifest"):
        undo(project)
    assert seat().version == "2"


def test_without_a_champion_nothing_prices_and_nothing_is_rolled_back(project: Project) -> None:
    shutil.rmtree(project.root / "data/champion")
    with pytest.raises(NoChampion, match="so nothing may price"):
        resolve_model("tiny")
    with pytest.raises(NoChampion, match="nothing to roll back"):
        undo(project)


def tamper(folder: Path) -> None:
    for path in (folder, folder / "model.skops"):
        path.chmod(0o755)
    (folder / "model.skops").write_bytes((folder / "model.skops").read_bytes()[:-9] + b"123456789")


def pretend_version(folder: Path) -> None:
    """Let the champion be one that an older library made."""
    folder.chmod(0o755)
    (folder / "manifest.json").chmod(0o644)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["recipe"]["libraries"]["scikit-learn"] = "1.0.0"
    known, manifest["fingerprint"] = manifest["fingerprint"], digest_value(manifest["recipe"])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    place = paths.champion("tiny")
    place.write_text(place.read_text().replace(known, manifest["fingerprint"]))


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Forge the list of a result's files."""
    folder.chmod(0o755)
    (folder / "manifest.json").chmod(0o644)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest["files"])
    (folder / "manifest.json").write_text(json.dumps(manifest))


def forget_answers(folder: Path) -> None:
    """Let the champion be one of before answers were kept."""
    change_manifest(folder, lambda files: files.pop(ANSWERS_FILE))
    (folder / ANSWERS_FILE).unlink()


def pretend_code(folder: Path) -> None:
    """Let the champion be one of which other code said otherwise."""
    path = folder / ANSWERS_FILE
    told = pd.read_parquet(path)
    path.chmod(0o644)
    told.assign(estimate=told["estimate"] * 1.01).to_parquet(path)
    change_manifest(folder, lambda files: files[ANSWERS_FILE].update(sha256=digest_file(path), size=path.stat().st_size))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (remove, "is gone or holds no manifest"),
        (tamper, "was altered after it was committed"),
        (pretend_version, "was made by scikit-learn 1.0.0"),
        (forget_answers, "was made by an earlier version of the pipeline"),
        (pretend_code, "was made by another version of the pipeline: to this one it says"),
    ],
)
def test_a_champion_that_cannot_price_stops_promotion_and_is_replaced_only_when_asked(
    project: Project, harm: object, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    harm(Path(seat().folder))
    before = paths.champion("tiny").read_bytes()

    assert not project.try_run(**OTHER)
    assert paths.champion("tiny").read_bytes() == before
    with pytest.raises(ChampionUnusable, match=message):
        resolve_model("tiny")

    assert project.try_run(**OTHER, Promote_replace_unusable="True")
    assert verdict(project)["outcome"] == "promoted"
    assert message in verdict(project)["reasons"][0]["text"]
    assert seat().version == "2"


def test_a_champion_of_another_feature_set_stops_promotion(project: Project) -> None:
    wanted = resolve_model("tiny").model.choice.columns
    with pytest.raises(ChampionUnusable, match=f"columns that the market no longer gives: {wanted[-1]}"):
        load_seat("tiny", seat(), set(wanted[:-1]))


def test_a_champion_file_that_cannot_be_understood_stops_everything_that_needs_it(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    paths.champion("tiny").write_text('{"version": "1"')
    with pytest.raises(ChampionDamaged, match="Bring it back from a backup"):
        resolve_model("tiny")
    assert not project.try_run(**OTHER)
    assert paths.champion("tiny").read_text() == '{"version": "1"'
    project.command(status.run, market="tiny")
    assert "cannot be understood, so nobody knows which model prices tiny" in capsys.readouterr().out


def test_status_finds_a_registry_that_disagrees_and_its_remedy_mends_it(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run(**OTHER)
    first = champion.read_champion("tiny").earlier[0]
    registry.mirror("tiny", {"champion": first.fingerprint}, paths.MLFLOW, paths.workspace().locks)
    project.command(status.run, market="tiny")
    told = capsys.readouterr().out
    assert f"MLflow's alias champion names {first.fingerprint[:16]}" in told
    assert "--incremental-force Promote" in told

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.incremental.task.incremental", type("Forced", (), {"force": frozenset({"Promote"})}))
        assert project.try_run(**OTHER)
    assert alias("champion") == seat().fingerprint
    project.command(status.run, market="tiny")
    assert "MLflow" not in capsys.readouterr().out


def test_a_registry_that_fails_leaves_the_champion_moved_and_the_next_run_tells_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise registry.TrackingFailed("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(registry, "mirror", fail)
        assert not project.try_run(**OTHER)
    assert seat().version == "2"
    assert alias("champion") != seat().fingerprint

    assert project.run(**OTHER) == []
    assert alias("champion") == seat().fingerprint
    assert journal() == [("promoted", None, "1"), ("promoted", "1", "2")]


class Killed(BaseException):
    """Ends a run before a write, as an error would that nobody expects; `tests/acceptance/test_faults.py` kills for real."""


def writes_of_a_promotion(project: Project, monkeypatch: pytest.MonkeyPatch, kill_at: int) -> int:
    """Run a promotion that dies before its write number `kill_at` (counted from 0); return how many writes there were."""
    made = 0

    def count(function: object) -> object:
        def counted(*arguments: object, **options: object) -> object:
            nonlocal made
            place = str(arguments[0])
            if any(part in place for part in ("champion", "journal", "current/", "data/promote", "receipts", "tiny")):
                if made == kill_at:
                    raise Killed
                made += 1
            return function(*arguments, **options)

        return counted

    with monkeypatch.context() as patched:
        for module, name in ((store, "replace_text"), (store, "commit"), (registry, "mirror")):
            patched.setattr(module, name, count(getattr(module, name)))
        with contextlib.suppress(Killed):
            project.try_run(**OTHER)
    return made


@pytest.mark.parametrize("kill_at", range(WRITES))
def test_killed_before_any_write_the_next_run_finishes(project: Project, monkeypatch: pytest.MonkeyPatch, kill_at: int) -> None:
    writes_of_a_promotion(project, monkeypatch, kill_at)

    assert project.try_run(**OTHER)

    assert seat().version == "2"
    assert alias("champion") == seat().fingerprint
    assert journal() == [("promoted", None, "1"), ("promoted", "1", "2")]
    assert project.current()["stages"]["promote"] == champion.read_journal("tiny")[-1]["verdict"]
    assert project.run(**OTHER) == []


def test_the_kill_points_above_are_all_there_are(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert writes_of_a_promotion(project, monkeypatch, kill_at=-1) == WRITES


def test_killed_after_the_champion_moved_the_journal_is_told_though_another_model_comes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(champion, "settle", lambda market: (_ for _ in ()).throw(Killed()))
        assert not project.try_run(**OTHER)
    assert seat().version == "2"
    assert len(journal()) == 1

    project.run(**REFUSED)

    assert journal()[:2] == [("promoted", None, "1"), ("promoted", "1", "2")]
    assert journal()[2][0] == "refused"


def test_a_verdict_on_a_champion_that_has_moved_meanwhile_is_not_applied(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run(**OTHER)
    real = champion.apply_verdict

    def move_first(market: str, place: Path, challenger: champion.Seat, *, is_past: bool) -> str:
        monkeypatch.setattr(champion, "apply_verdict", real)
        undo(project)
        return real(market, place, challenger, is_past=is_past)

    monkeypatch.setattr(champion, "apply_verdict", move_first)
    assert not project.try_run(Train_max_listings="200", Promote_max_worse_share="0.9") or seat().version == "1"
    assert seat().version == "1"


def test_scores_follow_the_champion_and_say_which(project: Project) -> None:
    project.job = Score
    assert project.run() == ["Score"]
    account = json.loads((project.result("score") / "account.json").read_text())
    assert account["champion"]["version"] == "1"
    assert project.run(**OTHER) == ["Promote", "Score"]
    undo(project)
    assert project.run(**OTHER) == ["Promote"]  # barred; the scores of version 1 are there
    assert json.loads((project.result("score") / "account.json").read_text())["champion"]["version"] == "1"


def test_a_receipt_lost_is_written_again_without_a_second_entry(project: Project) -> None:
    shutil.rmtree(project.root / "data/champion/receipts")
    assert project.run() == []
    assert len(journal()) == 1
    assert receipts.is_recorded(project.result("evaluate"))


def test_a_receipt_that_is_damaged_is_as_good_as_one(project: Project) -> None:
    for receipt in (project.root / "data/champion/receipts").iterdir():
        receipt.write_bytes(b"{\xdf")
    assert project.run() == []
    assert len(journal()) == 1


@pytest.mark.parametrize("settings", [OTHER, {}], ids=["the barred model comes again", "the champion's own model comes"])
def test_a_rollback_that_was_cut_short_is_told_by_the_next_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    project.run(**OTHER)
    real, calls = champion.settle, []

    def settle_once(market: str) -> None:
        calls.append(market)
        if len(calls) == 2:
            raise Killed
        real(market)

    with monkeypatch.context() as patched:
        patched.setattr(champion, "settle", settle_once)
        with pytest.raises(Killed):
            undo(project)
    assert (seat().version, journal()[-1][0]) == ("1", "promoted")
    assert alias("champion") != seat().fingerprint

    project.run(as_of=day_after(max(nights(project))), **settings)

    assert ("rolled back", "2", "1") in journal()
    assert alias("champion") == seat().fingerprint


def test_a_bar_that_is_lifted_the_same_night_lets_the_same_verdict_count_again(project: Project) -> None:
    project.run(**OTHER)
    undo(project)
    assert undo(project, reason="", lift="2") == 0

    assert project.run(**OTHER) == []

    assert seat().version == "2"
    assert alias("champion") == seat().fingerprint
    assert [what for what, _, _ in journal()] == ["promoted", "promoted", "rolled back", "lifted", "promoted"]
    assert project.run(**OTHER) == []
    assert len(journal()) == 5


def test_a_damaged_journal_is_named_by_its_line_and_never_written_over(project: Project) -> None:
    with paths.journal("tiny").open("a") as journal_file:
        journal_file.write("promoted version 9, honestly\n")
    before = paths.journal("tiny").read_bytes()
    with pytest.raises(JournalDamaged, match="line 2 cannot be understood: 'promoted version 9, honestly'"):
        champion.read_journal("tiny")
    assert not project.try_run(**OTHER)
    assert paths.journal("tiny").read_bytes() == before


def test_gc_keeps_what_a_rollback_may_need(project: Project) -> None:
    project.run(**OTHER)
    project.age(days=3)
    shutil.rmtree(project.root / "data/runs")
    collect(0)
    assert undo(project) == 0
    assert resolve_model("tiny").version == "1"
    project.run(as_of=day_after(max(nights(project))), **OTHER)  # judged beside the former champion, whose listings are there
    assert verdict(project)["figures"]["n_judged"] > 0
