"""The central scheduler as our command starts it, seen through the visualiser's own interface."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sample import SamplePlan, write_deliveries

from .conftest import SMALL, Project, new_project


class Luigid:
    """A running luigid on a free port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, **arguments: object) -> object:
        query = urllib.parse.urlencode({"data": json.dumps(arguments)})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/{method}?{query}", timeout=10) as answer:
            return json.load(answer)["response"]

    def tasks(self, status: str = "") -> dict[str, dict]:
        return self.ask("task_list", status=status, upstream_status="")  # type: ignore[return-value]


@pytest.fixture
def luigid(project: Project) -> Iterator[Luigid]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = project.start(sys.executable, "-m", "pipeline", "luigid", "--port", str(port))
    _wait_until_open(port)
    yield Luigid(port)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=20)


def test_the_visualiser_shows_graph_progress_and_messages(project: Project, luigid: Luigid) -> None:
    code, printed = project.luigi("Evaluate", "--scheduler-port", str(luigid.port), *SMALL)

    assert code == 0, printed
    tasks = luigid.tasks("DONE")
    assert sorted(task["name"] for task in tasks.values()) == [
        "Check", "Clean", "Evaluate", "Ingest", "Ingest", "Ingest", "Split", "Train",
    ]  # fmt: skip
    assert {task["status_message"] for task in tasks.values()} == {"done"}
    assert {task["progress_percentage"] for task in tasks.values()} == {100}
    evaluate = next(name for name, task in tasks.items() if task["name"] == "Evaluate")
    graph = luigid.ask("dep_graph", task_id=evaluate, include_done=True)
    assert {node["name"] for node in graph.values()} == {"Check", "Clean", "Evaluate", "Ingest", "Split", "Train"}  # type: ignore[attr-defined]
    with urllib.request.urlopen(f"http://127.0.0.1:{luigid.port}/static/visualiser/index.html", timeout=10) as page:
        assert b"Luigi Task Visualiser" in page.read()


def test_the_visualiser_links_to_the_run_in_mlflow_also_of_what_is_reused(project: Project, luigid: Luigid) -> None:
    for options in ((), (), ("--workers", "2", "--Split-test-share", "0.3")):
        code, printed = project.luigi("Evaluate", "--scheduler-port", str(luigid.port), *SMALL, *options)
        assert code == 0, printed
    settings = project.root / "luigi.cfg"
    settings.write_text(settings.read_text().replace("mlflow_ui = http://127.0.0.1:5000", "mlflow_ui ="))
    code, printed = project.luigi("Evaluate", "--scheduler-port", str(luigid.port), *SMALL)
    assert code == 0, printed

    tasks = sorted(luigid.tasks("DONE").values(), key=lambda task: task["start_time"])
    linked = [task["tracking_url"] for task in tasks if task["name"] == "Evaluate"]
    assert {task["tracking_url"] for task in tasks if task["name"] != "Evaluate"} == {None}
    assert linked[0] == linked[1] != linked[2]
    assert linked[3] is None, "no links where no UI is set"
    with sqlite3.connect(project.root / "data/mlflow/mlflow.db") as database:
        runs = database.execute("SELECT experiment_id, run_uuid FROM runs").fetchall()
    database.close()
    assert {*linked[:3]} == {f"http://127.0.0.1:5000/#/experiments/{experiment}/runs/{run}" for experiment, run in runs}


def test_luigid_listens_on_loopback_alone_and_keeps_its_state_private(project: Project, luigid: Luigid) -> None:
    import psutil

    listening = [
        c.laddr.ip for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == luigid.port and c.status == "LISTEN"
    ]
    assert listening == ["127.0.0.1"]
    assert (project.root / "data/luigid").stat().st_mode & 0o777 == 0o700


def test_a_second_run_waits_for_the_first_and_reuses(project: Project, luigid: Luigid) -> None:
    arguments = ("Evaluate", "--scheduler-port", str(luigid.port), "--Train-iterations-factor", "0.3")
    first = project.start_luigi(*arguments)
    _wait_for_running(luigid, "Train")
    second = project.start_luigi(*arguments)

    printed = [run.communicate(timeout=300)[0] for run in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], printed
    assert "Train     reused" in printed[1]
    built = [line.split(" built ")[1].split(" in ")[0] for line in "".join(printed).splitlines() if " built " in line]
    assert len(built) == len(set(built)) == len(project.manifests())
    assert project.leftovers() == []


def test_two_runs_at_once_with_other_parameters_build_both(project: Project, luigid: Luigid) -> None:
    runs = [
        project.start_luigi("Evaluate", "--scheduler-port", str(luigid.port), "--Train-profile", "quick", "--Train-seed", seed)
        for seed in ("1", "2")
    ]

    printed = [run.communicate(timeout=300)[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0], printed
    trained = [manifest["recipe"]["parameters"] for manifest in project.manifests().values() if manifest["task"] == "Train"]
    assert sorted(parameters["seed"] for parameters in trained) == ["1", "2"]
    assert sum(manifest["task"] == "Evaluate" for manifest in project.manifests().values()) == 2
    assert project.leftovers() == []


def test_a_second_run_takes_over_when_the_first_is_killed(project: Project, luigid: Luigid) -> None:
    arguments = ("Evaluate", "--scheduler-port", str(luigid.port), "--Train-iterations-factor", "0.3")
    first = project.start_luigi(*arguments)
    _wait_for_running(luigid, "Train")
    second = project.start_luigi(*arguments)
    _wait_for_message(luigid, "waiting for another run that builds the same")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)

    printed, _ = second.communicate(timeout=300)

    assert second.returncode == 0, printed
    assert "Train     built" in printed
    assert project.leftovers() == []


def test_many_workers_at_one_folder_build_each_result_once_and_right_though_one_is_killed(
    project: Project, luigid: Luigid, tmp_path: Path
) -> None:
    write_deliveries(project.root / "data/raw/sample", SamplePlan(rows=600, nights=8))
    alone = new_project(tmp_path / "alone")
    shutil.copytree(project.root / "data/raw", alone.root / "data/raw")
    arguments = ("Evaluate", "--scheduler-port", str(luigid.port), "--workers", "2", *SMALL)
    runs = [project.start_luigi(*arguments) for _ in range(4)]
    deadline = time.monotonic() + 240
    while not project.manifests():
        assert time.monotonic() < deadline, "nothing was ever built"
        time.sleep(0.05)
    os.killpg(runs[0].pid, signal.SIGKILL)

    printed = [run.communicate(timeout=500)[0] for run in runs]

    assert [run.returncode for run in runs] == [-signal.SIGKILL, 0, 0, 0], printed
    built = [line.split(" built ")[1].split(" in ")[0].strip() for line in "".join(printed).splitlines() if " built " in line]
    assert len(built) == len(set(built))
    assert set(built) <= set(project.manifests())
    assert project.leftovers() == []
    assert alone.evaluate()[0] == 0
    assert project.outputs() == alone.outputs()


def test_a_second_run_tells_its_own_reason_when_the_first_fails(project: Project, luigid: Luigid) -> None:
    arguments = ("Evaluate", "--scheduler-port", str(luigid.port), "--Train-iterations-factor", "0.3")
    code = project.root / "pipeline/stages/train.py"
    first = project.start_luigi(*arguments)
    _wait_for_running(luigid, "Train")
    second = project.start_luigi(*arguments)
    _wait_for_message(luigid, "waiting for another run that builds the same")
    code.write_text(code.read_text() + "\nNEW = 1\n")

    printed = [run.communicate(timeout=300)[0] for run in (first, second)]

    assert [first.returncode, second.returncode] == [30, 30], printed
    assert "changed while it ran" in printed[1].strip().splitlines()[-1]
    assert project.luigi("Train", "--scheduler-port", str(luigid.port), *SMALL)[0] == 0


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_an_impossible_port_is_refused(project: Project, port: str) -> None:
    code, printed = project.pipeline("luigid", "--port", port)

    assert code == 2, printed
    assert printed.strip() == f"--port {port} is not a port: it lies between 1 and 65535."


def test_a_taken_port_is_refused(project: Project, luigid: Luigid) -> None:
    code, printed = project.pipeline("luigid", "--port", str(luigid.port))

    assert code == 2, printed
    assert f"Port {luigid.port} cannot be listened on" in printed
    assert "Traceback" not in printed


def test_a_failure_ends_at_once_with_the_reason_last(project: Project, luigid: Luigid) -> None:
    for path in (project.root / "data/raw/sample").glob("*.csv"):
        path.write_bytes(path.read_bytes().splitlines()[0])

    code, printed = project.luigi("Evaluate", "--scheduler-port", str(luigid.port), *SMALL)

    assert code == 20, printed
    assert "could be accepted" in printed.strip().splitlines()[-1]


def _wait_for_running(luigid: Luigid, name: str) -> None:
    deadline = time.monotonic() + 120
    while not any(task["name"] == name for task in luigid.tasks("RUNNING").values()):
        assert time.monotonic() < deadline, f"{name} never ran"
        time.sleep(0.1)


def _wait_for_message(luigid: Luigid, message: str) -> None:
    deadline = time.monotonic() + 120
    while not any(task["status_message"] == message for task in luigid.tasks("RUNNING").values()):
        assert time.monotonic() < deadline, f"{message!r} was never told"
        time.sleep(0.1)


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("luigid did not start")
