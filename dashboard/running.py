"""Running: what runs did, as tables that a page shows: tasks by stage and state, and why; free of Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from dashboard.reading import GRAPH
from dashboard.words import Words, mark
from pipeline.incremental import ledger

WAITING = "waiting"
STATES = {
    "built": mark("built"),
    "reused": mark("reused"),
    "running": mark("running"),
    WAITING: mark("waiting"),
    "failed": mark("failed"),
    "not run": mark("not run"),
    "not finished": mark("not finished"),
}
RUN_STATES = {
    ledger.RUNNING: mark("running"),
    ledger.DONE: mark("done"),
    ledger.FAILED: mark("failed"),
    ledger.KILLED: mark("killed"),
    ledger.INTERRUPTED: mark("interrupted"),
}
REASONS = {
    "first run": mark("first run"),
    "input changed": mark("input changed"),
    "parameter changed": mark("parameter changed"),
    "code changed": mark("code changed"),
    "library changed": mark("library changed"),
    "damaged": mark("result damaged"),
    "forced": mark("forced"),
    "upstream": mark("what it rests on is rebuilt"),
}


def state_of(task: Mapping[str, Any]) -> str:
    """Return a task's state: its outcome, or that it waits."""
    return str(task["outcome"] or WAITING)


def tell_run_state(record: Mapping[str, Any], told: Words) -> str:
    """Name the state of a run."""
    return told.say(RUN_STATES.get(record["state"], record["state"]))


def tell_state(state: str, told: Words) -> str:
    """Name the state of a task."""
    return told.say(STATES.get(state, state))


def tell_causes(task: Mapping[str, Any], told: Words) -> str:
    """Say why a task ran, or that it did not have to."""
    state = state_of(task)
    if state == "reused":
        return (
            told.say("nothing it rests on changed") if task["outlook"] == "reused" else told.say("its inputs came out the same")
        )
    return "; ".join(_tell_cause(cause, told) for cause in task["causes"])


def count(tasks: Iterable[Mapping[str, Any]], state: str) -> int:
    """Count the tasks in a state."""
    return sum(state_of(task) == state for task in tasks)


def seconds_of(record: Mapping[str, Any]) -> float | None:
    """Return how long a run took, None where its end is not known."""
    if not record["ended_at"]:
        return None
    return (datetime.fromisoformat(record["ended_at"]) - datetime.fromisoformat(record["started_at"])).total_seconds()


def fold_tasks(tasks: Sequence[Mapping[str, Any]], told: Words) -> pd.DataFrame:
    """Return a row for each task, or for many of one stage, state and cause: task, state, why, n, seconds, made_at, place."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for task in tasks:
        state = state_of(task)
        groups.setdefault((task["family"], state, tell_causes(task, told), _night_of(task)), []).append(task)
    rows = []
    for (family, state, why, _), members in groups.items():
        last = max(members, key=lambda task: task.get("started_at", ""))
        rows.append(
            {
                "task": str(last.get("label", last["name"])) if len(members) == 1 else f"{family} × {len(members)}",
                "state": state,
                "why": why,
                "seconds": sum(task["seconds"] or 0.0 for task in members),
                "made_at": last.get("started_at", ""),
                "place": last["place"] if len(members) == 1 else "",
            }
        )
    return pd.DataFrame(rows, columns=["task", "state", "why", "seconds", "made_at", "place"])


def sum_stages(tasks: Sequence[Mapping[str, Any]], told: Words) -> pd.DataFrame:
    """Return a row per stage and state, in the graph's order: stage, state, seconds, and on each stage's first row total and text."""
    rows = []
    for stage in sorted({task["family"] for task in tasks}, key=order_of):
        members = [task for task in tasks if task["family"] == stage]
        states = [state for state in STATES if count(members, state)]
        total = sum(task["seconds"] or 0.0 for task in members)
        text = f"{_tell_counts(members, states, told)} · {told.seconds(total)}"
        for place, state in enumerate(states):
            seconds = sum(task["seconds"] or 0.0 for task in members if state_of(task) == state)
            first = {"total": total, "text": text} if place == 0 else {"total": None, "text": None}
            rows.append({"stage": stage, "state": state, "seconds": seconds, **first})
    return pd.DataFrame(rows, columns=["stage", "state", "seconds", "total", "text"])


def order_of(family: str) -> int:
    """Return a family's place in the graph; what is no stage comes last."""
    return GRAPH.index(family.lower()) if family.lower() in GRAPH else len(GRAPH)


def read_moments(times: Iterable[str]) -> pd.Series:
    """Return ISO times, which are UTC, as times of this machine that tables can sort; "" is an unknown one."""
    known = [datetime.fromisoformat(at).astimezone().replace(tzinfo=None) if at else None for at in times]
    return pd.Series(known, dtype="datetime64[s]")


def _tell_counts(members: Sequence[Mapping[str, Any]], states: Sequence[str], told: Words) -> str:
    if len(members) == 1:
        return tell_state(states[0], told)
    return ", ".join(f"{told.number(count(members, state))} {tell_state(state, told)}" for state in states)


def _tell_cause(cause: Mapping[str, str], told: Words) -> str:
    reason = told.say(REASONS.get(cause["reason"], cause["reason"]))
    return told.pair(reason, told.retell(cause["detail"])) if cause["detail"] else reason


def _night_of(task: Mapping[str, Any]) -> str:
    return str(task.get("label", task["name"])).removeprefix(task["name"])
