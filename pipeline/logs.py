"""How a run's log reads: a line an event, and for a user's mistake the message without the traceback."""

from __future__ import annotations

import logging
import re
from typing import TextIO

from pipeline.errors import UserError

NO_LUIGID = (
    "No luigid answers on {where}. Either start it in another terminal with `python -m pipeline luigid`, "
    "or add --local-scheduler to run without it."
)
_CLEAR = "\r\x1b[K"  # to the line's beginning, and away with what stands there


class RunHandler(logging.StreamHandler[TextIO]):
    """Writes to stderr what a person wants to read of a run: of Luigi's own chatter its summary alone, nothing twice."""

    _last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record is written."""
        message = record.getMessage()
        if record.name == "luigi-interface" and record.levelno <= logging.INFO:
            return "Execution Summary" in message
        return not message.startswith("Failed pinging scheduler")

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless it would say what the one before said."""
        text = self.format(record).partition(" ")[2]  # without the time
        if text != self._last:
            if self.stream.isatty():
                self.stream.write(_CLEAR)  # of a progress bar, which may be another process's; it is drawn again
            super().emit(record)
        self._last = text


class PlainFormatter(logging.Formatter):
    """Writes time, level and message; an error that the user can mend as its message alone."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take whatever a logging file gives; the format is ours."""
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        error = record.exc_info[1] if record.exc_info else None
        message = error and _explain(error)
        if not message:
            return super().format(record)
        plain = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None, "msg": message, "args": None})
        return super().format(plain)


def _explain(error: BaseException) -> str | None:
    """Return the message of an error that the user can mend, or None."""
    if isinstance(error, UserError):
        return str(error)
    if type(error).__name__ == "RPCError":  # not imported: luigi.rpc costs what a run with nothing to do should not pay
        where = re.search(r"https?://[^/'\s]+", str(error))
        return NO_LUIGID.format(where=where.group() if where else "the address in luigi.cfg")
    return None
