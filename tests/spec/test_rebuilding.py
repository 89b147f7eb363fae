"""Change X → exactly these tasks run. "Runs" means: commits a result.

Two runs at once build each result once: that needs processes, and stands in `tests/acceptance/test_evaluate.py`, in
`test_luigid.py` and, over all places where one may be killed, in `test_faults.py`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import Check, tasks
from pipeline.incremental.workspace import KEY_LENGTH
from pipeline.stages import check

from .conftest import Project

NOTHING: list[str] = []
MODEL = ["Evaluate", "Train"]
SPLIT = ["Evaluate", "Split", "Train"]
ALL_BUT_INGEST = ["Check", "Clean", "Evaluate", "Split", "Train"]
INGEST_ALL = ["Ingest"] * 3
EVERYTHING = sorted([*INGEST_ALL, *ALL_BUT_INGEST])

Change = Callable[[Project], None]


def edit(path: str, before: str, after: str) -> Change:
    return lambda project: project.edit(project.root / path, before, after)


def code(module: str, before: str, after: str) -> Change:
    return edit(f"source/{module}", before, after)


def append(path: str, text: str) -> Change:
    def change(project: Project) -> None:
        with (project.root / path).open("a") as stream:
            stream.write(text)

    return change


def touch(path: str) -> Change:
    return lambda project: os.utime(project.root / path, (1_700_000_000, 1_700_000_000))


def first_night(project: Project) -> Path:
    return min(project.raw.glob("*.csv"))


def rewrite_rows(project: Project, path: Path, change: Callable[[dict[str, str]], None]) -> None:
    """Change every row of a delivery in place."""
    text = path.read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        change(row)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(buffer.getvalue())


def change_price_in(part: str) -> Change:
    """Raise the price of a car of that part of the split whose advert appears in one delivery."""

    def change(project: Project) -> None:
        deliveries = {path: path.read_bytes().decode("latin-1") for path in sorted(project.raw.glob("*.csv"))}
        for listing_id in pd.read_parquet(project.result("split") / f"{part}.parquet")["listing_id"]:
            ending = listing_id.replace("advert_id:", "_") + ".htm"
            holding = [path for path, text in deliveries.items() if ending in text]
            if len(holding) == 1 and "2025-01-06" in holding[0].name:
                break
        rewrite_rows(project, holding[0], lambda row: row["Lien"].endswith(ending) and row.update(Prix="123000"))

    return change


def edit_rejected_row(project: Project) -> None:
    """Change the city of a car with an absurd price: rejected before, rejected after, for the same reason and price."""
    (path,) = [path for path in project.raw.glob("*.csv") if b"612037205" in path.read_bytes()][:1]
    rewrite_rows(project, path, lambda row: row["Prix"] == "612037205" and row.update(Ville="Elsewhere"))


def edit_value_that_is_shown(project: Project) -> None:
    """Change one absurd price into another, of the row that the account shows for that reason."""
    (path,) = [path for path in project.raw.glob("*.csv") if b"612037205" in path.read_bytes()][:1]
    path.write_bytes(path.read_bytes().replace(b"612037205", b"612037206"))


def add_blank_line(project: Project) -> None:
    path = first_night(project)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:3], b"", *lines[3:]]))


def add_delivery(project: Project) -> None:
    """A new night with the first night's cars, asked at other prices."""
    path = project.raw / "2025-02-01.csv"
    shutil.copyfile(first_night(project), path)
    rewrite_rows(project, path, lambda row: row.update(Prix="98000"))


def add_copy_of_a_delivery(project: Project) -> None:
    shutil.copyfile(first_night(project), project.raw / "2025-02-01.csv")


def withdraw_delivery(project: Project) -> None:
    max(project.raw.glob("*.csv")).unlink()


def rename_delivery(project: Project) -> None:
    """Another name, the same night."""
    path = first_night(project)
    path.rename(path.with_name(f"avito-{path.name}"))


def pack_delivery(project: Project) -> None:
    """The same rows by gzip: other bytes under another name, and nothing new after the account."""
    path = first_night(project)
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()


def add_hidden_file(project: Project) -> None:
    (project.raw / ".DS_Store.csv").write_text("not a delivery")


def remove_results(project: Project) -> None:
    """Leave the deliveries alone."""
    for folder in (project.root / "models", *project.root.glob("data/*")):
        if folder.name != "raw":
            for path in [folder, *folder.rglob("*")]:
                if path.is_dir():
                    path.chmod(0o755)
            shutil.rmtree(folder)


def pretend(_: Project) -> None:
    """Change nothing on disk."""


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        pytest.param(pretend, NOTHING, id="nothing"),
        pytest.param(remove_results, EVERYTHING, id="first run"),
        # deliveries
        pytest.param(lambda project: first_night(project).touch(), NOTHING, id="delivery touched"),
        pytest.param(pack_delivery, ["Check", "Ingest"], id="delivery packed"),
        pytest.param(change_price_in("train"), ["Clean", "Evaluate", "Ingest", "Split", "Train"], id="row to learn from edited"),
        pytest.param(change_price_in("test"), ["Clean", "Evaluate", "Ingest", "Split"], id="row to judge by edited"),
        pytest.param(edit_rejected_row, ["Ingest"], id="rejected row edited"),
        pytest.param(edit_value_that_is_shown, ["Check", "Ingest"], id="rejected value edited that the account shows"),
        pytest.param(add_blank_line, ["Ingest"], id="blank line added"),
        pytest.param(add_delivery, sorted(["Ingest", *ALL_BUT_INGEST]), id="delivery added"),
        pytest.param(add_copy_of_a_delivery, NOTHING, id="copy of a delivery added under a later night"),
        pytest.param(withdraw_delivery, ALL_BUT_INGEST, id="delivery withdrawn"),
        pytest.param(rename_delivery, ["Check"], id="delivery renamed within its night"),
        pytest.param(add_hidden_file, NOTHING, id="hidden file added"),
        # code: the bytes stay the same, so the wave stops where it starts
        pytest.param(code("stages/clean.py", "def fold_listings", "# why not\ndef fold_listings"), NOTHING, id="comment"),
        pytest.param(code("stages/clean.py", '"""Clean: fold', '"""Clean: really fold'), NOTHING, id="docstring"),
        pytest.param(code("stages/clean.py", "\n\n\ndef ", "\n\n\n\n\n\ndef "), NOTHING, id="layout"),
        pytest.param(append("source/stages/parse.py", "\nNEW = 1\n"), INGEST_ALL, id="code of a parser"),
        pytest.param(append("source/stages/ingest.py", "\nNEW = 1\n"), INGEST_ALL, id="code of ingest"),
        pytest.param(append("source/services/tables.py", "\nNEW = 1\n"), INGEST_ALL, id="code of the reader"),
        pytest.param(append("source/stages/check.py", "\nNEW = 1\n"), ["Check"], id="code of check"),
        pytest.param(append("source/stages/clean.py", "\nNEW = 1\n"), ["Clean"], id="code of clean"),
        pytest.param(append("source/stages/split.py", "\nNEW = 1\n"), ["Split"], id="code of split"),
        pytest.param(append("source/stages/train.py", "\nNEW = 1\n"), MODEL, id="code of train, which evaluate uses"),
        pytest.param(append("source/stages/evaluate.py", "\nNEW = 1\n"), ["Evaluate"], id="code of evaluate"),
        pytest.param(append("source/stages/metrics.py", "\nNEW = 1\n"), ["Evaluate"], id="helper of one stage"),
        pytest.param(append("source/valuation/features.py", "\nNEW = 1\n"), MODEL, id="helper of two stages"),
        pytest.param(append("source/services/models.py", "\nNEW = 1\n"), MODEL, id="service of two stages"),
        pytest.param(append("source/ingesting.py", "\nNEW = 1\n"), INGEST_ALL, id="how ingest goes through a delivery"),
        pytest.param(append("source/services/sorting.py", "\nNEW = 1\n"), ["Clean"], id="how what memory cannot hold is sorted"),
        pytest.param(append("source/dividing.py", "\nNEW = 1\n"), ["Split"], id="how the parts are written"),
        pytest.param(append("source/learning.py", "\nNEW = 1\n"), MODEL, id="how those to learn from are read"),
        pytest.param(
            append("source/services/frames.py", "\nNEW = 1\n"),
            sorted([*INGEST_ALL, "Clean", "Evaluate", "Split", "Train"]),
            id="service of all stages with frames",
        ),
        pytest.param(append("source/market.py", "\nNEW = 1\n"), ["Check", *INGEST_ALL], id="what a market is, which two stages are given"),
        pytest.param(append("source/summary.py", "\nNEW = 1\n"), NOTHING, id="what a run says at its end"),
        pytest.param(append("source/market_files.py", "\nNEW = 1\n"), NOTHING, id="how a market's TOML is read: its content counts"),
        pytest.param(append("source/paths.py", "\nNEW = 1\n"), NOTHING, id="where things lie"),
        pytest.param(append("source/settings.py", "\nNEW = 1\n"), NOTHING, id="settings"),
        pytest.param(append("source/services/deliveries.py", "\nNEW = 1\n"), NOTHING, id="how deliveries are listed: their bytes count"),
        pytest.param(code("tasks.py", "Folds fitted at a time", "How many folds are fitted at a time"), NOTHING, id="help text of a parameter"),
        pytest.param(code("tasks.py", "Share of the cars that judge", "Share of all cars that judge"), NOTHING, id="another help text"),
        pytest.param(append("source/sample.py", "\nNEW = 1\n"), NOTHING, id="code that no stage uses"),
        pytest.param(append("source/current.py", "\nNEW = 1\n"), NOTHING, id="code that makes no bytes"),
        pytest.param(code("tasks.py", "folder, self.memory_mb)", "folder, self.memory_mb) or None"), ["Clean"], id="code of a task"),
        pytest.param(append("source/tasks.py", "\nNEW = 1\n"), NOTHING, id="code beside the tasks that none uses"),
        # the market's TOML
        pytest.param(append("markets/tiny.toml", "\n# a thought\n"), NOTHING, id="market: comment"),
        pytest.param(edit("markets/tiny.toml", "Tiny", "Small"), NOTHING, id="market: title"),
        pytest.param(append("markets/tiny.toml", "\n[columns.price]\nlimits = [9000, 2000000]\n"), ["Check", *INGEST_ALL], id="market: limit"),
        pytest.param(
            append("markets/tiny.toml", "\n[columns.has_abs]\nfeature = false\n"), MODEL, id="market: column taken from the model"
        ),
        pytest.param(
            append("markets/tiny.toml", '\n[[reject]]\nreason = "x"\nbetween = { price = [10001, 10002] }\n'),
            INGEST_ALL,
            id="market: rule that rejects nothing",
        ),
        pytest.param(
            append("markets/tiny.toml", '\n[[reject]]\nreason = "old"\nbetween = { year = [1950, 2010] }\n'),
            EVERYTHING,
            id="market: rule that rejects rows",
        ),
        pytest.param(append("markets/tiny.toml", '\n[rows]\nunused = ["x"]\n'), INGEST_ALL, id="market: header left out"),
        pytest.param(edit("markets/tiny.toml", "max_rejected_share = 0.5", "max_rejected_share = 0.4"), ["Check"], id="market: demand"),
        pytest.param(edit("markets/tiny.toml", 'title = "Tiny"', 'currency = "EUR"\ntitle = "Tiny"'), ["Evaluate"], id="market: currency"),
        pytest.param(
            append("markets/tiny.toml", '\n[columns.city]\nheaders = ["Ville", "Town"]\n'), INGEST_ALL, id="market: another name of a column"
        ),
    ],
)  # fmt: skip
def test_a_change_runs_exactly(project: Project, change: Change, runs: list[str]) -> None:
    change(project)

    assert project.run() == runs
    assert project.run() == NOTHING


@pytest.mark.parametrize(
    ("setting", "value", "runs"),
    [
        ("Split_test_share", "0.3", SPLIT),
        ("Split_min_judged", "21", ["Split"]),  # the same parts come out
        ("Train_profile", "full", MODEL),
        ("Train_iterations_factor", "0.03", ["Train"]),  # the quick profile has no members
        ("Train_level", "0.8", MODEL),
        ("Train_seed", "1", MODEL),
        ("Train_max_listings", "80", MODEL),
        ("Clean_memory_mb", "300", NOTHING),
        ("Train_jobs", "2", NOTHING),
        ("Train_max_seconds", "0", NOTHING),
        ("core_workers", "2", NOTHING),
    ],
)
def test_a_parameter_runs_exactly_and_putting_it_back_runs_nothing(
    project: Project, setting: str, value: str, runs: list[str]
) -> None:
    before = project.current()

    assert project.run(**{setting: value}) == runs
    changed = project.current()
    assert project.run() == NOTHING

    assert project.current()["stages"] == before["stages"]
    assert (changed["stages"] != before["stages"]) == bool(runs)
    assert project.run(**{setting: value}) == NOTHING
    assert project.current()["stages"] == changed["stages"]


def test_two_parameters_results_lie_side_by_side(project: Project) -> None:
    project.run(Train_seed="1")
    project.run(Train_seed="2")

    recipes = [manifest for manifest in map(_read, project.manifests()) if manifest["task"] == "Train"]
    assert sorted(recipe["recipe"]["parameters"]["seed"] for recipe in recipes) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("library", "runs"),
    [("scikit-learn", MODEL), ("skops", MODEL), ("pandas", EVERYTHING), ("pyarrow", EVERYTHING), ("streamlit", NOTHING)],
)
def test_a_library_version_runs_exactly(project: Project, versions: dict[str, str], library: str, runs: list[str]) -> None:
    versions[library] = "999"

    committed = project.run()

    # Bytes stay the same here, so a stage may be cut off; what declares the library always runs.
    assert committed == runs


@pytest.mark.parametrize(
    ("stage", "file"),
    [("check", "account.json"), ("clean", "listings.parquet"), ("split", "train.parquet"), ("train", "model.skops")],
)
@pytest.mark.parametrize("damage", ["deleted", "truncated", "edited", "folder deleted", "manifest truncated"])
def test_a_damaged_result_is_rebuilt_alone(project: Project, stage: str, file: str, damage: str) -> None:
    path = project.damage(project.result(stage) / file)
    before = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(before[:-1])
    elif damage == "edited":
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    elif damage == "folder deleted":
        shutil.rmtree(path.parent)
    else:
        project.damage(path.parent / "manifest.json").write_text('{"task": "Cl')

    assert project.run() == [stage.capitalize()]
    assert path.read_bytes() == before
    assert project.run() == NOTHING


def test_a_result_restored_from_a_copy_is_fine(project: Project) -> None:
    folder = project.result("clean")
    path = project.damage(folder / "listings.parquet")
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)

    assert project.run() == NOTHING


def test_a_damaged_result_is_kept_aside(project: Project) -> None:
    path = project.damage(project.result("clean") / "listings.parquet")
    path.write_bytes(b"garbage")

    project.run()

    (aside,) = (project.root / "data/clean").glob(".damaged-*")
    assert (aside / "listings.parquet").read_bytes() == b"garbage"


def test_code_edited_while_a_stage_runs_commits_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    build = tasks.Clean.build

    def build_while_someone_edits(task: tasks.Clean, folder: Path) -> None:
        build(task, folder)
        append("source/stages/clean.py", "\nNEW = 2\n")(project)

    append("source/stages/clean.py", "\nNEW = 1\n")(project)
    monkeypatch.setattr(tasks.Clean, "build", build_while_someone_edits)
    assert not project.try_run()
    assert project.committed_by(project.last_run) == []
    assert not list(project.root.glob("data/clean/.building-*"))

    monkeypatch.setattr(tasks.Clean, "build", build)
    assert project.run() == ["Clean"]


def test_the_graphs_own_code_edited_while_an_earlier_stage_runs_commits_nothing_of_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = tasks.Clean.build

    def build_while_someone_edits(task: tasks.Clean, folder: Path) -> None:
        build(task, folder)
        project.edit_code("tasks.py", "facts = {", 'facts = {"edited": 42, ')

    change_price_in("train")(project)
    monkeypatch.setattr(tasks.Clean, "build", build_while_someone_edits)
    assert not project.try_run()
    assert "Evaluate" not in [manifest["task"] for manifest in project.committed_by(project.last_run)]

    monkeypatch.setattr(tasks.Clean, "build", build)
    assert "Evaluate" in project.run()


def test_a_delivery_edited_while_it_is_read_commits_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    build = tasks.Ingest.build

    def build_while_someone_edits(task: tasks.Ingest, folder: Path) -> None:
        build(task, folder)
        add_blank_line(project)

    add_blank_line(project)
    monkeypatch.setattr(tasks.Ingest, "build", build_while_someone_edits)
    assert not project.try_run()
    assert project.committed_by(project.last_run) == []

    monkeypatch.setattr(tasks.Ingest, "build", build)
    assert project.run() == ["Ingest"]


def test_a_delivery_that_arrives_during_a_run_belongs_to_the_next(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    build = tasks.Clean.build

    def build_while_a_delivery_arrives(task: tasks.Clean, folder: Path) -> None:
        build(task, folder)
        add_delivery(project)

    append("source/stages/clean.py", "\nNEW = 1\n")(project)
    monkeypatch.setattr(tasks.Clean, "build", build_while_a_delivery_arrives)
    assert project.run() == ["Clean"]

    monkeypatch.setattr(tasks.Clean, "build", build)
    assert project.run() == sorted(["Ingest", *ALL_BUT_INGEST])


def test_text_that_was_named_as_gzip_is_the_same_rows_under_its_right_name(project: Project) -> None:
    misnamed = project.raw / "2025-02-01.csv.gz"
    add_delivery(project)
    (project.raw / "2025-02-01.csv").rename(misnamed)

    assert project.run() == sorted(["Ingest", *ALL_BUT_INGEST])
    assert project.account()["set_aside"] == {}

    misnamed.rename(project.raw / "2025-02-01.csv")
    assert project.run() == ["Check"]
    assert project.account()["set_aside"] == {}


def test_a_copy_without_a_date_takes_no_night_away(project: Project) -> None:
    before = project.current()
    newest = max(project.raw.glob("*.csv"))
    shutil.copy(newest, project.raw / "backup.csv")
    assert project.run() == NOTHING
    assert project.current() == before
    with project.settings():
        project.forget()
        (told,) = (line for line in Check(market="tiny").summary() if "same bytes" in line)
    assert told == f"backup.csv holds the same bytes as {newest.name} and counts for nothing"


def test_an_earlier_night_sees_earlier_deliveries_and_never_moves_current_back(project: Project) -> None:
    before = project.current()
    nights = sorted(path.stem for path in project.raw.glob("*.csv"))

    runs = project.run(as_of=date.fromisoformat(nights[0]))

    assert runs == ALL_BUT_INGEST
    assert project.current() == before
    assert project.run(as_of=date.fromisoformat(nights[0])) == NOTHING


def test_what_is_older_than_the_history_is_left_out_and_told(project: Project) -> None:
    nights = sorted(path.stem for path in project.raw.glob("*.csv"))
    days = date.fromisoformat(nights[-1]).toordinal() - date.fromisoformat(nights[1]).toordinal() + 1
    whole = project.account()

    assert project.run(Check_history_days=str(days)) == ALL_BUT_INGEST

    account = project.account()
    assert sorted(account["deliveries"]) == [f"{night}.csv" for night in nights[1:]]
    assert account["history"] == {"begins": nights[1], "older": 1}
    listings = pd.read_parquet(project.result("clean") / "listings.parquet")
    assert listings["first_seen_on"].min() == nights[1]

    first_night(project).write_text("whatever it says\n")
    assert project.run(Check_history_days=str(days)) == NOTHING
    first_night(project).unlink()
    assert project.run(Check_history_days=str(days)) == ["Check"]  # all else is what it would be had the older one never been
    assert "history" not in project.account() | whole


def test_a_delivery_that_arrives_meanwhile_waits_for_the_next_run_where_it_would_end_the_history_elsewhere(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights = sorted(path.stem for path in project.raw.glob("*.csv"))
    days = date.fromisoformat(nights[-2]).toordinal() - date.fromisoformat(nights[1]).toordinal() + 1
    late, place = project.root / "late.csv", project.raw / f"{nights[-1]}.csv"
    place.rename(late)
    judge = check.judge_intake

    def judge_while_it_arrives(*told: Any) -> dict[str, Any]:
        late.rename(place)
        return judge(*told)

    def history() -> dict[str, Any]:
        (made,) = project.run_manifests(Check_history_days=str(days))
        return _read(project.root / "data/check" / made["fingerprint"][:KEY_LENGTH] / "account.json")["history"]

    project.job = Check
    monkeypatch.setattr(check, "judge_intake", judge_while_it_arrives)
    assert history() == {"begins": nights[1], "older": 1}

    monkeypatch.setattr(check, "judge_intake", judge)
    assert history() == {"begins": nights[2], "older": 2}


def test_the_newest_night_is_the_present(project: Project) -> None:
    newest = max(path.stem for path in project.raw.glob("*.csv"))

    assert project.run(as_of=date.fromisoformat(newest)) == NOTHING


def _read(path: Path) -> dict:
    return json.loads(path.read_text())
