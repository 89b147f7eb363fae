"""What the bar says while nothing happens yet."""

import io
import sys

import pytest

from pipeline.incremental import progress
from pipeline.incremental.explain import Cause, Plan, Verdict
from pipeline.incremental.progress import Progress

PLAN = Plan(
    {
        "A": Verdict("A", "A", "reused", seconds=50.0),
        "B": Verdict("B", "B", "runs", (Cause("forced"),), seconds=20.0),
        "C": Verdict("C", "C", "may run", (Cause("upstream", "B"),), seconds=80.0),
    }
)


class Terminal(io.StringIO):
    """A terminal that does not say how wide it is."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    passed = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: passed[0])
    return passed


def test_the_time_left_falls_while_a_task_runs_and_never_below_what_follows(clock):
    bar = Progress(PLAN)
    assert bar.left_s == 100
    bar.start("B")
    for passed, left in ((5, 95), (20, 80), (500, 80)):
        clock[0] = passed
        assert bar.left_s == left
    bar.advance("B")
    bar.advance("C")
    assert bar.left_s == 0


def test_the_bar_moves_before_the_first_task_ends_and_has_80_columns_where_the_terminal_has_none(clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)  # here, since pytest puts its own in place before each test
    bar = Progress(PLAN)
    bar.start("B")
    clock[0] = 15
    bar.draw()
    shown = terminal.getvalue().split("\r")[-1]
    assert shown.startswith(" 15% ")
    assert "B 0" in shown
    assert shown.endswith("<01:25")
    assert len(shown) == 80


def test_where_nobody_looks_nothing_is_shown(capsys):
    bar = Progress(PLAN)
    bar.start("B")
    bar.close()
    assert capsys.readouterr().err == ""
