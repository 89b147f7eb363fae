"""The account of a run: what was planned, what came of it, and what a person is told of both."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

from pipeline.incremental.errors import UserError
from pipeline.incremental.explain import Plan
from pipeline.incremental.ledger import Ledger, Outcome
from pipeline.incremental.plan import make_plan, walk
from pipeline.incremental.progress import Progress
from pipeline.incremental.task import IncrementalTask
from pipeline.incremental.workspace import run_id

_log = logging.getLogger("pipeline")


class RunAccount:
    """Follows one run from its first task to its end."""

    def __init__(self, root: IncrementalTask) -> None:
        """Open the record of a run that is asked for `root`."""
        self._root = root
        self._plan = Plan()
        self._tasks: dict[str, Any] = {}
        self._started: dict[str, float] = {}
        self._failed: dict[str, float | None] = {}
        self._progress = Progress(self._plan)
        self._ledger = Ledger(root.workspace(), root.task_family, root.subject)

    @classmethod
    def open(cls, task: Any) -> RunAccount | None:
        """Open an account where the task is one of ours."""
        return cls(task) if isinstance(task, IncrementalTask) else None

    def plan(self) -> None:
        """Say what will run and why; a wrong input says so when its task is run."""
        with contextlib.suppress(UserError, LookupError):
            self._tasks = {task.name: task for task in walk(self._root)}
            self._plan = make_plan(self._root)
            self._ledger.plan(self._plan)
            for line in self._plan.lines():
                _log.info(line)
        self._progress = Progress(self._plan)

    def start(self, task_id: str) -> None:
        """Hear that a task begins."""
        name = self._name(task_id)
        self._started[name] = time.monotonic()
        self._progress.start(name)

    def hear(self, task_id: str, *, failed: bool) -> None:
        """Hear that a task ended."""
        name = self._name(task_id)
        self._progress.advance(name)
        if failed:
            self._failed[name] = round(time.monotonic() - self._started[name], 3) if name in self._started else None

    def wait(self) -> None:
        """Hear that nothing happened yet."""
        self._progress.draw()

    def _name(self, task_id: str) -> str:
        return next((name for name, task in self._tasks.items() if task.task_id == task_id), "")

    def close(self, code: int, messages: list[str]) -> None:
        """Tell what came out, and close the record."""
        self._progress.close()
        summary: list[str] = []
        outcomes: dict[str, Outcome] = {}
        for name, task in self._tasks.items():
            with contextlib.suppress(UserError, LookupError):
                outcomes[name] = self._outcome(name, task)
                if isinstance(task, IncrementalTask) and task.is_committed():
                    summary.extend(f"{task.task_family:<9} {line}" for line in task.summary())
        for line in summary:
            _log.info(line)
        self._ledger.close(code, outcomes, messages, summary)

    def _outcome(self, name: str, task: Any) -> Outcome:
        if not isinstance(task, IncrementalTask) or not task.is_committed():
            return "failed" if name in self._failed else "not run", "", self._failed.get(name)
        is_built = task.manifest.run == run_id()
        return "built" if is_built else "reused", task.folder.as_posix(), task.manifest.duration_s
