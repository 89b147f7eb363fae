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
def named(name: str, options: list[str]) -> Iterator[Any]:
    """Yield the task that `luigi --module pipeline NAME OPTIONS` would run. Raises UsageWrong for a slip."""
    from luigi.cmdline_parser import CmdlineParser
    from luigi.parameter import ParameterException
    from luigi.task_register import TaskClassException

    _refuse_unknown(name)
    try:
        with CmdlineParser.global_instance([name, *options]) as parser:
            yield parser.get_task_obj()
    except (ParameterException, TaskClassException) as error:
        raise UsageWrong(str(error)) from None


@contextlib.contextmanager
def planned(name: str, options: list[str]) -> Iterator[tuple[Any, Plan]]:
    """Yield the same with its plan. Raises also what a run would say where there is nothing to read."""
    from pipeline.incremental.plan import make_plan, walk
    from pipeline.incremental.task import IncrementalTask

    with named(name, options) as task:
        for needed in walk(task):
            if not isinstance(needed, IncrementalTask):  # it stands for what is not there, and says so when it is run
                needed.run()
        yield task, make_plan(task)


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
