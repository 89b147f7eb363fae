"""A progress bar on a terminal, with the time left by what the same tasks took before."""

from __future__ import annotations

import sys
from typing import Any

from pipeline.incremental.explain import Plan

_UNKNOWN_S = 1.0  # what a task counts for that never ran


class Progress:
    """Counts expected seconds of the tasks that were planned to run; nothing is shown where stderr is no terminal."""

    def __init__(self, plan: Plan) -> None:
        """Show an empty bar."""
        self._expected = {
            verdict.name: max(verdict.seconds, 0.05) if verdict.seconds else _UNKNOWN_S
            for verdict in plan.verdicts.values()
            if verdict.outlook != "reused"
        }
        self._bar: Any = None
        if self._expected and sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # no thread: children may be forked
            layout = "{percentage:3.0f}% {bar} {desc} {elapsed}<{remaining}"
            self._bar = tqdm(
                total=sum(self._expected.values()), bar_format=layout, leave=False, file=sys.stderr, dynamic_ncols=True
            )

    def start(self, name: str) -> None:
        """Count a task as running."""

    def advance(self, name: str) -> None:
        """Count a task as done."""
        expected = self._expected.pop(name, 0.0)
        if self._bar is not None:
            self._bar.set_description_str(name, refresh=False)
            self._bar.update(expected)
            self._bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
