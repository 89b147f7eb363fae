"""What this run built and what it reused, and why: from the manifests, and from the plan in the run's own record."""

from __future__ import annotations

from typing import Any

from pipeline import paths
from pipeline.incremental.ledger import read_record, tell_cause
from pipeline.incremental.plan import walk
from pipeline.incremental.workspace import run_id


def list_rebuilt(report: Any) -> list[dict[str, Any]]:
    """Return name, family, outcome (built or reused) and reasons of each task before `report`, the upstream first.

    It is a fact of the run and no part of any recipe: a page made again by a run that reuses everything would say so.
    """
    causes = _planned_causes()
    return [
        {
            "name": task.name,
            "family": task.task_family,
            "outcome": (outcome := "built" if task.manifest.run == run_id() else "reused"),
            "reasons": causes.get(task.label, causes.get(task.name, [])) if outcome == "built" else [],
        }
        for task in walk(report)
        if task is not report
    ]


def _planned_causes() -> dict[str, list[str]]:
    tasks = read_record(paths.DATA, run_id()).get("tasks", ())
    return {task["label"]: [tell_cause(cause) for cause in task["causes"]] for task in tasks}
