"""Nothing starts or imports Gunicorn: shown while everything that the project runs runs at once."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from contextlib import closing
from importlib import metadata
from pathlib import Path

import psutil
import pytest

from pipeline.services import scheduler
from tests.acceptance.conftest import LENIENT, REPOSITORY, SMALL, Project

# What leaves a mark where Gunicorn would be imported or started: it is there for whoever looks for it, first on every path.
MODULE = "import os, sys\nopen(os.environ['GUNICORN_MARKS'] + f'/{os.getpid()}', 'w').write(' '.join(sys.argv))\n"
PROGRAM = '#!/bin/sh\necho "$0 $@" > "$GUNICORN_MARKS/$$"\n'
CLIENT = """
import time
from mlflow import MlflowClient
MlflowClient("sqlite:///data/mlflow/mlflow.db").search_registered_models()
time.sleep(600)
"""


def lay_marks(project: Project) -> dict[str, str]:
    """Put what leaves marks on the paths of all that is started; return what it needs of the environment."""
    (project.root / "gunicorn.py").write_text(MODULE)
    programs, marks = project.root.parent / "programs", project.root.parent / "marks"
    programs.mkdir()
    marks.mkdir()
    (programs / "gunicorn").write_text(PROGRAM)
    (programs / "gunicorn").chmod(0o755)
    return {"GUNICORN_MARKS": str(marks), "PATH": f"{programs}:{os.environ['PATH']}"}


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def list_family(pids: list[int]) -> set[str]:
    """Return the command lines of processes and of all that they started."""
    found = set()
    for pid in pids:
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            found |= {" ".join(process.cmdline()) for process in family}
        except psutil.Error:  # ended in this moment
            continue
    return found


def test_it_is_not_installed():
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version("gunicorn")


def test_nothing_starts_or_imports_it_while_everything_runs(project: Project) -> None:
    environment = lay_marks(project)
    shutil.copytree(REPOSITORY / "dashboard", project.root / "dashboard", ignore=shutil.ignore_patterns("__pycache__"))
    luigid_port, dashboard_port = free_port(), free_port()
    text = (project.root / "luigi.cfg").read_text()
    (project.root / "luigi.cfg").write_text(text.replace("scheduler_port = 8082", f"scheduler_port = {luigid_port}"))
    luigid = project.start(sys.executable, "-m", "pipeline", "luigid", "--port", str(luigid_port), **environment)
    streamlit = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(dashboard_port)]
    dashboard = project.start(*streamlit, **environment)
    client = None
    night = None
    seen: set[str] = set()
    try:
        for port in (luigid_port, dashboard_port):
            wait_until_open(port)
        nightly = [sys.executable, "-m", "pipeline", "nightly", "--market", "sample", "--as-of", "2025-01-31", *SMALL, *LENIENT]
        night = project.start(*nightly, **environment)
        while night.poll() is None:
            if client is None and (project.root / "data/mlflow/mlflow.db").exists():
                client = project.start(sys.executable, "-c", CLIENT, **environment)
            seen |= list_family([process.pid for process in (luigid, dashboard, client, night) if process])
            time.sleep(0.1)
        assert night.returncode == 0, night.communicate()[0]
        seen |= list_family([process.pid for process in (luigid, dashboard, client) if process])
        assert [process.poll() for process in (luigid, dashboard, client) if process] == [None, None, None]
    finally:
        for process in filter(None, (luigid, dashboard, client, night)):
            process.kill()
            process.communicate()
    for part in ("pipeline luigid", "streamlit run", "pipeline nightly", "luigi", "MlflowClient"):
        assert any(part in line for line in seen), (part, seen)
    assert not [line for line in seen if "gunicorn" in line]
    assert list((project.root.parent / "marks").iterdir()) == []


def test_an_import_of_it_would_be_noticed(project: Project) -> None:
    environment = lay_marks(project)
    code, printed = project.run(sys.executable, "-c", "import gunicorn, subprocess; subprocess.run(['gunicorn'])", **environment)
    assert code == 0, printed
    assert len(list(Path(environment["GUNICORN_MARKS"]).iterdir())) == 2


def wait_until_open(port: int) -> None:
    ends = time.monotonic() + 60
    while not scheduler.answers("127.0.0.1", port):
        assert time.monotonic() < ends, f"nothing listens on {port}"
        time.sleep(0.1)
