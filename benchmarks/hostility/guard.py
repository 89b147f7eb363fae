"""Watches what a reader does with one input: its end, its time, and every path and address that it touches."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import sysconfig
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.errors import UserError

REPOSITORY = Path(__file__).parents[2]
MOST_SECONDS = 10  # of processor time
_LONGEST_WAIT = 6  # times that by the clock: a machine may be busy, and what waits for ever takes no processor time
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What Python and its libraries may read at any time.
_LIBRARIES = tuple(
    {
        *(os.path.realpath(place) for place in (sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), REPOSITORY)),
        *("/usr/lib", "/usr/share", "/proc", "/sys", "/etc/localtime", "/dev/null", "/dev/urandom"),
    }
)
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn", "pickle.find_class", "webbrowser.open")
_MOVES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate", "shutil.rmtree")
# How spreadsheets are read, and how Python's `platform` asks what machine this is.
_HARMLESS = (["-m", "pipeline.services.sheets"], ["-p"])
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Hung(BaseException):
    """An input took longer than it may."""


@dataclass
class Tally:
    """What became of the inputs of one reader: `findings` counts each kind of mishap, with one input as an example."""

    inputs: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    slowest_s: float = 0.0

    def note(self, kind: str, value: object) -> None:
        """Count a mishap."""
        self.findings[kind] += 1
        self.examples.setdefault(kind, repr(value)[:2000])

    def count(self, kind: str) -> int:
        """Return how many mishaps of one kind there were."""
        return sum(number for name, number in self.findings.items() if name.startswith(kind))


class _Watch:
    """What is outside the folder that a reader may use; an audit hook, which Python never lets go of again, asks it."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.touched: list[str] = []

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event == "open":
            path, _, flags = arguments
            self._judge_path(event, path, is_written=bool((flags or 0) & _WRITES))
        elif event in _MOVES:
            for path in arguments[:2]:
                self._judge_path(event, path, is_written=True)
        elif event in _STARTS and not _is_harmless(arguments):
            self.touched.append(f"{event} {arguments[:2]!r}"[:200])
        elif event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in _LOOPBACK:
            self.touched.append(f"{event} {arguments[1]!r}")

    def _judge_path(self, event: str, path: object, *, is_written: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        place = os.path.realpath(os.fsdecode(path))
        inside = place == self.folder or place.startswith(f"{self.folder.rstrip('/')}/")
        known = place == "/dev/null" or (not is_written and place.startswith(_LIBRARIES))
        if not inside and not known:
            self.touched.append(f"{event} {place}"[:200])


_watch = _Watch()
_is_heard = False


def _is_harmless(started: tuple[Any, ...]) -> bool:
    return len(started) > 1 and isinstance(started[1], list | tuple) and list(started[1][1:]) in _HARMLESS


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """Yield the list of what is touched outside a folder meanwhile."""
    global _is_heard  # noqa: PLW0603  # a hook cannot be taken away, so there is one
    if not _is_heard:
        sys.addaudithook(_watch.hear)
        _is_heard = True
    _watch.touched = []
    _watch.folder = os.path.realpath(folder)
    try:
        yield _watch.touched
    finally:
        _watch.folder = None


@contextlib.contextmanager
def timed(seconds: float) -> Iterator[None]:
    """Raise Hung where the block takes longer."""

    def end(_: int, frame: FrameType | None) -> None:
        where = traceback.extract_stack(frame)[-1] if frame else None
        raise Hung(f"in {where.filename if where else '?'}:{where.lineno if where else 0}")

    before = signal.signal(signal.SIGALRM, end)
    signal.signal(signal.SIGPROF, end)
    others = signal.setitimer(signal.ITIMER_REAL, seconds * _LONGEST_WAIT)  # pytest may have set it
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, *others)
        signal.signal(signal.SIGALRM, before)


def feed(read: Callable[[Any], int], value: Any, folder: Path, tally: Tally) -> None:
    """Give a reader one input, and note a traceback, a hang, an escape from `folder`, or rows that were lost."""
    tally.inputs += 1
    started = time.process_time()
    touched: list[str] = []
    try:
        with watched(folder) as touched, timed(MOST_SECONDS):
            lost = read(value)
            if lost:
                tally.note(f"lost {lost} rows", value)
    except UserError:
        pass
    except Hung as error:
        tally.note(f"hang {error}", value)
    except SystemExit as error:  # what argparse and Luigi's parameters end with
        if error.code not in (0, 2):
            tally.note(f"traceback SystemExit {error.code}", value)
    except BaseException as error:  # whatever it is, it would have been a traceback
        tally.note(f"traceback {_name(error)}", value)
    if touched:
        tally.note(f"escape {touched[0]}", value)
    tally.slowest_s = max(tally.slowest_s, time.process_time() - started)


def _name(error: BaseException) -> str:
    """Name an error by its kind and the innermost line of ours that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if str(REPOSITORY) in frame.filename and "hostility" not in frame.filename]
    where = f"{Path(ours[-1].filename).relative_to(REPOSITORY)}:{ours[-1].lineno}" if ours else f"{frames[-1].filename}"
    return f"{type(error).__name__} at {where}: {str(error)[:100]}"
