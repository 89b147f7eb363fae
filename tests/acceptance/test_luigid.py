"""The central scheduler as our command starts it, seen through the visualiser's own interface."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from .conftest import SMALL, Project


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


def test_luigid_listens_on_loopback_alone_and_keeps_its_state_private(project: Project, luigid: Luigid) -> None:
    import psutil

    listening = [
        c.laddr.ip for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == luigid.port and c.status == "LISTEN"
    ]
    assert listening == ["127.0.0.1"]
    assert (project.root / "data/luigid").stat().st_mode & 0o777 == 0o700


def test_a_second_run_waits_for_the_first_and_reuses(project: Project, luigid: Luigid) -> None:
    arguments = ("Evaluate", "--scheduler-port", str(luigid.port), "--Train-iterations", "300")
    first = project.start_luigi(*arguments)
    _wait_for_running(luigid, "Train")
    second = project.start_luigi(*arguments)

    printed = [run.communicate(timeout=300)[0] for run in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], printed
    assert " built " not in printed[1]
    assert project.leftovers() == []


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
