"""A tiny project on the real graph, and a way to say what a change made run.

Tasks run in this process, so that a case costs a second instead of ten. Code is edited in a copy of the package that
only the digests are taken from: what runs does not change, so a stage whose code was edited rebuilds to the same
bytes. `tests/acceptance` edits code for real.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import luigi
import pytest
from luigi.task_register import Register

from pipeline import Evaluate, paths
from pipeline.incremental import task as incremental_task
from pipeline.incremental.errors import UserError
from pipeline.incremental.explain import Plan
from pipeline.incremental.plan import make_plan
from pipeline.incremental.workspace import Workspace
from pipeline.sample import SamplePlan, write_deliveries
from pipeline.services import probe
from pipeline.tasks import DatedStage

SETTINGS = {
    ("Train", "profile"): "quick",
    ("Train", "max_listings"): "100",
    ("Train", "max_seconds"): "0",
    ("Split", "min_judged"): "20",
    ("Promote", "max_baseline_share"): "1000",
    ("Promote", "min_judged"): "20",
    ("Promote", "coverage_margin_share"): "0.5",
}
_run_numbers = itertools.count(1)
MARKET_TOML = """
like = "avito_ma"
title = "Tiny"
synthetic = true

[check]
max_rejected_share = 0.5
min_accepted_rows = 10
"""


class Project:
    """One project folder; every `run` is a new look at it, as a new process would have."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.raw = root / "data/raw/tiny"
        self.source = root / "source"
        self.toml = root / "markets/tiny.toml"
        self._monkeypatch = monkeypatch
        self.job: type[DatedStage] = Evaluate
        self.last_run = ""
        self.plan: Plan | None = None

    def run(self, as_of: date | None = None, **settings: str) -> list[str]:
        """Run the job and return the families of the tasks that committed a result, sorted."""
        return sorted(manifest["task"] for manifest in self.run_manifests(as_of, **settings))

    def run_manifests(self, as_of: date | None = None, **settings: str) -> list[dict]:
        """Run the job with settings like Train_seed="1"; it must succeed. Return what was committed."""
        assert self.try_run(as_of, **settings)
        return self.committed_by(self.last_run)

    def try_run(self, as_of: date | None = None, **settings: str) -> bool:
        """Run the job; say whether it succeeded. Where it did, what `explain` had said before must have come true."""
        self.last_run = f"run-{next(_run_numbers):04d}"
        self._monkeypatch.setenv("INCREMENTAL_RUN", self.last_run)
        with self.settings(**settings):
            self.forget()
            self.plan = self._foresee(as_of)
            self.forget()
            succeeded = luigi.build(
                [self.job(market="tiny", as_of=as_of)], local_scheduler=True, logging_conf_file="", log_level="WARNING"
            )
        if succeeded and self.plan is not None:
            self._compare_with_plan(self.plan)
        return succeeded

    def _foresee(self, as_of: date | None) -> Plan | None:
        try:
            return make_plan(self.job(market="tiny", as_of=as_of))
        except UserError:
            return None

    def _compare_with_plan(self, plan: Plan) -> None:
        built = Counter(manifest["task"] for manifest in self.committed_by(self.last_run))
        certain, possible = (Counter(verdict.family for verdict in plan.of(outlook)) for outlook in ("runs", "may run"))
        assert certain <= built <= certain + possible, plan.tree()
        for verdict in plan.verdicts.values():
            assert bool(verdict.causes) == (verdict.outlook != "reused"), plan.tree()

    def command(self, run: Callable[[Namespace], int], **options: object) -> int:
        """Run a command of `python -m pipeline` as a new process would; return its exit code."""
        with self.settings():
            self.forget()
            return run(Namespace(**options))

    def forget(self) -> None:
        """Forget what a process remembers."""
        Register.clear_instance_cache()
        incremental_task._version.cache_clear()
        workspace = Workspace(
            "pipeline", self.source, Path("data"), skipped=("pipeline.incremental",), more_results=(paths.MODELS,)
        )
        self._monkeypatch.setattr(paths, "workspace", lambda: workspace)
        for name in ("tracking", "model_registry"):
            if store := sys.modules.get(f"mlflow.store.{name}.sqlalchemy_store"):
                store.SqlAlchemyStore._engine_map.clear()  # a database that was deleted lives on in its connections

    def committed_by(self, run: str) -> list[dict]:
        manifests = [json.loads(path.read_text()) for path in self.manifests()]
        return [manifest for manifest in manifests if manifest["run"] == run]

    def manifests(self) -> list[Path]:
        return sorted([*self.root.glob("data/[!.]*/[!.]*/manifest.json"), *self.root.glob("models/[!.]*/manifest.json")])

    def age(self, days: float) -> None:
        """Make every result that many days older."""
        for path in self.manifests():
            then = path.stat().st_mtime - days * 24 * 3600
            os.utime(path.parent, (then, then))

    def current(self) -> dict:
        return json.loads((self.root / "data/current/tiny.json").read_text())

    def result(self, stage: str) -> Path:
        return self.root / self.current()["stages"][stage]

    def account(self) -> dict:
        return json.loads((self.result("check") / "account.json").read_text())

    def edit(self, path: Path, before: str, after: str) -> None:
        """Replace text that must be there, in a file that may be read-only."""
        text = path.read_text()
        assert before in text, f"{path} does not hold {before!r}"
        path.write_text(text.replace(before, after, 1))

    def edit_code(self, module: str, before: str, after: str) -> None:
        self.edit(self.source / module, before, after)

    def damage(self, path: Path) -> Path:
        """Make a committed file writable and return it."""
        path.parent.chmod(0o755)
        path.chmod(0o644)
        return path

    def settings(self, **settings: str) -> _config:
        """Return Luigi's settings as those of a run, for a `with`."""
        return _config({**SETTINGS, **{tuple(name.split("_", 1)): value for name, value in settings.items()}})


class _config:  # noqa: N801
    """Luigi's settings for the length of one run."""

    def __init__(self, settings: dict[tuple[str, str], str]) -> None:
        self._settings = {**settings, ("pipeline", "markets"): "markets"}
        self._before: dict[tuple[str, str], str | None] = {}

    def __enter__(self) -> None:
        config = luigi.configuration.get_config()
        for (section, name), value in self._settings.items():
            self._before[section, name] = config.get(section, name, None)
            config.set(section, name, value)

    def __exit__(self, *_: object) -> None:
        config = luigi.configuration.get_config()
        for (section, name), value in self._before.items():
            if value is None:
                config.remove_option(section, name)
            else:
                config.set(section, name, value)


@pytest.fixture(autouse=True)
def probe_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process do what a fresh one is started for: it would spend three seconds on imports. Whoever starts one is in `tests/acceptance`."""
    run = subprocess.run

    def run_here(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[1:3] != ["-m", probe.__name__]:
            return run(command, **options)
        stderr = io.StringIO()
        with contextlib.redirect_stderr(stderr), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", command[2:])
            code = probe.main()
        return subprocess.CompletedProcess(command, code, "", stderr.getvalue())

    monkeypatch.setattr(subprocess, "run", run_here)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that was run once; tests get copies of it."""
    root = tmp_path_factory.mktemp("built")
    shutil.copytree(paths.PACKAGE, root / "source", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "markets").mkdir()
    (root / "markets/tiny.toml").write_text(MARKET_TOML)
    write_deliveries(root / "data/raw/tiny", SamplePlan(rows=400, nights=3, seed=1))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(root)
        project = Project(root, monkeypatch)
        first = project.run()
        assert first == sorted(["Ingest"] * 3 + ["Check", "Clean", "Split", "Train", "Evaluate"])
    yield root
    for path in root.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A copy of the built project, as the current folder."""
    with copied(built, tmp_path, monkeypatch) as project:
        yield project


@contextlib.contextmanager
def copied(original: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Copy a project that was built, and make the copy the current folder; its folders may be deleted in the end."""
    root = folder / "project"
    shutil.copytree(original, root)
    monkeypatch.chdir(root)
    yield Project(root, monkeypatch)
    for path in root.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Library versions to pretend."""
    pretended: dict[str, str] = {}
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: pretended.get(name) or real(name))
    return pretended
