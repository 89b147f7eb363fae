"""How a run's log reads: a line an event, and for a user's mistake the message without the traceback."""

from __future__ import annotations

import logging

from pipeline.errors import UserError

NO_LUIGID = (
    "No luigid answers on {where}. Either start it in another terminal with `python -m pipeline luigid`, "
    "or add --local-scheduler to run without it."
)


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
        from luigi.interface import core

        return NO_LUIGID.format(where=f"{core().scheduler_host}:{core().scheduler_port}")
    return None
