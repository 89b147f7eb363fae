"""The clock: which night it is, the same for a whole run and all its processes."""

from __future__ import annotations

import os
from datetime import date

_TODAY = "PIPELINE_TODAY"


def today() -> date:
    """Return this machine's date when the run began, though midnight passes meanwhile; child processes inherit it."""
    return date.fromisoformat(os.environ.setdefault(_TODAY, date.today().isoformat()))  # noqa: DTZ011  # a night is one of this machine's
