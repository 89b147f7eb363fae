"""A project with a few nights of invented adverts, made once for all processes, and the dashboard opened on it."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import page
from pipeline.sample import SamplePlan, write_deliveries
from tests.making import make_once

REPOSITORY = Path(__file__).parents[2]
APP = REPOSITORY / "dashboard" / "frame.py"
NIGHTS = ("2025-01-11", "2025-01-12", "2025-01-13")
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "[click](javascript:document.title='owned') ![x](http://192.0.2.1/pixel.png)",
    '=HYPERLINK("http://192.0.2.1")',
    "$\\href{http://192.0.2.1}{x}$ :red[x]",
)
_SMALL = ("--Train-profile", "quick", "--Train-max-seconds", "0")
_LENIENT = ("--Promote-max-baseline-share", "100", "--Promote-min-judged", "20", "--Promote-coverage-margin-share", "0.5")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of eight deliveries and three nights, which no test may change."""
    return make_once(tmp_path_factory, "dashboard-project", _build)


@pytest.fixture
def project(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as the folder that this test works in; it must not change it."""
    monkeypatch.chdir(built)
    return built


@pytest.fixture
def own_project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, for a test that changes it."""
    root = tmp_path / "own"
    shutil.copytree(built, root, copy_function=shutil.copy2)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Open a page of the dashboard on the project that the test works in; no exception may be left on it, and every picture is checked."""
    monkeypatch.setattr(page, "IS_CHECKED", True)

    def open_one(view: str, *, language: str = "en", market: str = "sample", **session: object) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=60)
        for name, value in {"language": language, "market": market, **session}.items():
            app.session_state[name] = value
        app.switch_page(f"views/{view}.py").run()
        assert not app.exception, [one.value for one in app.exception]
        return app

    yield open_one
    st.cache_data.clear()
    st.cache_resource.clear()


def run_pipeline(root: Path, *arguments: str, module: str = "luigi") -> str:
    """Run a command of the pipeline in a project, and return what it printed."""
    command = [sys.executable, "-m", *module.split(), *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "INCREMENTAL_RUN"}  # a run is named anew
    environment = {**inherited, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_night(root: Path, night: str, *more: str) -> str:
    """Run one night of the sample market, with a model that takes a second."""
    return run_pipeline(
        root,
        "--module",
        "pipeline",
        "Nightly",
        "--market",
        "sample",
        "--as-of",
        night,
        "--local-scheduler",
        *_SMALL,
        *_LENIENT,
        *more,
    )


def all_text(app: AppTest) -> str:
    """Return all that a page says, for a test to look into."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success", "metric", "code")
    told = [str(getattr(element, "value", "")) for kind in kinds for element in app.get(kind)]
    labels = [str(getattr(element, "label", "")) for kind in ("metric", "selectbox", "button") for element in app.get(kind)]
    return "\n".join([*told, *labels])


def _build(root: Path) -> None:
    root.mkdir(parents=True)
    settings = (REPOSITORY / "luigi.cfg").read_text(encoding="utf-8")
    log = f"logging_conf_file = {REPOSITORY / 'pipeline' / 'logging.cfg'}"
    (root / "luigi.cfg").write_text(re.sub(r"(?m)^logging_conf_file = .*$", lambda _: log, settings), encoding="utf-8")
    write_deliveries(root / "data/raw/sample", SamplePlan(rows=900, nights=8, seed=0))
    _add_hostile_adverts(root / "data/raw/sample" / f"{NIGHTS[-1]}.csv")
    for night in NIGHTS:
        run_night(root, night)


def _add_hostile_adverts(path: Path) -> None:
    """Let some adverts of the newest delivery say what a browser, Markdown or a spreadsheet would obey."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for number, text in enumerate(HOSTILE):
        link = f"https://www.avito.example/fr/rabat/voitures/x_5999999{number}.htm"
        rows.append({**rows[number], "Lien": link, "Modèle": text, "Secteur": text})
    rows[0]["Prix"] = HOSTILE[0]  # rejected: its cells are shown
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
