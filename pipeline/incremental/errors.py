"""What can go wrong for a person to mend: shown as one message, never as a traceback."""

import errno
import os
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


class UserError(Exception):
    """A failure that the user can mend; the message says what was tried, what was found and what to do."""

    exit_code = 30


class InputChanged(UserError):
    """An input or the code changed while a task ran, so that its result would have no true fingerprint."""


class CodeInvalid(UserError):
    """A module that a task reaches is no valid Python, so that its code has no digest."""

    exit_code = 35


class ResultDamaged(UserError):
    """A committed result was altered or lost after its manifest was written."""


class PlaceUnwritable(UserError):
    """A result cannot be written: no room, or no permission."""


def explain_place(error: OSError, who: str, place: Path) -> Exception:
    """Return what the user can mend where `who` could not write in `place`, else the error itself."""
    remedies = {
        **dict.fromkeys(_NO_ROOM, "Make room there"),
        **dict.fromkeys(_NOT_ALLOWED, "Let this user write there"),
    }
    if error.errno not in remedies:
        return error
    where, reason = error.filename or place, os.strerror(error.errno)
    return PlaceUnwritable(
        f"{who}: cannot write {where}: {reason}. {remedies[error.errno]} and run again: nothing half-written is kept."
    )
