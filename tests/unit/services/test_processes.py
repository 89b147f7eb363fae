"""A watched child: its lines, its limit, signals, and that it takes its children along and does not outlive us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from pipeline.services import processes
from pipeline.services.processes import Interruption, run_watched

STUBBORN = "import signal,time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"
PARENT = f"import subprocess,sys,time; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); time.sleep(60)"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_every_line_is_handed_on_also_the_last_without_its_end():
    lines: list[str] = []
    ended = run_watched(
        python("import sys; print('a\\n\\nb'); sys.stderr.write('c'); sys.exit(7)"), lines.append, Interruption(), 20
    )
    assert sorted(lines) == ["", "a", "b", "c"]
    assert (ended.code, ended.is_late, ended.last_line in ("b", "c")) == (7, False, True)


def test_bytes_that_are_no_text_are_lines_all_the_same():
    lines: list[str] = []
    run_watched(python("import os; os.write(1, bytes([255, 10]))"), lines.append, Interruption(), 20)
    assert lines == ["\ufffd"]


def test_a_child_that_takes_too_long_is_interrupted():
    ended = run_watched(python("import time; time.sleep(60)"), lambda _: None, Interruption(), 0.5)
    assert ended.is_late
    assert ended.code != 0


def test_a_child_of_one_that_a_script_started_in_the_background_is_interrupted_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "GRACE_S", 60)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for `command &`
    try:
        began = time.monotonic()
        ended = run_watched(python("import time; time.sleep(60)"), lambda _: None, Interruption(), 0.5)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.is_late
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("how", ["ignores Ctrl-C", "is stopped"])
def test_one_that_does_not_end_is_killed_with_its_children(monkeypatch: pytest.MonkeyPatch, how: str):
    monkeypatch.setattr(processes, "GRACE_S", 1)
    seen: list[str] = []
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    def stop(line: str) -> None:
        seen.append(line)
        if how == "is stopped":
            for child in psutil.Process().children(recursive=True):
                if child.pid not in before:
                    child.suspend()

    began = time.monotonic()
    ended = run_watched(python(PARENT), stop, Interruption(), 3)
    assert seen[0] == "here"
    assert (ended.is_late, ended.code) == (True, -signal.SIGKILL if how == "is stopped" else ended.code)
    assert time.monotonic() - began < 20
    alive = [
        child
        for child in psutil.Process().children(recursive=True)
        if child.pid not in before and child.status() != psutil.STATUS_ZOMBIE
    ]
    assert alive == []


def test_a_signal_ends_it_and_is_told():
    with Interruption().heard() as interruption:
        threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGTERM)).start()
        began = time.monotonic()
        ended = run_watched(python("import time; time.sleep(60)"), lambda _: None, interruption, 60)
        assert time.monotonic() - began < 20
        assert (interruption.signal, interruption.exit_code, ended.is_late) == (signal.SIGTERM, 143, False)


def test_what_is_ignored_stays_ignored_as_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption().heard() as interruption:
            os.kill(os.getpid(), signal.SIGHUP)
            interruption.wait(0.1)
            assert interruption.signal == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_child_ends_when_its_watcher_is_killed():
    child = "from pipeline.incremental.worker import end_with_watcher; end_with_watcher(); print('child', __import__('os').getpid(), flush=True); __import__('time').sleep(60)"
    watcher = (
        "import sys; from pipeline.services.processes import Interruption, run_watched; "
        f"run_watched([sys.executable, '-c', {child!r}], lambda line: print(line, flush=True), Interruption(), 60)"
    )
    process = subprocess.Popen(python(watcher), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline().split()[1])
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert alive == []
