"""A real Dask scheduler with workers in processes of their own: the same bytes, and what becomes of a run when parts of it go away."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from distributed import Client

from pipeline.sample import SamplePlan, write_deliveries
from tests.acceptance.conftest import REPOSITORY, Project, new_project
from tests.servers import free_port, silent_server

FEW = ("--max-listings", "150")
TRIAL = ("Trial", "--local-scheduler", "--number", "0", *FEW)
TRAIN = ("Train", "--local-scheduler", "--tuned", "--Tune-trials", "1", *FEW)


class Cluster:
    """A scheduler on a port of loopback, and its workers by name."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.scheduler = self._start("scheduler", "--port", str(self._port), "--dashboard-address", "127.0.0.1:0")
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def add_worker(self, name: str, *more_path: Path) -> None:
        """Start a worker that finds the checkout's code, and what lies in more folders before."""
        options = (
            "--no-nanny",
            "--no-dashboard",
            "--nthreads",
            "1",
            "--name",
            name,
            "--local-directory",
            str(self._folder / name),
        )
        self.workers[name] = self._start("worker", self.address, *options, path=[*more_path, REPOSITORY])
        deadline = time.monotonic() + 60
        while f" name: {name}\n" not in self.log:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    @property
    def log(self) -> str:
        """What the scheduler said."""
        return (self._folder / "scheduler.log").read_text()

    def client(self) -> Client:
        return Client(self.address, timeout=30, set_as_default=False)

    def wait_for_fold(self) -> str:
        """Return the name of a worker that fits a fold, as soon as one does."""
        deadline = time.monotonic() + 60
        with self.client() as client:
            while time.monotonic() < deadline:
                found = [worker for worker, keys in client.processing().items() if any("fit_fold" in str(key) for key in keys)]
                if found:
                    return str(client.scheduler_info()["workers"][found[0]]["name"])
                time.sleep(0.02)
        raise TimeoutError("no fold was ever fitted")

    def end(self) -> None:
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait(timeout=20)

    def _start(self, *command: str, path: list[Path] | None = None) -> subprocess.Popen[bytes]:
        with (self._folder / f"{command[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", command[0], *command[1:], "--host", "127.0.0.1"],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path or [REPOSITORY])), "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
            )


@contextlib.contextmanager
def cluster_in(folder: Path, workers: int) -> Iterator[Cluster]:
    folder.mkdir()
    made = Cluster(folder)
    try:
        for number in range(workers):
            made.add_worker(f"worker {number}")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What this machine makes without Dask."""
    project = new_project(tmp_path_factory.mktemp("local") / "project")
    write_deliveries(project.root / "data/raw/sample", SamplePlan(rows=400, nights=3))
    code, printed = project.luigi(*TRAIN)
    assert code == 0, printed
    return project.outputs()


def last_line(printed: str) -> str:
    assert "Traceback" not in printed, printed
    return printed.strip().splitlines()[-1]


def test_deliveries_trials_and_models_have_the_bytes_that_they_have_without_dask(
    project: Project, tmp_path: Path, local: dict[str, str]
) -> None:
    with cluster_in(tmp_path / "dask", workers=2) as dask:
        code, printed = project.luigi(*TRAIN, "--workers", "2", "--dask-scheduler", dask.address)
        with dask.client() as client:
            loaded = (
                "[name for name in ('pipeline.ingesting', 'pipeline.valuation.members') if name in __import__('sys').modules]"
            )
            worked = {name for names in client.run(eval, loaded).values() for name in names}

    assert code == 0, printed
    assert project.outputs() == local
    assert {name.split("/")[1] for name in local} >= {"ingest", "trial", "tune"}
    assert worked == {"pipeline.ingesting", "pipeline.valuation.members"}, "the workers did it"
    assert project.leftovers() == []
    code, printed = project.luigi(*TRAIN, "--dask-scheduler", dask.address)
    assert code == 0, f"with nothing to do, nobody looks for a cluster that is gone: {printed}"


def test_a_worker_that_is_killed_costs_time_alone(project: Project, tmp_path: Path, local: dict[str, str]) -> None:
    with cluster_in(tmp_path / "dask", workers=2) as dask:
        run = project.start_luigi(*TRIAL, "--dask-scheduler", dask.address)
        killed = dask.workers[dask.wait_for_fold()]
        killed.kill()
        printed, _ = run.communicate(timeout=300)

    assert killed.wait() == -signal.SIGKILL
    assert run.returncode == 0, printed
    assert project.outputs().items() < local.items()


def kill_scheduler(dask: Cluster) -> None:
    dask.scheduler.kill()


def kill_workers(dask: Cluster) -> None:
    for worker in dask.workers.values():
        worker.kill()


@pytest.mark.parametrize(
    ("kill", "message"),
    [(kill_scheduler, "went away, or was restarted"), (kill_workers, "has had no worker for 2 s ([dask] wait_seconds)")],
)
def test_a_cluster_that_dies_in_the_middle_ends_the_run_with_a_message(
    project: Project, tmp_path: Path, kill: Callable[[Cluster], None], message: str
) -> None:
    with cluster_in(tmp_path / "dask", workers=1) as dask:
        run = project.start_luigi(*TRIAL, "--dask-scheduler", dask.address, "--dask-wait-seconds", "2")
        dask.wait_for_fold()
        kill(dask)
        printed, _ = run.communicate(timeout=150)

    assert run.returncode == 30, printed
    assert dask.address in last_line(printed)
    assert message in printed
    assert project.leftovers() == []
    assert {manifest["task"] for manifest in project.manifests().values()} >= {"Ingest", "Split"}, "what was committed stays"


@pytest.mark.parametrize("says", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64])
def test_where_no_scheduler_is_a_run_says_so_within_ten_seconds(project: Project, says: bytes | None) -> None:
    with contextlib.nullcontext(free_port()) if says is None else silent_server(says) as port:
        code, printed = project.luigi(*TRAIN, "--workers", "2", "--dask-scheduler", f"tcp://127.0.0.1:{port}")

    assert code == 30, printed
    assert f"No Dask scheduler at tcp://127.0.0.1:{port}, [dask] scheduler in luigi.cfg" in last_line(printed)
    record = project.records()[-1]
    assert datetime.fromisoformat(record["ended_at"]) - datetime.fromisoformat(record["started_at"]) < timedelta(seconds=10)
    assert "No Dask scheduler" in record["messages"][0]
    assert project.manifests() == {}


@pytest.mark.parametrize("text", ["127.0.0.1:8786", "tcp://127.0.0.1", "tcp://:8786", "http://127.0.0.1:8786"])
def test_a_wrong_address_is_refused(project: Project, text: str) -> None:
    settings = project.root / "luigi.cfg"
    settings.write_text(settings.read_text().replace("\nscheduler =\n", f"\nscheduler = {text}\n"))

    code, printed = project.luigi(*TRAIN)

    assert code == 2, printed
    assert "[dask] scheduler in luigi.cfg, is no address like tcp://127.0.0.1:8786" in last_line(printed)
    assert repr(text) in last_line(printed)


def test_workers_with_other_code_or_libraries_are_refused_by_name(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other/numpy-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n")
    code_file = project.root / "pipeline/stages/ingest.py"
    code_file.write_text(code_file.read_text() + "\nNEW = 1\n")

    with cluster_in(tmp_path / "dask", workers=0) as dask:
        dask.add_worker("other", other.parent)
        code, printed = project.luigi(*TRAIN, "--dask-scheduler", dask.address)

    assert code == 30, printed
    assert "could compute other bytes: numpy 0.0.1 there and 2." in last_line(printed)
    assert "the code of pipeline.stages.ingest." in last_line(printed)
    assert project.manifests() == {}
    assert project.leftovers() == []
