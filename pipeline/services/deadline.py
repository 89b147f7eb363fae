"""A call that somebody waits for, but not for ever."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


def within(seconds: float, call: Callable[[], _Result], late: Callable[[], Exception]) -> _Result:
    """Return what the call returns, or raise what it raises; after so many seconds raise `late()` and let it be.

    The call runs in a thread that ends with the process, because nothing else ends a look-up of a name or a server that drips.
    """
    answers: queue.SimpleQueue[tuple[_Result | None, BaseException | None]] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # it is raised where somebody waits for it
            answers.put((None, error))

    threading.Thread(target=answer, daemon=True).start()
    try:
        result, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise late() from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # None only where the call returns it
