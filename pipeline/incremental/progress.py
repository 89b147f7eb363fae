"""A progress bar on a terminal, with the time left by what the same tasks took before."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from pipeline.incremental.explain import Plan

_UNKNOWN_S = 1.0  # what a task counts for that never ran
_COLUMNS, _ROWS = 80, 24  # of a terminal that does not say how large it is


class Progress:
    """Counts expected seconds of the tasks that were planned to run; nothing is shown where stderr is no terminal."""

    def __init__(self, plan: Plan) -> None:
        """Show an empty bar."""
        self._waiting = {
            label: max(verdict.seconds, 0.05) if verdict.seconds else _UNKNOWN_S
            for label, verdict in plan.verdicts.items()
            if verdict.outlook != "reused"
        }
        self._total = sum(self._waiting.values())
        self._started: dict[str, float] = {}
        self._bar: Any = None
        if self._waiting and sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # no thread: children may be forked
            # Told no size, it asks the terminal, and draws nothing where that says 0.
            size = {"ncols": _columns(), "nrows": _ROWS}
            self._bar = tqdm(total=self._total, leave=False, file=sys.stderr, bar_format="{percentage:3.0f}% {bar}", **size)

    def start(self, name: str) -> None:
        """Count a task as running."""
        self._started[name] = time.monotonic()
        self.draw()

    def advance(self, name: str) -> None:
        """Count a task as done."""
        self._waiting.pop(name, None)
        self._started.pop(name, None)
        self.draw()

    @property
    def left_s(self) -> float:
        """Seconds that are left, as far as is known: a task that takes longer than expected has none."""
        now = time.monotonic()
        taken = {name: now - started for name, started in self._started.items()}
        return sum(max(expected - taken.get(name, 0.0), 0.0) for name, expected in self._waiting.items())

    def draw(self) -> None:
        """Draw the bar as it is now, as wide as the terminal is now."""
        if self._bar is None:
            return
        left = self.left_s
        self._bar.n = self._total - left
        self._bar.ncols = _columns()
        self._bar.bar_format = f"{{percentage:3.0f}}% {{bar}} {{desc}} {{elapsed}}<{self._bar.format_interval(left)}"
        self._bar.set_description_str(", ".join(self._started), refresh=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS
