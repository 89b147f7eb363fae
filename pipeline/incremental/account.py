"""The account of a run: what was planned, what came of it, and what a person is told of both."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from luigi.tools.range import RangeBase

from pipeline.incremental.errors import UserError, explain_place
from pipeline.incremental.explain import Plan
from pipeline.incremental.ledger import Ledger, Outcome
from pipeline.incremental.plan import make_plan, walk
from pipeline.incremental.progress import Progress
from pipeline.incremental.task import IncrementalTask
from pipeline.incremental.workspace import run_id

_log = logging.getLogger("pipeline")


class RunAccount:
    """Follows one run from its first task to its end.

    A run of Luigi's RangeDaily is asked for several tasks that differ by a date: they have one name, so each goes by its label.
    """

    def __init__(self, family: str, about: IncrementalTask, roots: Sequence[IncrementalTask]) -> None:
        """Open the record of a run that is asked for `roots`, all of them about the same as `about`; raises UserError where it cannot."""
        self._roots = roots
        self._is_range = family != about.task_family
        self._plan = Plan()
        self._tasks: dict[str, Any] = {}
        self._shown: dict[str, Any] = {}
        self._started: dict[str, float] = {}
        self._failed: dict[str, float | None] = {}
        self._progress = Progress(self._plan)
        try:
            self._ledger = Ledger(about.workspace(), family, about.subject)
        except OSError as error:
            raise explain_place(error, "The record of the run", about.workspace().data.absolute()) from None

    @classmethod
    def open(cls, task: Any) -> RunAccount | None:
        """Open an account where the task is one of ours, or a range of such; raises UserError where it cannot."""
        if isinstance(task, IncrementalTask):
            return cls(task.task_family, task, [task])
        if isinstance(task, RangeBase) and issubclass(task.of, IncrementalTask):
            account = cls(task.task_family, task.of(**task.of_params), [])
            try:
                account._roots = sorted(task.requires(), key=lambda root: root.label)
            except UserError as error:
                account.close(error.exit_code, [str(error)])
                raise
            return account
        return None

    def plan(self) -> None:
        """Say what will run and why; a wrong input says so when its task is run."""
        with contextlib.suppress(UserError, LookupError):
            lines = [line for root in self._roots for line in self._plan_root(root)]
            self._ledger.plan(self._plan)
            for line in lines:
                _log.info(line)
        self._progress = Progress(self._plan)

    def _plan_root(self, root: IncrementalTask) -> list[str]:
        """Add a root to the plan, and tell of it: the first at length, as nobody knows what the later ones will find."""
        self._shown = {task.name: task for task in walk(root)}
        labels = {name: task.label if self._is_range else name for name, task in self._shown.items()}
        self._tasks |= {labels[name]: task for name, task in self._shown.items()}
        plan = make_plan(root)
        for name, verdict in plan.verdicts.items():
            self._plan.verdicts.setdefault(labels[name], verdict)
        return plan.lines() if root is self._roots[0] else [f"then {root.label}"]

    def prepare(self) -> None:
        """Let a task of each family that runs for certain see to what it needs; raises UserError where that is not to be had."""
        certain = {
            verdict.family: self._tasks[label] for label, verdict in self._plan.verdicts.items() if verdict.outlook == "runs"
        }
        for task in certain.values():
            task.prepare()

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
                is_shown = self._shown.get(task.name) is task  # of a range the tasks of its last night
                if is_shown and isinstance(task, IncrementalTask) and task.is_committed():
                    summary.extend(f"{task.task_family:<9} {line}" for line in task.summary())
        for line in summary:
            _log.info(line)
        self._ledger.close(code, outcomes, messages, summary)

    def _outcome(self, name: str, task: Any) -> Outcome:
        if not isinstance(task, IncrementalTask) or not task.is_committed():
            return "failed" if name in self._failed else "not run", "", self._failed.get(name)
        is_built = task.manifest.run == run_id()
        return "built" if is_built else "reused", task.folder.as_posix(), task.manifest.duration_s
