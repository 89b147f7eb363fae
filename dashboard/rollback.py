"""Rollback: the one thing that the dashboard asks of the pipeline, as a command of its own; free of Streamlit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipeline
from dashboard import reading
from pipeline.champion import Champion

_MAX_S = 300


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code (None: it had to be ended)."""

    code: int | None
    message: str


@dataclass(frozen=True)
class Request:
    """What was clicked: `lifts` a bar or rolls back; `drawn` marks the decision that the page showed, `again` is what was typed to confirm."""

    lifts: bool
    market: str
    version: str
    drawn: str
    reason: str
    again: str


FORBIDDEN, UNCONFIRMED, MOVED = "forbidden", "unconfirmed", "moved"
ANSWER = "rollback-answer"
# A second click runs beside the first one, in another thread, and what the first one writes into the session is lost then.
_one_at_a_time = threading.Lock()
_done: dict[Request, Answer] = {}


def mark_decision(champion: Champion) -> str:
    """Return what changes with every decision about the champion."""
    return f"{champion.market}-{champion.seat.version}-{champion.decision.get('id', '')}"


def act(request: Request, session: MutableMapping[Any, Any], *, may: bool, who: str) -> None:
    """Do what was clicked, once, and keep the answer in the session: the command's, or why nothing was done.

    Asked again are whether whoever clicked may, and whether the champion is still the one that the page showed. A second click waits for
    the first one and gets its answer.
    """
    with _one_at_a_time:
        known = _done.get(request) if may else None
        session[ANSWER] = known or _refuse(request, may=may) or _run_once(request, who)


def _run_once(request: Request, who: str) -> Answer:
    answer = (lift if request.lifts else roll_back)(request.market, request.version, request.reason, who)
    if answer.code == 0:
        _done[request] = answer
    return answer


def _refuse(request: Request, *, may: bool) -> str:
    if not may:
        return FORBIDDEN
    if request.again.strip() != request.version or not (request.lifts or request.reason.strip()):
        return UNCONFIRMED
    champion = reading.read_market(request.market).champion
    return "" if champion and mark_decision(champion) == request.drawn else MOVED


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
