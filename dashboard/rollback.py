"""Rollback: the one thing that the dashboard asks of the pipeline, as a command of its own; free of Streamlit."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pipeline

_MAX_S = 300


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code (None: it had to be ended)."""

    code: int | None
    message: str


def roll_back(market: str, version: str, reason: str, who: str) -> Answer:
    """Make a former champion the champion; `who`, an address, goes into the journal behind the reason."""
    return _run(f"--market={market}", f"--to={version}", f"--reason={_sign(reason, who)}")


def lift(market: str, version: str, reason: str, who: str) -> Answer:
    """Lift the bar of a version."""
    return _run(f"--market={market}", f"--lift={version}", f"--reason={_sign(reason, who)}")


def _sign(reason: str, who: str) -> str:
    text = " ".join(reason.split())
    return f"{text} ({who})".strip() if who else text


def _run(*arguments: str) -> Answer:
    """Run the pipeline that the dashboard reads with; each argument is joined to its option, so that none is taken for one."""
    paths = [str(Path(pipeline.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    command = [sys.executable, "-m", "pipeline", "rollback", *arguments]
    try:
        done = subprocess.run(  # noqa: S603  # a list of arguments and no shell
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=_MAX_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Answer(None, "")
    return Answer(done.returncode, (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip())
