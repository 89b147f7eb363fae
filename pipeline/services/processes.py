"""Child processes that are watched: what they print is passed on, they end by a limit or a signal, and they never outlive us."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from pipeline.incremental.worker import WATCHER_PIPE

_LOOK_S = 0.5  # how often a watched child is looked at while it prints nothing
GRACE_S = 20  # what a child that was interrupted has to end its own children and to close its record
_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Interruption:
    """Which signal asked this process to end: a closed terminal, Ctrl-C, or a machine that goes down."""

    def __init__(self) -> None:
        """Begin unasked."""
        self.signal = 0

    @property
    def exit_code(self) -> int:
        """The exit code by which shells tell the signal."""
        return 128 + self.signal

    @contextlib.contextmanager
    def heard(self) -> Iterator[Interruption]:
        """Hear such signals instead of ending by them; those that whoever started us ignores stay ignored, as under nohup."""
        before = {number: signal.getsignal(number) for number in _ENDINGS}
        for number in _ENDINGS:
            if before[number] != signal.SIG_IGN:
                signal.signal(number, self._hear)
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until a signal comes."""
        until = time.monotonic() + seconds
        while not self.signal and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_S))

    def _hear(self, number: int, _: FrameType | None) -> None:
        self.signal = number


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, and whether it was ended because its time was up."""

    code: int
    is_late: bool
    last_line: str


def run_watched(
    command: Sequence[str],
    write: Callable[[str], None],
    interruption: Interruption,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command to its end and hand each line that it prints to `write`.

    It runs in a session of its own. When a signal comes, or after `seconds`, it is interrupted as by Ctrl-C, and killed with all its
    children where that takes too long. It ends too when this process is killed (see `end_with_watcher`).
    """
    reading, writing = os.pipe()
    try:
        with _hears_interrupts():
            child = subprocess.Popen(  # noqa: S603  # our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(reading,),
                env={**os.environ, **(environment or {}), WATCHER_PIPE: str(reading)},
            )
        try:
            return _watch(child, write, interruption, time.monotonic() + seconds)
        finally:
            _kill(child)
            if child.stdout is not None:
                child.stdout.close()
    finally:
        os.close(reading)
        os.close(writing)


@contextlib.contextmanager
def _hears_interrupts() -> Iterator[None]:
    """Let a child begin with Ctrl-C's default: whom a script started with `&` ignores it, and so would the child, which we end by it."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: None)  # a handler is not inherited, what is ignored is
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _watch(child: subprocess.Popen[bytes], write: Callable[[str], None], interruption: Interruption, until: float) -> Ended:
    assert child.stdout is not None  # it was asked for
    os.set_blocking(child.stdout.fileno(), False)
    lines, is_late, deadline = _Lines(write), False, until
    asked_to_end = False
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while child.poll() is None:
            if selector.select(_LOOK_S):
                lines.take(child.stdout.read() or b"")
            now = time.monotonic()
            if not asked_to_end and (interruption.signal or now > deadline):
                is_late = not interruption.signal
                asked_to_end, deadline = True, now + GRACE_S
                child.send_signal(signal.SIGINT)
            elif asked_to_end and now > deadline:
                _kill(child)
        lines.take(child.stdout.read() or b"")
    lines.finish()
    return Ended(child.returncode, is_late, lines.last)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill the child's whole session: one that was killed alone would leave what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class _Lines:
    """Cuts what a child prints into lines."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rest = b""
        self.last = ""

    def take(self, content: bytes) -> None:
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            self._tell(line)

    def finish(self) -> None:
        if self._rest:
            self._tell(self._rest)

    def _tell(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        self.last = text if text.strip() else self.last
        self._write(text)
