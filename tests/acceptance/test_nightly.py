"""A night by the real command: promotion, report, two at once, a locked registry, a rollback and what MLflow shows of it."""

from __future__ import annotations

import json
import re
import sqlite3
import sys

from tests.acceptance.conftest import LENIENT, SMALL, Project

NIGHT = ("Nightly", "--local-scheduler", *SMALL, *LENIENT, "--as-of", "2025-02-01")
LOAD = """
import json, mlflow, pandas
mlflow.set_tracking_uri("sqlite:///data/mlflow/mlflow.db")
model = mlflow.pyfunc.load_model("models:/sample@champion")
champion = json.load(open("data/champion/sample.json"))
judged = pandas.read_parquet(champion["model"]["evaluation"] + "/estimates.parquet")
asked = pandas.read_parquet(champion["model"]["split"] + "/test.parquet")
assert model.predict(asked)["estimate"].tolist() == judged["estimate"].tolist()
runs = mlflow.search_runs(experiment_names=["sample"])
assert len(runs) >= 1 and runs["metrics.mae"].notna().all()
"""


def champion(project: Project) -> dict:
    return json.loads((project.root / "data/champion/sample.json").read_text())


def journal(project: Project) -> list[dict]:
    return [json.loads(line) for line in (project.root / "data/journal/sample.jsonl").read_text().splitlines()]


def test_a_night_promotes_scores_and_reports_and_its_rerun_builds_nothing(project: Project) -> None:
    code, printed = project.luigi(*NIGHT)
    assert code == 0, printed
    assert "promoted: version 1" in printed
    (page,) = project.root.glob("data/report/*/report.html")
    told = page.read_text()
    assert "synthetic" in told.casefold()
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//(?!www\.avito\.example)""", told), (
        "the page asks for something outside itself"
    )
    before = (project.outputs(), champion(project), journal(project))

    code, printed = project.luigi(*NIGHT)

    assert code == 0, printed
    assert "built" not in printed
    assert (project.outputs(), champion(project), journal(project)) == before
    assert not project.leftovers()
    code, printed = project.run(sys.executable, "-c", LOAD, MLFLOW_DISABLE_TELEMETRY="true")
    assert code == 0, printed


def test_a_refused_first_model_ends_well_and_prices_nothing(project: Project) -> None:
    code, printed = project.luigi(
        "Nightly", "--local-scheduler", *SMALL, "--Promote-min-judged", "1000000", "--as-of", "2025-02-01"
    )
    assert code == 0, printed
    assert "refused: version 1" in printed
    assert "no champion to price them" in printed
    code, printed = project.pipeline("price", "--make", "Dacia", "--model", "Logan", "--year", "2015")
    assert code == 2
    assert "There is no champion of sample yet" in printed
    assert "Traceback" not in printed


def test_two_promotions_at_once_move_the_champion_once(project: Project) -> None:
    started = [project.start_luigi(*NIGHT) for _ in range(2)]
    printed = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], printed
    assert champion(project)["version"] == "1"
    assert [entry["what"] for entry in journal(project)] == ["promoted"]
    assert not project.leftovers()


def test_a_locked_registry_fails_the_night_by_name_and_the_next_run_finishes_it(evaluated: Project) -> None:
    holder = sqlite3.connect(evaluated.root / "data/mlflow/mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    code, printed = evaluated.luigi(*NIGHT)
    holder.rollback()
    holder.close()
    assert code == 30, printed
    assert "database is locked" in printed.strip().splitlines()[-1]
    assert "Traceback" not in printed

    code, printed = evaluated.luigi(*NIGHT)

    assert code == 0, printed
    assert [entry["what"] for entry in journal(evaluated)] == ["promoted"]
    code, printed = evaluated.run(sys.executable, "-c", LOAD, MLFLOW_DISABLE_TELEMETRY="true")
    assert code == 0, printed


def test_a_rollback_is_seen_from_outside_and_a_lost_registry_gives_no_version_twice(evaluated: Project) -> None:
    assert evaluated.luigi(*NIGHT)[0] == 0
    better = (
        "Nightly",
        "--local-scheduler",
        "--Train-profile",
        "quick",
        *LENIENT,
        "--as-of",
        "2025-02-02",
    )
    code, printed = evaluated.luigi(*better)
    assert code == 0, printed
    assert champion(evaluated)["version"] == "2", printed

    assert evaluated.pipeline("rollback")[0] == 2
    code, printed = evaluated.pipeline("rollback", "--reason", "dealers complain")

    assert code == 0, printed
    assert "Version 1 is the champion of sample again" in printed
    code, printed = evaluated.run(sys.executable, "-c", LOAD, MLFLOW_DISABLE_TELEMETRY="true")
    assert code == 0, printed
    code, printed = evaluated.luigi(*better)
    assert code == 0, printed
    assert "is barred: by " in printed
    assert champion(evaluated)["version"] == "1"
    code, printed = evaluated.pipeline("status")
    assert "brought back by a rollback" in printed
    assert re.search(r"barred +version 2, by .+ on [0-9-]+: dealers complain", printed)

    (evaluated.root / "data/mlflow/mlflow.db").unlink()
    third = ("Nightly", "--local-scheduler", *SMALL, "--Train-seed", "1", *LENIENT, "--as-of", "2025-02-03")
    code, printed = evaluated.luigi(*third)
    assert code == 0, printed
    assert journal(evaluated)[-1]["version"] == "3", "1 and 2 are taken, though the new database never saw them"
    code, printed = evaluated.run(sys.executable, "-c", LOAD, MLFLOW_DISABLE_TELEMETRY="true")
    assert code == 0, printed
