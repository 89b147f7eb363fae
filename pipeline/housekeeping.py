"""What may go: results that nothing needs, what killed builds left, and records of old runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline import former, paths, receipts
from pipeline.errors import AlreadyRunning
from pipeline.incremental import ledger, store
from pipeline.incremental.manifest import NAME

YOUNG_S = 24 * 3600  # a result this young may belong to a run that has not pointed to it yet


@dataclass(frozen=True)
class Dropped:
    """Folders that were dropped, their size in bytes, and how many results stay."""

    folders: list[str]
    size: int
    kept: int


def collect(keep: int, *, dry_run: bool = False) -> Dropped:
    """Drop what no pointer, none of the last `keep` runs and no aliased model version needs, and is older than a day.

    Raises AlreadyRunning while a run is alive.
    """
    with store.locked(paths.DATA / "locks" / "ledger.lock"):  # no run starts meanwhile
        alive = ledger.running(paths.DATA)
        if alive:
            raise AlreadyRunning(f"Run {alive[0]} is alive: its results have no pointer yet. Run gc again when it is done.")
        ledger.close_killed(paths.DATA)
        needed = _needed(keep)
        results = list(_results())
        doomed = [folder for folder in results if folder.as_posix() not in needed and _is_old(folder)]
        models = {folder.as_posix() for folder in doomed if folder.parent == paths.MODELS}
        if models:
            from pipeline.services import registry

            aliased = registry.aliased_sources(paths.MLFLOW, paths.workspace().locks)
            doomed = [folder for folder in doomed if folder.as_posix() not in aliased]
            models -= aliased
        doomed += [folder for folder in _leavings() if _is_old(folder)]
        size = sum(path.stat().st_size for folder in doomed for path in folder.rglob("*") if path.is_file())
        if not dry_run:
            if models:
                registry.forget_versions(models, paths.MLFLOW, paths.workspace().locks)
            for folder in doomed:
                store.remove(folder)
                receipts.drop_receipt(folder)
            _drop_records(keep)
    return Dropped([folder.as_posix() for folder in doomed], size, sum(folder not in doomed for folder in results))


def _needed(keep: int) -> set[str]:
    """Name the results that pointers and the last runs use."""
    needed: set[str] = set()
    records = ledger.read_records(paths.DATA)
    for path in (paths.DATA / "current").glob("[!.]*.json"):
        pointer = json.loads(path.read_bytes())
        needed.update(pointer["stages"].values())
        needed.update(filter(None, [former.before(pointer["stages"].get(former.STAGE, ""))]))  # a rerun starts from these again
        # The pointer names no Ingest: the newest run that shared its results knows them. Scores may be those of another night's run.
        places = {place for stage, place in pointer["stages"].items() if stage != former.STAGE}
        of_pointer = (record for record in records if places <= {task["place"] for task in record["tasks"]})
        needed.update(task["place"] for task in next(of_pointer, {"tasks": []})["tasks"])
    for record in records[:keep]:
        needed.update(task["place"] for task in record["tasks"])
    return needed


def _results() -> Iterator[Path]:
    for pattern, root in (("[!.]*/[!.]*/" + NAME, paths.DATA), ("[!.]*/" + NAME, paths.MODELS)):
        yield from sorted(path.parent for path in root.glob(pattern))


def _leavings() -> Iterator[Path]:
    """Yield half-built and damaged folders."""
    for pattern, root in (("[!.]*/.*", paths.DATA), (".*", paths.MODELS)):
        yield from sorted(path for path in root.glob(pattern) if path.name.startswith(store.LEAVINGS) and path.is_dir())


def _is_old(folder: Path) -> bool:
    return time.time() - folder.stat().st_mtime > YOUNG_S


def _drop_records(keep: int) -> None:
    """Drop the records of all but the last runs, leaving to each subject its newest: it says why the next run runs."""
    seen: set[str] = set()
    for place, record in enumerate(ledger.read_records(paths.DATA)):
        if place >= keep and record["subject"] in seen:
            for ending in (".json", ".html"):
                (paths.DATA / "runs" / f"{record['run']}{ending}").unlink(missing_ok=True)
        seen.add(record["subject"])
