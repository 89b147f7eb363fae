"""What Luigi's own worker lacks here: safe child processes, and the message last.

Luigi's command line builds its worker by name, so `install` puts ours in its place; the decision record
`docs/decisions/0004-our-worker.md` says why no setting of Luigi does the same.
"""

from __future__ import annotations

import contextlib
import html
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import luigi
import luigi.execution_summary
import luigi.interface
import luigi.retcodes
import luigi.worker
from luigi.cmdline_parser import CmdlineParser
from luigi.setup_logging import InterfaceLogging
from luigi.task_register import Register, TaskClassException
from luigi.tools.range import RangeBase

from pipeline.incremental import usage
from pipeline.incremental.errors import UserError
from pipeline.incremental.failures import tell_failure
from pipeline.incremental.workspace import run_id

if TYPE_CHECKING:
    from pipeline.incremental.account import RunAccount

_COMMAND_LINE = "INCREMENTAL_COMMAND_LINE"
WATCHER_PIPE = "INCREMENTAL_WATCHER_PIPE"  # a file descriptor that reads the end of whoever watches this run
_log = logging.getLogger("pipeline")


class TasksParameter(luigi.Parameter[frozenset[str]]):
    """Names of tasks, between commas or blanks."""

    def parse(self, text: str) -> frozenset[str]:
        """Return the names; exits with code 2 where no task has one: it would be a slip that nobody sees."""
        names = text.replace(",", " ").split()
        for name in names:
            try:
                Register.get_task_cls(name)
            except TaskClassException as error:
                sys.stderr.write(f"--incremental-force {name}: {error}\n")
                raise SystemExit(2) from None
        return frozenset(names)

    def serialize(self, value: frozenset[str]) -> str:
        """Write the names between commas."""
        return ",".join(sorted(value))

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        """Luigi would warn about a parameter that is no text."""


class incremental(luigi.Config):  # noqa: N801  # Luigi takes the section's name from the class
    """Settings of this layer: section [incremental] of luigi.cfg."""

    start_method = luigi.ChoiceParameter(
        default="spawn",
        choices=["spawn", "forkserver", "fork"],
        description="How task processes start. fork is unsafe once the parent has used threads.",
    )
    force: frozenset[str] = TasksParameter(
        default=frozenset(), description="Tasks to build again though their results are there: Train,Evaluate."
    )


class ExplainingWorker(luigi.worker.Worker):
    """A worker that begins with what will run and why, ends with what came out or went wrong, and keeps both in the ledger."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Choose the start method before Luigi makes its first queue."""
        multiprocessing.set_start_method(incremental().start_method, force=True)
        self._failures: dict[str, tuple[int, str]] = {}
        self._account: RunAccount | None = None
        if CmdlineParser.get_instance() is not None:
            _refuse_silent_failures()
            os.environ[_COMMAND_LINE] = "luigi"
        end_with_watcher()
        run_id()  # named here, so that children inherit it
        super().__init__(*args, **kwargs)

    def add(self, task: Any, *args: Any, **kwargs: Any) -> bool:
        """Open the account of the run with its first task."""
        if self._account is None:
            from pipeline.incremental.account import RunAccount

            if isinstance(task, RangeBase):
                self.worker_processes = 1  # a night builds on what the one before it left
            try:
                self._account = RunAccount.open(task)
            except UserError as error:
                _refuse(error)
        try:
            return bool(super().add(task, *args, **kwargs))
        except BaseException as error:
            self._give_up(error)
            raise

    def run(self) -> bool:
        """Run as Luigi does; where a task failed, say why last, and exit with the code of what the user can mend."""
        if self._account is not None and not self._failures:
            self._account.plan()
            try:
                self._account.prepare()
            except UserError as error:
                self._close(error.exit_code, [str(error)])
                _refuse(error)
        try:
            succeeded = bool(super().run())
        except BaseException as error:
            self._give_up(error)
            raise
        messages = list(dict.fromkeys(message for _, message in self._failures.values()))
        luigis = self._code(succeeded=succeeded)
        code = max((code or luigis for code, _ in self._failures.values()), default=luigis)
        self._close(code, messages)
        if messages and CmdlineParser.get_instance() is not None:
            logging.getLogger("luigi-interface").info(luigi.execution_summary.summary(self))
            for message in messages:
                _log.error(message)
            raise SystemExit(code)
        return succeeded

    def _give_up(self, error: BaseException) -> None:
        """Close the account of a run that cannot go on, after its children have ended."""
        for process in self._running_tasks.values():
            if process.is_alive():
                process.terminate()
        if isinstance(error, KeyboardInterrupt):
            self._close(usage.INTERRUPTED_CODE, [])
        else:
            self._close(luigi.retcodes.retcode().unhandled_exception, [str(error)])

    def _close(self, code: int, messages: list[str]) -> None:
        if self._account is not None:
            self._account.close(code, messages)
            self._account = None

    def _code(self, *, succeeded: bool) -> int:
        """Return the exit code that Luigi will end with."""
        codes, status = luigi.retcodes.retcode(), luigi.execution_summary.LuigiRunResult(self, succeeded).status
        by_status = {
            "FAILED": codes.task_failed,
            "FAILED_AND_SCHEDULING_FAILED": max(codes.task_failed, codes.scheduling_error),
            "SCHEDULING_FAILED": codes.scheduling_error,
            "NOT_RUN": codes.not_run,
            "MISSING_EXT": codes.missing_data,
        }
        return int(by_status.get(status.name, 0))

    def _run_task(self, task_id: str) -> None:
        """Let the account hear of it."""
        if self._account is not None and task_id not in self._running_tasks:
            self._account.start(task_id)
        super()._run_task(task_id)

    def _handle_next_task(self) -> None:
        """Let the account hear of each look at the tasks that run."""
        if self._account is not None:
            self._account.wait()
        super()._handle_next_task()

    def _log_complete_error(self, task: Any, tb: str) -> None:
        """Keep the message for the end; what the user can mend is no traceback before."""
        if not self._keep_error(task, tb):
            super()._log_complete_error(task, tb)

    def _log_dependency_error(self, task: Any, tb: str) -> None:
        """Keep the message for the end; what the user can mend is no traceback before."""
        if not self._keep_error(task, tb):
            super()._log_dependency_error(task, tb)

    def _keep_error(self, task: Any, tb: str) -> bool:
        """Keep the message of a task that cannot be asked whether it is complete; say whether the user can mend it."""
        error = getattr(task, "user_error", None)
        self._failures[task.task_id] = (error.exit_code, str(error)) if error else tell_failure(tb, *_name_of(task))
        return error is not None

    def _add_task(self, *args: Any, **kwargs: Any) -> None:
        """Keep why a task failed, and escape it for the visualiser, which shows it as HTML; of one that is done, tell its link."""
        task_id, status = kwargs.get("task_id", ""), kwargs.get("status")
        if self._account is not None and status in ("DONE", "FAILED"):
            self._account.hear(task_id, failed=status == "FAILED")
        explanation = kwargs.get("expl")
        with contextlib.suppress(ValueError):  # Luigi hands failures over as JSON, one kind as plain text
            explanation = json.loads(explanation or "null")
        if status == "DONE":
            self._failures.pop(task_id, None)  # a second attempt
            kwargs["tracking_url"] = _link_of(self._scheduled_tasks.get(task_id))
        if isinstance(explanation, str):
            if status == "FAILED":
                self._failures[task_id] = tell_failure(explanation, *_name_of(self._scheduled_tasks.get(task_id)))
            kwargs["expl"] = json.dumps(html.escape(explanation))
        super()._add_task(*args, **kwargs)


class TaskContext:
    """Surrounds a task in its child process: command line, logging, and an end when the parent is gone.

    Under spawn and forkserver a child starts with neither command-line overrides nor logging; under any method a
    child outlives a terminated parent.
    """

    def __init__(self, process: luigi.worker.TaskProcess) -> None:
        """Take the process that Luigi is about to run."""
        self._is_child = process.use_multiprocessing
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> None:
        """Set the child up; in the parent there is nothing to do."""
        if not self._is_child:
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches children too; the parent ends them
        threading.Thread(target=_end_with_parent, daemon=True).start()
        if os.environ.get(_COMMAND_LINE) and CmdlineParser.get_instance() is None:
            self._stack.enter_context(CmdlineParser.global_instance(sys.argv[1:]))
            InterfaceLogging.setup(luigi.interface.core())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the command line."""
        self._stack.close()


def install() -> None:
    """Make Luigi's command line and `luigi.build` use `ExplainingWorker`."""
    setattr(luigi.worker, "Worker", ExplainingWorker)  # noqa: B010  # mypy: a class is not to be assigned to
    luigi.interface._run = usage.explained(luigi.interface._run)  # noqa: SLF001  # the one place that sees every slip
    sys.excepthook = usage.excepthook
    usage.refuse_abbreviations()
    # Luigi's own default of a range, which it warns about.
    warnings.filterwarnings("ignore", message='Parameter "param_name" with value "None" is not of type string')
    # Luigi reads its rpc settings where its own check for unknown settings does not look.
    warnings.filterwarnings("ignore", message=".*'rpc_[a-z_]+' with value .* that is not consumed")


def _name_of(task: Any) -> tuple[str, str]:
    """Return a task's name for a person, and that of the setting which limits its time."""
    return getattr(task, "name", str(task)), getattr(task, "time_limit", "worker_timeout")


def _link_of(task: Any) -> str | None:
    """Return the link of a task that is done: whether it was built, reused or found complete, by this process or a child of it."""
    with contextlib.suppress(UserError, LookupError, OSError):
        return task.link() if hasattr(task, "link") else None
    return None


def _refuse_silent_failures() -> None:
    """End where Luigi would call a failure a success, as it does in a folder without our settings."""
    codes = luigi.retcodes.retcode()
    if not all((codes.task_failed, codes.missing_data, codes.not_run, codes.scheduling_error, codes.already_running)):
        sys.stderr.write("luigi.cfg is not here, or its [retcode] is: a failed run would exit 0. Run from the project's root.\n")
        raise SystemExit(2)


def _refuse(error: UserError) -> NoReturn:
    """Raise what the user can mend, as one message on the command line."""
    if CmdlineParser.get_instance() is not None:
        _log.error(error)
        raise SystemExit(error.exit_code)
    raise error


def end_with_watcher() -> None:
    """End as soon as the process that watches this run is gone, where one does: only it holds the other end of the pipe named in the environment."""
    pipe = os.environ.pop(WATCHER_PIPE, "")
    if pipe:
        threading.Thread(target=_end_at_close, args=(int(pipe),), daemon=True).start()


def _end_at_close(pipe: int) -> None:
    with contextlib.suppress(OSError):
        os.read(pipe, 1)
    os._exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # returns at once when it is gone already
        os._exit(1)
