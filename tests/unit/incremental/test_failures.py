"""What Luigi says of a failure, as one message."""

import traceback
from pathlib import Path

import pytest

from pipeline.incremental.failures import tell_failure


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("user error 20: No file: a.csv", (20, "No file: a.csv")),
        ("Task T__1 timed out after 2 seconds and was terminated.", (0, "Train uk: ended after 2 s ([Train] max_seconds)")),
        ("Task T__1 died unexpectedly with exit code -9", (0, "Train uk: killed (signal 9; out of memory?)")),
        ("Task T__1 died unexpectedly with exit code -15", (0, "Train uk: killed (signal 15)")),
        ("Task T__1 died unexpectedly with exit code 3", (0, "Train uk: its process ended with code 3 and without a word")),
        ("Task is an external data dependency", (0, "Train uk: Task is an external data dependency")),
        ("", (0, "Train uk: failed without a word")),
    ],
)
def test_each_kind_of_end_has_its_message(text, told):
    assert tell_failure(text, "Train uk", "[Train] max_seconds") == told


def divide(number: int) -> float:
    return 1 / number


@pytest.mark.parametrize("fail", [lambda: divide(0), lambda: divide("1\n2")])
def test_an_exception_is_told_by_its_last_line_and_the_line_of_code(fail, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)
    try:
        fail()
    except (ZeroDivisionError, TypeError) as error:
        text, first = f"Runtime error:\n{traceback.format_exc()}", f"{type(error).__name__}: {error}"
    line = divide.__code__.co_firstlineno + 1
    assert tell_failure(text, "Train uk", "") == (0, f"Train uk: {first} (test_failures.py:{line})")


def test_the_line_of_code_is_ours_where_a_library_raised():
    text = 'Traceback:\n  File "stages/train.py", line 5, in fit\n    a()\n  File "/x/site-packages/a.py", line 7, in a\n    raise\nKeyError: 1\n'
    assert tell_failure(text, "Train uk", "") == (0, "Train uk: KeyError: 1 (stages/train.py:5)")
