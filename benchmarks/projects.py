"""Throw-away project folders to measure in, and the commands run in them."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """What one command took: seconds by the clock, and of processor time with its children."""

    wall_s: float
    cpu_s: float


@contextlib.contextmanager
def temporary_project() -> Iterator[Path]:
    """Yield a folder with the settings and the code of this checkout, and nothing built."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(REPOSITORY / "pipeline", root / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "luigi.cfg", root)
        try:
            yield root
        finally:
            for path in root.rglob("*"):
                if path.is_dir():
                    path.chmod(0o755)


def run_luigi(root: Path, module: str, *arguments: str) -> Cost:
    """Run one luigi command in `root` with the local scheduler; raises CalledProcessError with its output on failure."""
    luigi = Path(sys.executable).with_name("luigi")
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [luigi, "--module", module, *arguments, "--local-scheduler"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
    )
    wall_s = time.perf_counter() - clock
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
