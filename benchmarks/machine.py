"""What a measurement was made on."""

from __future__ import annotations

import os
import platform
from importlib import metadata

LIBRARIES = ("luigi", "pandas", "pyarrow", "duckdb", "scikit-learn")


def describe_machine() -> str:
    """Return the machine and the versions as one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}, {versions}"
