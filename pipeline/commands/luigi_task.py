"""Tasks by name and options, read as Luigi's own command line reads them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from pipeline.errors import UsageWrong


@contextlib.contextmanager
def parsed(name: str, options: list[str]) -> Iterator[Any]:
    """Yield the task that `luigi --module pipeline NAME OPTIONS` would run; raises UsageWrong for a slip."""
    from luigi.cmdline_parser import CmdlineParser
    from luigi.parameter import ParameterException
    from luigi.task_register import TaskClassException

    import pipeline  # noqa: F401  # registers the tasks

    try:
        with CmdlineParser.global_instance([name, *options]) as parser:
            yield parser.get_task_obj()
    except (ParameterException, TaskClassException) as error:
        raise UsageWrong(str(error)) from None
