"""What several tests begin with is made once, for all processes that run them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of that name, which the first process that asks for it makes; no test may change it."""
    shared = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    root, is_whole = shared / name, shared / f"{name}.whole"
    with (shared / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not is_whole.exists():
            shutil.rmtree(root, ignore_errors=True)
            make(root)
            is_whole.touch()
    return root
