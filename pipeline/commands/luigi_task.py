"""Tasks by name and options, read as Luigi's own command line reads them."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageWrong

if TYPE_CHECKING:
    from pipeline.incremental.explain import Plan


@contextlib.contextmanager
def planned(name: str, options: list[str]) -> Iterator[tuple[Any, Plan]]:
    """Yield the task that `luigi --module pipeline NAME OPTIONS` would run, with its plan.

    Raises UsageWrong for a slip, and what a run would say where there is nothing to read.
    """
    from luigi.cmdline_parser import CmdlineParser
    from luigi.parameter import ParameterException
    from luigi.task_register import TaskClassException

    from pipeline.incremental.plan import make_plan, walk
    from pipeline.incremental.task import IncrementalTask

    _refuse_unknown(name)
    try:
        with CmdlineParser.global_instance([name, *options]) as parser:
            task = parser.get_task_obj()
            for needed in walk(task):
                if not isinstance(needed, IncrementalTask):  # it stands for what is not there, and says so when it is run
                    needed.run()
            yield task, make_plan(task)
    except (ParameterException, TaskClassException) as error:
        raise UsageWrong(str(error)) from None


def _refuse_unknown(name: str) -> None:
    """Refuse what is no stage of ours: Luigi knows more tasks, of which there is nothing to explain."""
    import pipeline
    from pipeline.incremental.task import IncrementalTask

    ours = [known for known in pipeline.__all__ if issubclass(getattr(pipeline, known), IncrementalTask)]
    if name not in ours:
        near = difflib.get_close_matches(name, ours, n=1)
        raise UsageWrong(
            f"There is no task {name!r}. Did you mean {near[0]!r}?"
            if near
            else f"There is no task {name!r}, only {', '.join(ours)}."
        )
