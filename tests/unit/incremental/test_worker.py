"""What our worker adds to Luigi's: messages kept for the user and made safe to show."""

import json
import multiprocessing
from types import SimpleNamespace

import luigi.worker
import pytest
from luigi.cmdline_parser import CmdlineParser

from pipeline.incremental import worker
from pipeline.incremental.errors import InputChanged
from pipeline.incremental.worker import ExplainingWorker, TaskContext

LUIGIS_OWN = ExplainingWorker.__mro__[1]


class Scheduler:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def add_task(self, **kwargs):
        self.told.append(kwargs)


@pytest.fixture
def explaining():
    """A worker with a scheduler that only listens."""
    method = multiprocessing.get_start_method(allow_none=True)
    made = ExplainingWorker(scheduler=Scheduler())
    yield made
    made._task_result_queue.close()
    multiprocessing.set_start_method(method, force=True)


def report(made: ExplainingWorker, status: str = "FAILED", task_id: str = "Toy__1", **kwargs) -> dict:
    """Let the worker report a task as Luigi does; return what its scheduler was told."""
    made._add_task(task_id=task_id, status=status, runnable=True, worker="w", **kwargs)
    return made._scheduler.told[-1]


class TestFailures:
    """What is made of the text that Luigi hands over with a failure."""

    def test_a_failure_is_escaped_for_the_visualiser_and_stays_json(self, explaining):
        text = "Runtime error:\n<script>alert('é & \"x\"')</script>"
        told = report(explaining, expl=json.dumps(text))["expl"]
        assert json.loads(told) == "Runtime error:\n&lt;script&gt;alert(&#x27;é &amp; &quot;x&quot;&#x27;)&lt;/script&gt;"

    def test_a_message_for_the_user_is_kept_as_it_was_and_shown_escaped(self, explaining):
        told = report(explaining, expl=json.dumps("user error 20: No file: <a.csv> & b.csv"))["expl"]
        assert explaining._failures == {"Toy__1": (20, "No file: <a.csv> & b.csv")}
        assert json.loads(told) == "user error 20: No file: &lt;a.csv&gt; &amp; b.csv"

    def test_the_text_of_a_success_is_no_failure(self, explaining):
        report(explaining, status="DONE", expl=json.dumps("user error 20: not really"))
        assert explaining._failures == {}

    def test_an_attempt_that_succeeds_takes_back_the_failure_before(self, explaining):
        report(explaining, expl=json.dumps("user error 30: mend it"))
        report(explaining, status="DONE")
        assert explaining._failures == {}

    def test_text_that_is_no_json_is_escaped_too(self, explaining):
        told = report(explaining, expl="<pre>Traceback</pre>")["expl"]
        assert json.loads(told) == "&lt;pre&gt;Traceback&lt;/pre&gt;"

    @pytest.mark.parametrize("kwargs", [{}, {"expl": None}, {"expl": "null"}, {"expl": '{"a": 1}'}])
    def test_what_is_no_text_is_handed_on_unchanged(self, explaining, kwargs):
        told = report(explaining, **kwargs)
        assert {name: value for name, value in told.items() if name == "expl"} == kwargs


class TestTheEnd:
    """How a run ends."""

    @pytest.fixture
    def ended(self, explaining, monkeypatch):
        """A worker whose tasks have run."""
        monkeypatch.setattr(LUIGIS_OWN, "run", lambda self: False)
        monkeypatch.setattr(luigi.execution_summary, "summary", lambda made: "Execution Summary")
        monkeypatch.setattr(ExplainingWorker, "_code", lambda self, succeeded: 30)
        return explaining

    @pytest.fixture
    def failed(self, ended):
        for code in (7, 20, 2):
            report(ended, task_id=f"Toy__{code}", expl=json.dumps(f"user error {code}: mend {code}"))
        return ended

    def test_on_the_command_line_the_messages_come_last_and_the_highest_code_wins(self, failed, monkeypatch, caplog):
        monkeypatch.setattr(CmdlineParser, "get_instance", object)
        with pytest.raises(SystemExit) as told:
            failed.run()
        assert told.value.code == 20
        assert caplog.messages[-3:] == ["mend 7", "mend 20", "mend 2"]

    def test_a_failure_that_nobody_can_mend_is_told_too_and_has_luigis_code(self, ended, monkeypatch, caplog):
        monkeypatch.setattr(CmdlineParser, "get_instance", object)
        report(ended, expl=json.dumps("Task Toy__1 died unexpectedly with exit code -9"))
        with pytest.raises(SystemExit) as told:
            ended.run()
        assert told.value.code == 30
        assert caplog.messages[-1].endswith(": killed (signal 9; out of memory?)")

    def test_a_program_that_builds_is_not_ended(self, failed):
        assert failed.run() is False

    @pytest.mark.parametrize("name", ["task_failed", "missing_data", "not_run", "scheduling_error", "already_running"])
    def test_where_failures_would_exit_0_nothing_starts(self, monkeypatch, capsys, name):
        codes = dict.fromkeys(["task_failed", "missing_data", "not_run", "scheduling_error", "already_running"], 9)
        monkeypatch.setattr(luigi.retcodes, "retcode", lambda: SimpleNamespace(**{**codes, name: 0}))
        with pytest.raises(SystemExit) as ended:
            worker._refuse_silent_failures()
        assert ended.value.code == 2
        assert "a failed run would exit 0" in capsys.readouterr().err


@pytest.mark.parametrize("log", ["_log_complete_error", "_log_dependency_error"])
def test_what_the_user_can_mend_is_kept_for_the_end_instead_of_a_traceback(explaining, caplog, log):
    task = SimpleNamespace(task_id="Toy__1", user_error=InputChanged("mend it"))
    getattr(explaining, log)(task, "Traceback")
    assert (explaining._failures, caplog.messages) == ({"Toy__1": (30, "mend it")}, [])
    getattr(explaining, log)(SimpleNamespace(task_id="Toy__2", name="Toy", user_error=None), "Traceback of ours")
    assert explaining._failures["Toy__2"] == (0, "Toy: Traceback of ours")
    assert "Traceback of ours" in caplog.text


def test_luigi_takes_our_worker_and_starts_processes_without_fork(explaining):
    assert luigi.worker.Worker is ExplainingWorker
    assert multiprocessing.get_start_method() == "spawn"


def test_in_the_parent_the_context_of_a_task_does_nothing(monkeypatch):
    monkeypatch.setattr(worker.threading, "Thread", lambda **_: pytest.fail("watches itself"))
    with TaskContext(SimpleNamespace(use_multiprocessing=False)):
        pass


def test_a_child_ends_when_its_parent_is_gone(monkeypatch):
    ended = []
    parent = SimpleNamespace(join=lambda: ended.append("waited"))
    monkeypatch.setattr(worker.multiprocessing, "parent_process", lambda: parent)
    monkeypatch.setattr(worker.os, "_exit", ended.append)
    worker._end_with_parent()
    assert ended == ["waited", 1]
