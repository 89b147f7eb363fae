"""The ledger: one record per run in `runs/`, opened when it starts and closed when it ends, however it ends.

A run holds a lock for as long as it lives; a record that is open though nobody holds its lock is that of a run that
was killed, which the next run finds and closes.
"""

from __future__ import annotations

import contextlib
import html
import json
import logging
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from pipeline.incremental import store
from pipeline.incremental.explain import Plan
from pipeline.incremental.manifest import Manifest
from pipeline.incremental.records import parse_json
from pipeline.incremental.usage import INTERRUPTED_CODE
from pipeline.incremental.workspace import Workspace, run_id

RUNNING, DONE, FAILED, KILLED, INTERRUPTED = "running", "done", "failed", "killed", "interrupted"
Outcome = tuple[str, str, float | None]


class _Task(TypedDict):
    """What a record says of a task at least."""

    name: str
    family: str
    outlook: str
    causes: list[dict[str, str]]
    seconds: float | None
    place: str
    outcome: str | None


class _Record(TypedDict):
    """What a record says at least."""

    run: str
    command: str
    root: str
    subject: str
    state: str
    exit: int | None
    started_at: str
    ended_at: str | None
    tasks: list[_Task]
    messages: list[str]
    summary: list[str]


_KILLED = (
    "The run ended without a word, as was found at {}: it was killed, its record could not be written, or the machine went down."
)
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25}
ul{padding-left:1.2rem}
.messages{list-style:none;margin:1rem 0;padding:.5rem .8rem;border:1px solid #8886;border-left:.4rem solid #c2410c}
table{border-collapse:collapse;width:100%}
td,th{padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid #8886}
th,td:nth-child(2),td:last-child,.number{white-space:nowrap}td:first-child{min-width:14rem}
.number{text-align:right}
@media(max-width:64rem){
thead{display:none}tr,td{display:block}tr{padding:.5rem 0;border-bottom:1px solid #8886}
td,td:last-child{padding:0;border:0;white-space:normal}td:first-child{font-weight:600}td:empty{display:none}
td.number{text-align:left}td.number::after{content:" s"}
}
"""  # a task is a row where there is room, and a paragraph on a phone
_log = logging.getLogger("pipeline")
_NEWEST = 50  # records looked at: nights without end leave thousands


class Ledger:
    """The record of this run."""

    def __init__(self, workspace: Workspace, root: str, subject: str) -> None:
        """Open the record of a run that is asked for one task, after clearing up behind runs that were killed."""
        data = workspace.data
        self._folder = data / "runs"
        self._locks = data / "locks"
        self._hold = contextlib.ExitStack()
        self._workspace = workspace
        self._is_lost = False
        with store.locked(self._locks / "ledger.lock"):
            self._clear_up()
            self._hold.enter_context(store.locked(self._lock_of(run_id())))
        self._record: dict[str, Any] = {
            "run": run_id(),
            "command": " ".join(["luigi", *sys.argv[1:]]),
            "root": root,
            "subject": subject,
            "state": RUNNING,
            "exit": None,
            "started_at": _now(),
            "ended_at": None,
            "tasks": [],
            "messages": [],
            "summary": [],
        }
        self._write()

    def plan(self, plan: Plan) -> None:
        """Write down what will become of each task, and why."""
        self._record["tasks"] = [
            {
                "name": verdict.name,
                "label": label,
                "family": verdict.family,
                "outlook": verdict.outlook,
                "causes": [asdict(cause) for cause in verdict.causes],
                "seconds": verdict.seconds,
                "place": verdict.place,
                "outcome": "reused" if verdict.outlook == "reused" else None,
            }
            for label, verdict in plan.verdicts.items()
        ]
        self._write()

    def close(self, code: int, outcomes: dict[str, Outcome], messages: list[str], summary: list[str]) -> None:
        """Write down how it ended: `outcomes` holds each task's (outcome, place, seconds if known) by label."""
        for task in self._record["tasks"]:
            outcome, place, seconds = outcomes.get(task["label"], ("not run", task["place"], None))
            task |= {"outcome": outcome, "place": place, "seconds": seconds}
        state = {0: DONE, INTERRUPTED_CODE: INTERRUPTED}.get(code, FAILED)
        self._record |= {"state": state, "exit": code, "ended_at": _now(), "messages": messages, "summary": summary}
        self._write()
        self._hold.close()
        with contextlib.suppress(OSError), store.locked(self._locks / "ledger.lock"):  # another may have been killed meanwhile
            self._clear_up()

    def _clear_up(self) -> None:
        data = self._workspace.data
        close_killed(self._workspace)
        if not running(data):
            store.sweep_all(data, self._workspace.more_results, self._workspace.foreign)

    def _write(self) -> None:
        try:
            _write_record(self._folder, self._record)
        except OSError as error:  # a full disk fails the run where it matters, with a message
            if not self._is_lost:
                _log.warning("The record of this run cannot be written: %s: %s.", error.filename or self._folder, error.strerror)
            self._is_lost = True

    def _lock_of(self, run: str) -> Path:
        return self._locks / f"run-{run}.lock"


def read_records(data: Path, limit: int | None = None) -> list[dict[str, Any]]:
    """Return the records of past runs, the newest first; damaged ones are passed over."""
    records = []
    for path in sorted((data / "runs").glob("[!.]*.json"), reverse=True)[:limit]:
        with contextlib.suppress(OSError, ValueError):
            records.append(_read(path))
    return records


def read_record(data: Path, run: str) -> dict[str, Any]:
    """Return the record of one run, empty where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError):
        return _read(data / "runs" / f"{run}.json")
    return {}


def _read(path: Path) -> dict[str, Any]:
    """Read a record. Raises ValueError where it is not whole, or is that of another run: by that name files are dropped."""
    record: dict[str, Any] = parse_json(path.read_bytes(), dict[str, Any])
    msgspec.convert(record, _Record)
    if record["run"] != path.stem:
        raise ValueError(f"{path} is the record of another run")
    return record


def close_killed(workspace: Workspace) -> list[str]:
    """Close the records of runs that ended without closing them; return their names."""
    data = workspace.data
    open_records = {record["run"] for record in read_records(data, _NEWEST) if record["state"] == RUNNING}
    locks = {path.stem.removeprefix("run-"): path for path in (data / "locks").glob("run-*.lock")}
    closed = []
    for run in sorted(open_records | locks.keys()):
        lock = locks.get(run)
        if run == run_id() or (lock and store.is_held(lock)):
            continue
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            record = _read(data / "runs" / f"{run}.json")
            tasks = _finish_tasks(record["tasks"], run, workspace)
            _write_record(data / "runs", record | {"state": KILLED, "tasks": tasks, "messages": [_KILLED.format(_now())]})
            closed.append(run)
        if lock:
            lock.unlink(missing_ok=True)
    return closed


def _finish_tasks(tasks: list[dict[str, Any]], run: str, workspace: Workspace) -> list[dict[str, Any]]:
    """Say what became of the tasks of a run that could not: what it committed has manifests that name it."""
    built: dict[str, list[tuple[str, Path, Manifest]]] = {}
    for folder in workspace.results():
        if (found := Manifest.read(folder)) and found.run == run:
            built.setdefault(found.name, []).append((found.started_at, folder, found))
    for task in tasks:
        results = sorted(built.get(task["name"], []), key=lambda result: result[0])
        if results:  # more than one where a run was asked for several nights, which it takes in their order
            built[task["name"]] = results[1:]
            _, folder, manifest = results[0]
            task |= {"outcome": "built", "place": folder.as_posix(), "seconds": manifest.duration_s}
        elif task["outcome"] is None:
            task |= {"outcome": "not finished", "seconds": None}
    return tasks


def running(data: Path) -> list[str]:
    """Name the runs that are alive."""
    paths = (data / "locks").glob("run-*.lock")
    return sorted(path.stem.removeprefix("run-") for path in paths if store.is_held(path))


def last_places(data: Path, subject: str, names: set[str]) -> dict[str, str]:
    """Return the place of each task's result in the newest run that had one, among the newest runs about that subject."""
    places: dict[str, str] = {}
    about = f'"subject": {json.dumps(subject, ensure_ascii=False)}'.encode()  # looked for in the text: most records are others'
    looked_at = 0
    for path in sorted((data / "runs").glob("[!.]*.json"), reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            content = path.read_bytes()
            if about not in content:
                continue
            looked_at += 1
            for task in reversed(_read(path)["tasks"]):  # of a run over several nights the last one counts
                if task["outcome"] in ("built", "reused") and task["name"] in names and task["place"]:
                    places.setdefault(task["name"], task["place"])
        if names <= places.keys() or looked_at == _NEWEST:
            break
    return places


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    store.replace_text(folder / f"{record['run']}.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n", durable=False)
    store.replace_text(folder / f"{record['run']}.html", _page(record), durable=False)


def _page(record: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{_text(task.get('label', task['name']))}<td>{_text(task['outcome'] or task['outlook'])}"
        f"<td>{_text('; '.join(tell_cause(cause) for cause in task['causes']))}<td class=number>{_seconds(task['seconds'])}<td>{_text(task['place'])}"
        for task in record["tasks"]
        if task["outcome"] != "reused"
    )
    table = f"<table><thead><tr><th>task<th>outcome<th>why<th class=number>seconds<th>result<tbody>{rows}</table>" if rows else ""
    reused = [task for task in record["tasks"] if task["outcome"] == "reused"]
    saved = f"<p>{len(reused)} tasks reused; that saved {sum(task['seconds'] for task in reused):.1f} s." if reused else ""
    ended = f", ended {record['ended_at']}, exit {record['exit']}" if record["ended_at"] else ""
    title = f"{_text(record['root'])} {_text(record['subject'])}: {_text(record['state'])}"
    return (
        '<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        f"<p>Run {_text(record['run'])}, started {_text(record['started_at'])}{_text(ended)}.<p><code>{_text(record['command'])}</code>"
        f"{_list(record['messages'], 'messages')}{_list(record['summary'], 'summary')}{table}{saved}</html>\n"
    )


def _list(lines: list[str], name: str) -> str:
    return f"<ul class={name}>{''.join(f'<li>{_text(line)}' for line in lines)}</ul>" if lines else ""


def tell_cause(cause: dict[str, str]) -> str:
    """Return a recorded cause in words."""
    return f"{cause['reason']}: {cause['detail']}" if cause["detail"] else cause["reason"]


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"


def _text(value: object) -> str:
    return html.escape(str(value))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
