"""Makes the plan of a task: what of it and of all that it rests on will run, and why, without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.incremental import ledger
from pipeline.incremental.digests import digest_value
from pipeline.incremental.explain import Cause, Plan, Verdict, compare
from pipeline.incremental.manifest import Manifest
from pipeline.incremental.task import ExplainingTask, IncrementalTask


def make_plan(root: IncrementalTask) -> Plan:
    """Judge `root` and all that it rests on; raises UserError where an input is missing or wrong.

    A task whose dependencies will be rebuilt "may run": they could come out the same. It "runs" for certain when what
    it brings itself (parameters, code, libraries, settings) stands in no result yet.
    """
    tasks = list(walk(root))
    verdicts: dict[str, Verdict] = {}
    before: dict[str, str] | None = None
    for task in tasks:
        verdict = _reuse(task, verdicts)
        if verdict is None:
            if before is None:
                names = {task.name for task in tasks}
                before = ledger.last_places(root.workspace().data, root.subject, names) or _newest_places(tasks)
            verdict = _judge(task, verdicts, before.get(task.name))
        verdicts[task.name] = verdict
    return Plan(verdicts)


def walk(root: Any) -> Iterator[Any]:
    """Yield a task's dependencies, then itself, each task once."""
    seen: set[str] = set()
    waiting: list[tuple[Any, bool]] = [(root, False)]
    while waiting:
        task, is_done = waiting.pop()
        if is_done:
            yield task
        elif task.name not in seen:
            seen.add(task.name)
            waiting.append((task, True))
            dependencies = task.deps() if isinstance(task, IncrementalTask) else []
            waiting.extend((dependency, False) for dependency in reversed(dependencies))


def _newest_places(tasks: list[Any]) -> dict[str, str]:
    """Return the place of each task's newest result, where no record tells of any: they may be lost, and results stand."""
    newest: dict[str, tuple[str, str]] = {}
    for results in {task.results for task in tasks if isinstance(task, IncrementalTask)}:
        for path in results.glob("[!.]*/manifest.json"):
            if manifest := Manifest.read(path.parent):
                found = (manifest.started_at, path.parent.as_posix())
                newest[manifest.name] = max(newest.get(manifest.name, found), found)
    return {task.name: newest[task.name][1] for task in tasks if task.name in newest}


def _reuse(task: ExplainingTask, verdicts: dict[str, Verdict]) -> Verdict | None:
    if not isinstance(task, IncrementalTask):
        return None
    needs = tuple(dependency.name for dependency in task.deps())
    if any(verdicts[name].outlook != "reused" for name in needs) or not task.is_committed():
        return None
    return Verdict(task.name, task.task_family, "reused", (), task.manifest.duration_s, task.folder.as_posix(), needs)


def _judge(task: ExplainingTask, verdicts: dict[str, Verdict], before: str | None) -> Verdict:
    if not isinstance(task, IncrementalTask):  # it stands for what is not there, and says so when it is run
        return Verdict(task.name, task.task_family, "runs", (Cause("input changed", "nothing to read"),))
    needs = tuple(dependency.name for dependency in task.deps())
    rebuilt = [name for name in needs if verdicts[name].outlook != "reused"]
    known = Manifest.read(Path(before)) if before else None
    seconds = known.duration_s if known else 0.0
    if rebuilt:
        own = task.own_recipe()
        damage = known.damage(Path(before or ""), task.workspace().files) if known else None
        causes = [*([Cause("damaged", damage)] if damage else []), *_causes(known, before, own, needs)]
        is_certain = task.is_forced() or not _stands_somewhere(task.results, own)
        return Verdict(
            task.name,
            task.task_family,
            "runs" if is_certain else "may run",
            (*_forced(task), *causes, Cause("upstream", _name(rebuilt))),
            seconds,
            needs=needs,
        )
    recipe = task.recipe()
    damage = task.damage_of(digest_value(recipe))
    causes = [Cause("damaged", damage)] if damage else _causes(known, before, recipe, needs)
    return Verdict(task.name, task.task_family, "runs", tuple(_forced(task) or causes), seconds, needs=needs)


def _causes(known: Manifest | None, before: str | None, recipe: dict[str, Any], needs: tuple[str, ...]) -> list[Cause]:
    if known is not None:
        return compare(known.recipe, recipe, needs)
    return [Cause("damaged", f"{before} is gone")] if before else [Cause("first run")]


def _forced(task: IncrementalTask) -> list[Cause]:
    return [Cause("forced")] if task.is_forced() else []


def _stands_somewhere(results: Path, own: dict[str, Any]) -> bool:
    """Say whether any result of the stage was made by the same recipe, its dependencies aside."""
    wanted = digest_value(own)
    for path in results.glob("[!.]*/manifest.json"):
        manifest = Manifest.read(path.parent)
        if manifest and digest_value({key: value for key, value in manifest.recipe.items() if key != "dependencies"}) == wanted:
            return True
    return False


def _name(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
