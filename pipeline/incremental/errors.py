"""What can go wrong for a person to mend: shown as one message, never as a traceback."""


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
