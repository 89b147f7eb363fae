"""The same inputs give the same bytes: on another day, in another place, language and zone, with other workers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import SMALL, Project

NIGHT = "2025-01-31"

# Moves every clock that libc tells by FAR seconds.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
#define FAR (400L * 24 * 3600 + 12345)
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int found = real(id, t);
    if (id == CLOCK_REALTIME) t->tv_sec += FAR;
    return found;
}
time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture
def another_day(tmp_path: Path) -> dict[str, str]:
    """What makes a process live more than a year later, where a C compiler is there to build it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        return {}
    (tmp_path / "clock.c").write_text(CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", tmp_path / "clock.so", tmp_path / "clock.c", "-ldl"], check=True)
    return {"LD_PRELOAD": "clock.so", "LD_LIBRARY_PATH": str(tmp_path)}  # a path to preload may hold no blank


def another_language() -> str:
    """Return a locale of this machine that writes numbers and days as no English one does, or "C"."""
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout if shutil.which("locale") else ""
    return next((name for name in known.split() if name.startswith(("fr_FR.utf", "de_DE.utf"))), "C")


def test_two_folders_from_the_same_inputs_hold_the_same_bytes(
    project: Project, tmp_path: Path, another_day: dict[str, str]
) -> None:
    other = Project(tmp_path / "somewhere else/with blanks and ümlauts")
    shutil.copytree(project.root, other.root)
    language = another_language()
    circumstances = {"TZ": "Pacific/Kiritimati", "LC_ALL": language, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2", **another_day}
    # A verdict is about a night, and a report too: without one, that of today.
    command = ("Report", "--local-scheduler", "--as-of", NIGHT, *SMALL)

    here = project.luigi(*command, TZ="America/Caracas", LC_ALL="C.UTF-8", PYTHONHASHSEED="1")
    there = other.luigi(*command, "--workers", "2", "--incremental-start-method", "forkserver", **circumstances)

    assert (here[0], there[0]) == (0, 0), here[1] + there[1]
    assert {manifest["task"] for manifest in project.manifests().values()} >= {"Evaluate", "Score", "Promote", "Report"}
    assert other.outputs() == project.outputs()
    if another_day:
        started = [min(manifest["started_at"] for manifest in folder.manifests().values()) for folder in (project, other)]
        assert started[1][:4] > started[0][:4], "the other day was another day"
