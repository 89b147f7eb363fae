"""`explain`, `status`, `gc`, and the records of runs, by the real commands."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import BIN, SMALL, Project

DAY_S = 24 * 3600


def age(root: Path, days: float) -> None:
    """Make every result that many days older."""
    for path in [*root.glob("data/*/*"), *root.glob("models/*"), *root.glob("data/*/.*"), *root.glob("models/.*")]:
        if path.is_dir():
            then = time.time() - days * DAY_S
            os.utime(path, (then, then))


def test_explain_says_what_will_run(project: Project) -> None:
    code, printed = project.pipeline("explain", *SMALL)
    assert code == 0, printed
    assert printed.startswith("Evaluate sample  runs, first run; upstream: Train sample, Split sample")
    pasted = project.pipeline("explain", "--module", "pipeline", "Evaluate", "--local-scheduler", *SMALL)
    assert pasted == (0, printed)
    code, plain = project.run(sys.executable, "-m", "pipeline", "explain", *SMALL, PYTHONIOENCODING="ascii")
    assert (code, plain) == (0, printed.replace("├", "?").replace("─", "?").replace("└", "?").replace("│", "?"))
    assert project.run("sh", "-c", f"{shlex.quote(sys.executable)} -m pipeline explain | true") == (0, "")


def test_explain_says_what_is_reused_and_the_run_says_the_same(evaluated: Project) -> None:
    code, printed = evaluated.pipeline("explain", *SMALL)
    assert code == 0
    assert "Evaluate sample  reused" in printed
    assert "Reuse saves 0.0 s" not in printed

    more = (*SMALL, "--Train-seed", "1")
    code, printed = evaluated.pipeline("explain", "Train", "--market", "sample", *more)
    assert code == 0
    assert printed.splitlines()[0] == "Train sample  runs, parameter changed: seed 0 → 1"
    code, ran = evaluated.luigi("Train", "--local-scheduler", *more)
    assert code == 0
    assert "Train sample: runs, parameter changed: seed 0 → 1" in ran
    assert "reused: 3 Ingest, Check, Clean, Split; that saves" in ran


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("explain", "Evalute"), "There is no task 'Evalute'. Did you mean 'Evaluate'?"),
        (("explain", "RangeDaily"), "There is no task 'RangeDaily', only Check, Clean, Evaluate"),
        (("explain", "NoDelivery"), "There is no task 'NoDelivery'"),
        (("explain", "--incremental-force", "Splot"), "No task Splot. Did you mean:\nSplit"),
        (("explain", "--market", "smaple"), "did you mean 'sample'?"),
        (("explain", "--Train-iterations-factor", "many"), "iterations-factor"),
        (("status", "--market", "smaple"), "did you mean 'sample'?"),
        (("gc", "--keep", "0"), "keep at least the last run"),
        (("explain", "--market", ""), "--market '' names no market"),
        (("gc", "--kep", "3"), "unrecognized arguments: --kep"),
    ],
)
def test_a_slip_is_one_message_and_exit_2(project: Project, arguments: tuple[str, ...], message: str) -> None:
    code, printed = project.pipeline(*arguments)
    assert code == 2, printed
    assert message in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (b"[pipeline", "luigi.cfg cannot be read: File contains no section headers. file: 'luigi.cfg', line: 1"),
        (
            b"[core]\na = 1\n[core]\n",
            "luigi.cfg cannot be read: While reading from 'luigi.cfg' [line 3]: section 'core' already exists",
        ),
        (
            b"[Train]\nmax-list_ings = 3\n",
            "luigi.cfg cannot be read: [Train] max-list_ings mixes - and _; write it as max_list_ings",
        ),
        (b"[core]\na = \xff\n", "luigi.cfg cannot be read: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_settings_that_cannot_be_read_are_one_message_and_exit_2(project: Project, settings: bytes, said: str) -> None:
    (project.root / "luigi.cfg").write_bytes(settings)

    code, printed = project.pipeline("status")

    assert code == 2, printed
    assert said.replace("[line 3]", "[line  3]").replace("  ", " ") in printed.replace("  ", " ")
    assert "Traceback" not in printed


def test_no_room_for_synthetic_deliveries_is_said_and_nothing_half_written_is_left(project: Project) -> None:
    code, printed = project.run(sys.executable, "-m", "pipeline", "sample", no_room=True)

    assert code == 30, printed
    assert "Synthetic deliveries: cannot write" in printed
    assert "Make room there and run again" in printed
    assert "Traceback" not in printed
    assert [path.name for path in (project.root / "data/raw/sample").glob(".*")] == []


def test_status_before_any_run_says_that_there_is_nothing_yet(project: Project) -> None:
    code, printed = project.pipeline("status")
    assert code == 0, printed
    assert "current   nothing yet" in printed


def test_status_reports_after_a_run_and_what_is_wrong(evaluated: Project) -> None:
    code, printed = evaluated.pipeline("status", "--market", "sample")
    assert code == 0, printed
    assert "made by run" in printed
    assert "judged on" in printed
    assert "last run  Evaluate done, exit 0" in printed

    (evaluated.root / "data/raw/sample/2025-01-06.csv").write_text("nothing\n")
    current = json.loads((evaluated.root / "data/current/sample.json").read_text())
    metrics = evaluated.root / current["stages"]["evaluate"] / "metrics.json"
    metrics.parent.chmod(0o755)
    metrics.chmod(0o644)
    metrics.write_text("{}")
    code, printed = evaluated.pipeline("status")
    assert code == 0, printed
    assert "fresh     no: a run now would begin with Ingest sample/2025-01-06.csv (runs, input changed: delivery)" in printed
    assert "is damaged (metrics.json has 2 bytes instead of" in printed


def test_gc_drops_what_nothing_needs_and_nothing_else(evaluated: Project) -> None:
    first = evaluated.manifests().keys()
    assert evaluated.evaluate("--Train-seed", "1")[0] == 0
    second = evaluated.manifests().keys()

    assert evaluated.pipeline("gc", "--keep", "2")[0] == 0
    assert evaluated.manifests().keys() == second, "what is younger than a day stays"

    age(evaluated.root, days=2)
    (evaluated.root / "data/clean/.building-0123456789abcdef-0123").mkdir()
    os.utime(evaluated.root / "data/clean/.building-0123456789abcdef-0123", (0, 0))
    code, printed = evaluated.pipeline("gc", "--keep", "1", "--dry-run")
    assert code == 0
    assert "3 folders would be dropped" in printed
    assert evaluated.manifests().keys() == second
    assert evaluated.pipeline("gc", "--keep", "2")[1].startswith("data/clean/.building-")

    code, printed = evaluated.pipeline("gc", "--keep", "1")
    assert code == 0, printed
    assert "2 folders dropped" in printed
    gone = second - evaluated.manifests().keys()
    assert {folder.split("/")[0] + "/" + folder.split("/")[-2] for folder in gone} == {"models/models", "data/evaluate"}
    assert gone <= first
    assert len(list(evaluated.root.glob("data/mlflow/receipts/*.json"))) == 1
    assert _versions(evaluated) == [folder for folder in evaluated.manifests() if folder.startswith("models/")]
    code, printed = evaluated.evaluate("--Train-seed", "1")
    assert code == 0
    assert "built" not in printed, "what is current is all there"


def test_gc_keeps_the_scores_that_the_current_ones_started_from(evaluated: Project) -> None:
    for night in ("2025-01-08", "2025-01-09", "2025-01-10"):
        code, printed = evaluated.luigi("Score", "--local-scheduler", *SMALL, "--as-of", night)
        assert code == 0, printed
    assert "0 ratings changed since 2025-01-09" in printed
    assert "for sale" in evaluated.pipeline("status")[1]

    age(evaluated.root, days=2)
    code, printed = evaluated.pipeline("gc", "--keep", "1")
    assert code == 0, printed
    left = [folder for folder in evaluated.manifests() if folder.startswith("data/score/")]
    assert len(left) == 2
    code, printed = evaluated.luigi("Score", "--local-scheduler", *SMALL, "--as-of", "2025-01-10")
    assert code == 0
    assert "built" not in printed


def test_gc_waits_for_no_run_and_drops_nothing_while_one_is_alive(project: Project) -> None:
    run = project.start_luigi("Evaluate", "--local-scheduler", "--Train-iterations-factor", "3")
    deadline = time.monotonic() + 60
    while not list(project.root.glob("data/locks/run-*.lock")):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    code, printed = project.pipeline("gc")

    assert code == 10, printed
    assert "is alive" in printed
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()

    code, printed = project.pipeline("gc")
    assert code == 0, printed
    (record,) = [json.loads(path.read_text()) for path in project.root.glob("data/runs/*.json")]
    assert record["state"] == "killed"
    assert record["subject"] == "sample"


def test_every_run_leaves_a_record_also_one_that_cannot_start(project: Project) -> None:
    code, printed = project.luigi("Evaluate", "--scheduler-port", "9")
    assert code == 40, printed
    (record,) = [json.loads(path.read_text()) for path in project.root.glob("data/runs/*.json")]
    assert (record["state"], record["exit"]) == ("failed", 40)
    assert project.leftovers() == []


def test_gc_keeps_a_model_that_carries_an_alias(evaluated: Project) -> None:
    (first,) = _versions(evaluated)
    assert evaluated.evaluate("--Train-seed", "1")[0] == 0
    alias = (
        "from pathlib import Path; from pipeline.services import registry; "
        "registry.open_client(Path('data/mlflow')).set_registered_model_alias('sample', 'champion', '1')"
    )
    assert evaluated.run(sys.executable, "-c", alias)[0] == 0
    age(evaluated.root, days=2)

    assert evaluated.pipeline("gc", "--keep", "1")[0] == 0

    assert first in evaluated.manifests()
    assert first in _versions(evaluated)


def _versions(project: Project) -> list[str]:
    with sqlite3.connect(project.root / "data/mlflow/mlflow.db") as database:
        rows = database.execute("SELECT source FROM model_versions WHERE current_stage != 'Deleted_Internal'").fetchall()
    database.close()
    return sorted(source for (source,) in rows)


def test_a_terminal_shows_a_bar_with_the_time_left_and_a_file_does_not(project: Project) -> None:
    master, slave = pty.openpty()
    command = [BIN / "luigi", "--module", "pipeline", "Evaluate", "--local-scheduler", *SMALL]
    run = subprocess.Popen(
        command,
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(project.root), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            read = os.read(master, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not read:
            break
        shown += read
    os.close(master)
    assert run.wait() == 0, shown
    assert b"100%" in shown
    assert b"Train sample" in shown
    assert b"<00:" in shown
    built = shown[shown.index(b"Train     built") - 30 :]
    assert b"\r\x1b[K" in built[:30], "the child's line takes the bar's place"

    assert b"100%" not in project.evaluate("--Train-seed", "1")[1].encode()
