"""Units: the texts by which a machine's own scheduler (cron, systemd, launchd) starts the nightly run every night."""

from __future__ import annotations

import plistlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path

from pipeline.errors import UsageWrong

NAME = "car-prices-nightly"
LABEL = "car-prices.nightly"


@dataclass(frozen=True)
class Nightly:
    """What is to be started: the project's folder and the Python it is installed in, as absolute paths, and when in local time.

    A path is refused (UsageWrong) where one of the three schedulers would read another one: it holds a line's end, another
    character that cannot be shown, or a backslash, or it ends with a blank.
    """

    project: Path
    python: Path
    at: time

    def __post_init__(self) -> None:
        """Refuse paths that no unit can hold."""
        for path in map(str, (self.project, self.python)):
            if not path.isprintable() or "\\" in path or path != path.strip():
                raise UsageWrong(
                    f"The path {path!r} cannot stand in a unit: it holds a backslash or a character that cannot be shown, or ends "
                    "with a blank. Move the project, or its environment, to a folder without."
                )

    @property
    def arguments(self) -> list[str]:
        """The command, a word an item."""
        return [str(self.python), "-m", "pipeline", "nightly"]


def cron_line(nightly: Nightly) -> str:
    """Return a line for a user's crontab.

    Cron mails whatever a job prints, and the run keeps a log of its own: so the line prints nothing where the run ended well,
    and all that it said where it did not. `%` would end the command for cron: `tests/acceptance/test_schedule.py` lets cron run it.
    """
    command = f'cd {shlex.quote(str(nightly.project))} && said=$({shlex.join(nightly.arguments)} 2>&1) || echo "$said"'
    escaped = command.replace("%", "\\%")
    return f"{nightly.at.minute} {nightly.at.hour} * * * {escaped}\n"


def systemd_units(nightly: Nightly) -> dict[str, str]:
    """Return the service and its timer by file name.

    The colon keeps systemd from reading a `$` in the path as a variable; a stop is told to the run alone, which ends its children.
    The run limits its own time, and a night missed while the machine was off is made up for as soon as it is on.
    """
    folder = _escape_specifiers(str(nightly.project))
    python, *arguments = nightly.arguments
    command = " ".join([_quote_for_systemd(python), *arguments])
    if '"' in python or "'" in python:  # systemd refuses quotes in what it starts, not in what that is told
        command = f"/usr/bin/nice -n 0 {command}"
    service = f"""[Unit]
Description=Car prices: the nightly run in {folder}

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart=:{command}
Nice=10
KillMode=mixed
TimeoutStopSec=60
"""
    timer = f"""[Unit]
Description=Car prices: every night in {folder}

[Timer]
OnCalendar=*-*-* {nightly.at:%H:%M}:00
Persistent=true

[Install]
WantedBy=timers.target
"""
    return {f"{NAME}.service": service, f"{NAME}.timer": timer}


def launchd_unit(nightly: Nightly, logs: Path) -> dict[str, str]:
    """Return the property list by file name; what the run says goes to a file in `logs`, which must be there: launchd makes no folder."""
    properties = {
        "Label": LABEL,
        "ProgramArguments": nightly.arguments,
        "WorkingDirectory": str(nightly.project),
        "StartCalendarInterval": {"Hour": nightly.at.hour, "Minute": nightly.at.minute},
        "StandardErrorPath": str(logs / f"{NAME}.log"),
        "ProcessType": "Background",
    }
    return {f"{LABEL}.plist": plistlib.dumps(properties, sort_keys=False).decode()}


def join_units(files: Mapping[str, str]) -> str:
    """Return several files as one text, each below a comment with its name."""
    if len(files) == 1:
        return next(iter(files.values()))
    return "\n".join(f"# {name}\n{text}" for name, text in files.items())


def _quote_for_systemd(argument: str) -> str:
    return '"' + _escape_specifiers(argument).replace('"', '\\"') + '"'


def _escape_specifiers(text: str) -> str:
    return text.replace("%", "%%")
