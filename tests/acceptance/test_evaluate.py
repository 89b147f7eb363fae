"""The main job by its real command: what it leaves, and what it says when it cannot."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from .conftest import CAN_BE_BOUND, SMALL, Project

CONTRACTED = {
    "market", "currency", "split", "n_train", "n_calibration", "n_test", "mae", "rmse", "mape", "median_ape", "r2",
    "within_10_share", "interval_coverage", "interval_width_share", "baselines",
}  # fmt: skip


def test_a_run_ends_in_metrics_and_a_second_run_does_nothing(project: Project) -> None:
    code, printed = project.evaluate()
    assert code == 0, printed
    metrics = project.metrics()
    assert metrics.keys() >= CONTRACTED
    assert metrics["market"] == "sample"
    assert metrics["synthetic"] is True
    assert project.leftovers() == []
    before = project.manifests()

    for workers in ("1", "2"):
        code, printed = project.evaluate("--workers", workers)

        assert code == 0
        assert "Did not run any tasks" in printed
        assert project.manifests() == before
        for said in ("accepted, ", "rejected: ", "Clean     ", "judged on "):
            assert said in printed, "a run with nothing to do tells the account of what is there"


def test_the_sample_command_feeds_the_main_job(project: Project) -> None:
    shutil.rmtree(project.root / "data/raw")

    code, printed = project.pipeline("sample", "--rows", "400", "--nights", "1")
    assert code == 0
    assert "synthetic" in printed
    code, printed = project.evaluate()

    assert code == 0, printed
    assert project.metrics()["split"] == "by identity"


def test_an_edit_that_changes_rows_reaches_the_metrics(evaluated: Project) -> None:
    before = evaluated.metrics()
    path = evaluated.root / "pipeline/stages/clean.py"
    code_before = path.read_text()
    path.write_text(code_before.replace("Folded(listings.reset_index(), ", "Folded(listings.reset_index().iloc[::2], "))
    assert path.read_text() != code_before

    code, printed = evaluated.evaluate()

    assert code == 0, printed
    assert evaluated.metrics()["n_train"] < before["n_train"]
    assert "Ingest    " not in printed


def test_raw_may_lie_elsewhere_and_is_only_read(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(project.root / "data/raw", elsewhere)
    listing = {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")}
    for path in [elsewhere, *elsewhere.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    code, printed = project.luigi("Split", "--local-scheduler", "--pipeline-raw", str(elsewhere))

    for path in [elsewhere, *elsewhere.rglob("*")]:
        path.chmod(0o755)
    assert code == 0, printed
    assert {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")} == listing


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_two_workers_under_any_start_method_give_the_same_bytes(evaluated: Project, method: str) -> None:
    alone = evaluated.outputs()
    metrics = evaluated.metrics()
    shutil.move(evaluated.root / "data/raw", evaluated.root / "raw")
    _empty(evaluated.root)

    code, printed = evaluated.evaluate("--workers", "2", "--incremental-start-method", method, "--pipeline-raw", "raw")

    assert code == 0, printed
    assert evaluated.outputs() == alone
    assert evaluated.metrics() == metrics
    assert evaluated.leftovers() == []


def test_two_runs_at_once_build_each_result_once(project: Project) -> None:
    runs = [project.start_luigi("Evaluate", "--local-scheduler", *SMALL) for _ in range(2)]
    printed = [run.communicate(timeout=300)[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0], printed
    built = sum(text.count(" built ") for text in printed)
    assert built == len(project.manifests())
    assert project.leftovers() == []


def test_a_killed_run_is_finished_by_the_next(evaluated: Project) -> None:
    undisturbed = evaluated.outputs()
    shutil.move(evaluated.root / "data/raw", evaluated.root / "raw")
    _empty(evaluated.root)
    run = evaluated.start_luigi(
        "Evaluate", "--local-scheduler", "--Train-profile", "quick", "--Train-max-listings", "150", "--pipeline-raw", "raw"
    )
    _wait_for(lambda: list(evaluated.root.glob("models/.building-*")))
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()

    code, printed = evaluated.evaluate("--pipeline-raw", "raw")

    assert code == 0, printed
    assert evaluated.outputs() == undisturbed
    assert evaluated.leftovers() == []


def test_a_child_ends_with_its_parent(project: Project) -> None:
    run = project.start_luigi("Evaluate", "--local-scheduler", "--Train-iterations-factor", "100")
    _wait_for(lambda: list(project.root.glob("models/.building-*")))
    children = psutil.Process(run.pid).children(recursive=True)
    assert children

    os.kill(run.pid, signal.SIGKILL)

    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    run.communicate()


def test_ctrl_c_ends_a_run_with_a_line_and_its_own_state(project: Project) -> None:
    run = project.start_luigi("Evaluate", "--local-scheduler", "--Train-iterations-factor", "100")
    _wait_for(lambda: list(project.root.glob("models/.building-*")))
    time.sleep(0.5)

    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: the child hears it too
    printed, _ = run.communicate(timeout=60)

    assert run.returncode == 130, printed
    assert printed.strip().splitlines()[-1].startswith("Interrupted.")
    assert "Traceback" not in printed
    record = project.records()[-1]
    assert (record["state"], record["exit"], record["messages"]) == ("interrupted", 130, [])
    assert project.leftovers() == []


def test_a_folder_without_settings_is_refused(project: Project) -> None:
    (project.root / "luigi.cfg").unlink()

    code, printed = project.evaluate()

    assert code == 2
    assert "luigi.cfg" in printed
    assert "Traceback" not in printed


def test_a_time_limit_on_train_fails_the_run(project: Project) -> None:
    code, printed = project.luigi("Evaluate", "--local-scheduler", "--Train-iterations-factor", "100", "--Train-max-seconds", "6")

    assert code == 30, printed
    message = "Train sample: ended after 6 s ([Train] max_seconds)"
    assert printed.strip().splitlines()[-1].endswith(message)
    assert project.records()[-1]["messages"] == [message]
    assert not list(project.root.glob("models/[!.]*"))


def test_a_training_that_is_killed_fails_the_run_with_the_reason_last(project: Project) -> None:
    run = project.start_luigi("Evaluate", "--local-scheduler", "--Train-iterations-factor", "100")
    _wait_for(lambda: list(project.root.glob("models/.building-*")))
    (child,) = [each for each in psutil.Process(run.pid).children(recursive=True) if "spawn_main" in " ".join(each.cmdline())]

    child.kill()
    printed, _ = run.communicate(timeout=60)

    assert run.returncode == 30, printed
    message = "Train sample: killed (signal 9; out of memory?)"
    assert printed.strip().splitlines()[-1].endswith(message)
    assert project.records()[-1]["messages"] == [message]


def test_an_exception_of_our_own_is_kept_in_the_record_with_its_line(project: Project) -> None:
    path = project.root / "pipeline/stages/check.py"
    path.write_text(path.read_text() + "\n\ndef judge_intake(*_):\n    raise KeyError('gone')\n")

    code, printed = project.evaluate()

    assert code == 30, printed
    line = len(path.read_text().splitlines())
    assert project.records()[-1]["messages"] == [f"Check sample: KeyError: 'gone' (pipeline/stages/check.py:{line})"]


def test_without_luigid_a_run_says_so_and_names_both_ways_out(project: Project) -> None:
    code, printed = project.luigi("Evaluate", "--scheduler-port", "9")

    assert code == 40
    assert "python -m pipeline luigid" in printed
    assert "--local-scheduler" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--market", "smaple"), "did you mean 'sample'"),
        (("--market", "../sample"), "There is no market"),
        (("--as-of", "yesterday"), "is not a date like"),
        (("--Train-iterashuns", "3"), "unrecognized arguments"),
        (("--Train-min-samples-leaf-factor", "0"), "--Train-min-samples-leaf-factor '0' is not a factor between 0.001 and 1,000"),
        (("--Train-jobs", "0"), "--Train-jobs '0' is not a whole number of at least 1"),
        (("--Train-profile", "best"), "--Train-profile 'best' is none of full, quick"),
        (("--Train-level", "90%"), "--Train-level '90%' is not a share"),
        (("--Split-test-share", "1.2"), "is not a share above 0 and below 1"),
        (("--incremental-force", "Train,Splot"), "--incremental-force Splot: No task Splot. Did you mean:\nSplit"),
    ],
)
def test_a_slip_on_the_command_line_exits_2(project: Project, arguments: tuple[str, ...], says: str) -> None:
    code, printed = project.evaluate(*arguments)

    assert code == 2
    assert says in printed
    assert "Traceback" not in printed


def test_an_invalid_market_file_exits_2_and_names_the_key(project: Project) -> None:
    own = project.root / "own"
    own.mkdir()
    (own / "mine.toml").write_text('like = "sample"\n[columns.price]\nlimit = [1, 2]\n')

    code, printed = project.evaluate("--market", "mine", "--pipeline-markets", "own")

    assert code == 2
    assert "mine.toml" in printed
    assert "'limit'" in printed
    assert "Traceback" not in printed


def test_no_delivery_exits_20(project: Project) -> None:
    shutil.rmtree(project.root / "data/raw/sample")

    code, printed = project.evaluate()

    assert code == 20, printed
    assert "data/raw/sample does not exist" in printed.strip().splitlines()[-1]
    assert "Traceback" not in printed


def test_a_night_before_all_deliveries_exits_20_and_explain_says_the_same(project: Project) -> None:
    said = "data/raw/sample holds none dated up to 2020-01-01; the first is of 2025-01-06."
    for code, printed in (project.evaluate("--as-of", "2020-01-01"), project.pipeline("explain", "--as-of", "2020-01-01")):
        assert code == 20, printed
        assert printed.strip().endswith(said)
        assert "Traceback" not in printed


def test_header_only_deliveries_exit_20_with_the_reason_last(project: Project) -> None:
    for path in (project.root / "data/raw/sample").glob("*.csv"):
        path.write_bytes(path.read_bytes().splitlines()[0])

    code, printed = project.evaluate()

    assert code == 20, printed
    assert "0 of 0 rows could be accepted" in printed.strip().splitlines()[-1]
    assert "Traceback" not in printed


def test_too_many_rejections_exit_30_with_the_reason_last(project: Project) -> None:
    for path in (project.root / "data/raw/sample").glob("*.csv"):
        lines = path.read_bytes().splitlines()
        path.write_bytes(b"\n".join(lines + [b",".join([*line.split(b",")[:-1], b"cheap"]) for line in lines[1:]]))

    code, printed = project.evaluate()

    assert code == 30, printed
    last = printed.strip().splitlines()[-1]
    assert "more than the allowed" in last
    assert "price unreadable" in last
    assert "Traceback" not in printed
    assert not list(project.root.glob("data/clean/*"))


def test_a_delivery_that_is_no_table_is_set_aside_beside_good_ones(project: Project) -> None:
    (project.root / "data/raw/sample/2025-01-20.csv").write_bytes(gzip.compress(b"not what its name says"))

    code, printed = project.luigi("Clean", "--local-scheduler")

    assert code == 0, printed
    assert "2025-01-20.csv" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Evalute",), "Did you mean"),
        (("Evaluate", "--workers", "x"), "--workers or [core] workers in luigi.cfg"),
        (("Evaluate", "--incremental-start-method", "bogus"), "--incremental-start-method or [incremental] start_method"),
        (("Evaluate", "--scheduler-port", "nine"), "--scheduler-port or [core] scheduler_port"),
        (("Evaluate", "--as-of", "2999-01-01"), "--as-of 2999-01-01 has not come yet"),
        (("Ingest",), "requires the 'delivery' parameter"),
        (("Ingest", "--delivery", "../../../luigi.cfg"), "--delivery '../../../luigi.cfg' leaves the market's folder"),
        (("Evaluate", "--market", ""), "--market '' names no market"),
        (
            ("Evaluate", "--pipeline-markets", "/nonexistent"),
            "--pipeline-markets '/nonexistent', or [pipeline] markets in luigi.cfg,",
        ),
    ],
)
def test_a_slip_is_one_message_and_exit_2(project: Project, arguments: tuple[str, ...], message: str) -> None:
    code, printed = project.luigi(*arguments, "--local-scheduler")

    assert code == 2, printed
    assert message in printed
    assert "Traceback" not in printed


def test_a_wrong_exit_code_in_luigi_cfg_is_a_slip_too(project: Project) -> None:
    path = project.root / "luigi.cfg"
    path.write_text(path.read_text().replace("task_failed = 30", "task_failed = thirty"))

    code, printed = project.evaluate()

    assert code == 2, printed
    assert "[retcode] task_failed in luigi.cfg" in printed
    assert "Traceback" not in printed


def test_a_delivery_that_is_not_there_is_named(project: Project) -> None:
    code, printed = project.luigi("Ingest", "--delivery", "nope.csv", "--local-scheduler")

    assert code == 30, printed
    assert "cannot read data/raw/sample/nope.csv (No such file or directory)" in printed.strip().splitlines()[-1]
    assert "Traceback" not in printed


def test_code_that_is_no_python_is_named_and_nothing_is_built(project: Project) -> None:
    path = project.root / "pipeline/stages/train.py"
    path.write_text(path.read_text() + "\ndef fit(:\n")

    code, printed = project.evaluate()

    assert code == 35, printed
    assert "stages/train.py, line" in printed.strip().splitlines()[-1]
    assert "Traceback" not in printed


def test_a_delivery_whose_name_is_no_utf8_is_read_like_any_other(project: Project) -> None:
    raw = project.root / "data/raw/sample"
    try:
        (raw / os.fsdecode(b"caf\xe9-2025-01-20.csv")).write_bytes(min(raw.glob("*.csv")).read_bytes()[:-1])
    except OSError:
        pytest.skip("this file system takes no such name")

    code, printed = project.luigi("Clean", "--local-scheduler")

    assert code == 0, printed
    accounts = [manifest["recipe"]["settings"] for manifest in project.manifests().values() if manifest["task"] == "Check"]
    assert "caf\\xe9-2025-01-20.csv" in accounts[0]["deliveries"]


@pytest.mark.skipif(not CAN_BE_BOUND, reason="root is bound by no permissions, and setpriv is not here to change that")
def test_a_delivery_that_may_not_be_read_is_set_aside_until_it_may(project: Project) -> None:
    secret = project.root / "data/raw/sample/2025-01-20.csv"
    secret.write_bytes(min(secret.parent.glob("*.csv")).read_bytes()[:-1])
    secret.chmod(0)

    code, printed = project.luigi("Clean", "--local-scheduler", bound_by_permissions=True)
    secret.chmod(0o644)
    again = project.luigi("Clean", "--local-scheduler", bound_by_permissions=True)

    assert code == 0, printed
    assert "set aside 2025-01-20.csv: the file may not be read (Permission denied)" in printed
    assert again[0] == 0, again[1]
    assert "Ingest    built" in again[1]


def _empty(root: Path) -> None:
    for folder in [*root.glob("data/*"), root / "models"]:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


def _wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
