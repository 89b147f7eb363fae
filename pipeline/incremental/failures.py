"""A failure as one message for a person, made of the text that Luigi hands over with it."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

USER_ERROR = "user error "
_DIED = re.compile(r"Task .* died unexpectedly with exit code (-?\d+)")
_TIMED_OUT = re.compile(r"Task .* timed out after (\d+) seconds")
_FRAME = re.compile(r'  File "(.+?)", line (\d+)')


def tell_failure(text: str, name: str, time_limit: str) -> tuple[int, str]:
    """Return a failed task's exit code, 0 where Luigi knows it, and one message; `time_limit` names the setting of its limit."""
    if text.startswith(USER_ERROR):
        code, _, message = text.removeprefix(USER_ERROR).partition(": ")
        return int(code), message
    if ended := _TIMED_OUT.match(text):
        return 0, f"{name}: ended after {ended[1]} s ({time_limit})"
    if ended := _DIED.match(text):
        return 0, f"{name}: {_tell_end(int(ended[1]))}"
    return 0, f"{name}: {_tell_traceback(text)}"


def _tell_end(exit_code: int) -> str:
    if exit_code >= 0:
        return f"its process ended with code {exit_code} and without a word"
    return f"killed (signal {-exit_code}{'; out of memory?' if -exit_code == signal.SIGKILL else ''})"


def _tell_traceback(text: str) -> str:
    """Return the error and the line of code where it arose: the last one that is not a library's."""
    frames = list(_FRAME.finditer(text))
    if not frames:
        return text.strip() or "failed without a word"
    rest = text[frames[-1].end() :].splitlines()[1:]
    error = next((line for line in rest if line.strip() and not line.startswith(" ")), text.strip().splitlines()[-1])
    ours = [frame for frame in frames if "site-packages" not in frame[1]] or frames
    path = Path(ours[-1][1])
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{error} ({os.fspath(shown)}:{ours[-1][2]})"
