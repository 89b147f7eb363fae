"""A project folder of its own for each test, and the real commands run in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.sample import SamplePlan, write_deliveries
from tests.making import make_once

REPOSITORY = Path(__file__).parents[2]
# A model of a moment and of few listings, so that others are better, fitted in the run's own process: a child would import all anew.
SMALL = ("--Train-profile", "quick", "--Train-max-listings", "150", "--Train-max-seconds", "0")
LENIENT = ("--Promote-max-baseline-share", "100", "--Promote-min-judged", "20", "--Promote-coverage-margin-share", "0.5")
NIGHTS = SamplePlan(rows=400, nights=3)
BIN = Path(sys.executable).parent


# Root may read and write anywhere; without these capabilities it may not.
_BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
# No file may grow above 20 blocks of 512 bytes.
_NO_ROOM = ("sh", "-c", 'ulimit -f 20; exec "$@"', "sh")
CAN_BE_BOUND = not _BOUND or shutil.which("setpriv") is not None


class Project:
    """A project folder with the package's own code in it, so that tests may edit that code."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def start(
        self, *command: str | Path, bound_by_permissions: bool = False, no_room: bool = False, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a command in a session of its own, so that a test can end it with all its children."""
        inherited = {name: value for name, value in os.environ.items() if name != "INCREMENTAL_RUN"}  # a run is named anew
        return subprocess.Popen(
            [*(_BOUND if bound_by_permissions else ()), *(_NO_ROOM if no_room else ()), *(str(part) for part in command)],
            cwd=self.root,
            env={**inherited, "PYTHONPATH": str(self.root), "OMP_NUM_THREADS": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start_luigi(self, *arguments: str, **environment: Any) -> subprocess.Popen[str]:
        return self.start(BIN / "luigi", "--module", "pipeline", *arguments, **environment)

    def run(self, *command: str | Path, **environment: Any) -> tuple[int, str]:
        """Run a command to its end; return its exit code and all that it printed."""
        process = self.start(*command, **environment)
        printed, _ = process.communicate(timeout=300)
        return process.returncode, printed

    def luigi(self, *arguments: str, **environment: Any) -> tuple[int, str]:
        return self.run(BIN / "luigi", "--module", "pipeline", *arguments, **environment)

    def evaluate(self, *arguments: str, **environment: Any) -> tuple[int, str]:
        return self.luigi("Evaluate", "--local-scheduler", *SMALL, *arguments, **environment)

    def promote(self, *arguments: str, **environment: Any) -> tuple[int, str]:
        """Run up to a verdict on a model that is far too small to be promoted by the rules as they are."""
        return self.luigi("Promote", "--local-scheduler", *SMALL, *LENIENT, *arguments, **environment)

    def pipeline(self, *arguments: str) -> tuple[int, str]:
        return self.run(sys.executable, "-m", "pipeline", *arguments)

    def manifests(self) -> dict[str, dict]:
        """Return every committed manifest by its folder."""
        paths = [*self.root.glob("data/[!.]*/[!.]*/manifest.json"), *self.root.glob("models/[!.]*/manifest.json")]
        return {path.parent.relative_to(self.root).as_posix(): json.loads(path.read_text()) for path in sorted(paths)}

    def outputs(self) -> dict[str, str]:
        """Return the digest of every committed file but the manifests."""
        return {
            f"{folder}/{name}": hashlib.sha256((self.root / folder / name).read_bytes()).hexdigest()
            for folder, manifest in self.manifests().items()
            for name in manifest["files"]
        }

    def records(self) -> list[dict]:
        """Return the records of all runs, the oldest first."""
        return [json.loads(path.read_text()) for path in sorted(self.root.glob("data/runs/*.json"))]

    def leftovers(self) -> list[str]:
        """Return what a clean end leaves none of: drafts, half-built folders, locks."""
        found = [*self.root.glob("data/**/.*"), *self.root.glob("models/.*"), *self.root.glob("data/locks/*")]
        return sorted(path.relative_to(self.root).as_posix() for path in found if path.name != ".gitignore")

    def metrics(self, market: str = "sample") -> dict:
        current = json.loads((self.root / f"data/current/{market}.json").read_text())
        return json.loads((self.root / current["stages"]["evaluate"] / "metrics.json").read_text())


def new_project(root: Path) -> Project:
    """Make a project with the code and the settings of this checkout, and no deliveries."""
    shutil.copytree(REPOSITORY / "pipeline", root / "pipeline")
    shutil.copy(REPOSITORY / "luigi.cfg", root)
    return Project(root)


def give_back(root: Path) -> None:
    """Let pytest delete what is read-only."""
    for path in root.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with three small nights of the sample market."""
    root = tmp_path / "project"
    project = new_project(root)
    write_deliveries(root / "data/raw/sample", NIGHTS)
    yield project
    give_back(root)


@pytest.fixture
def evaluated(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The same project, once `Evaluate` has run there."""
    root = tmp_path / "project"
    shutil.copytree(make_once(tmp_path_factory, "evaluated", _evaluate), root, copy_function=shutil.copy2)
    yield Project(root)
    give_back(root)


def _evaluate(root: Path) -> None:
    project = new_project(root)
    write_deliveries(root / "data/raw/sample", NIGHTS)
    code, printed = project.evaluate()
    assert code == 0, printed
