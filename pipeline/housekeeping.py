"""What may go: results that nothing needs, what killed builds left, and records of old runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline import champion, current, former, paths, receipts
from pipeline.errors import AlreadyRunning
from pipeline.incremental import ledger, store
from pipeline.incremental.manifest import Manifest

YOUNG_S = 24 * 3600  # a result this young may belong to a run that has not pointed to it yet


@dataclass(frozen=True)
class Dropped:
    """Folders that were dropped, their size in bytes, and how many results stay."""

    folders: list[str]
    size: int
    kept: int


def collect(keep: int, *, dry_run: bool = False) -> Dropped:
    """Drop what no pointer, no champion, none of the last `keep` runs and no aliased version needs, and is older than a day.

    Raises AlreadyRunning while a run is alive, and PointerDamaged or ChampionDamaged where nobody knows what is needed.
    """
    with store.locked(paths.DATA / "locks" / "ledger.lock"):  # no run starts meanwhile
        alive = ledger.running(paths.DATA)
        if alive:
            raise AlreadyRunning(f"Run {alive[0]} is alive: its results have no pointer yet. Run gc again when it is done.")
        ledger.close_killed(paths.workspace())
        needed = _needed(keep)
        results = list(paths.workspace().results())
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
                receipts.drop_receipts_of({Path(model).name for model in models})
                registry.forget_versions(models, paths.MLFLOW, paths.workspace().locks)
            for folder in doomed:
                store.remove(folder)
                receipts.drop_receipt(folder)
                champion.drop_receipts(folder)
            _drop_records(keep)
    return Dropped([folder.as_posix() for folder in doomed], size, sum(folder not in doomed for folder in results))


def _needed(keep: int) -> set[str]:
    """Name the results that pointers, champions, former champions and the last runs use."""
    markets = [path.stem for path in (paths.DATA / "current").glob("[!.]*.json")]
    pointers = [pointer for market in markets if (pointer := current.read_pointer(market))]
    pointed = {place for pointer in pointers for place in pointer.stages.values()} | champion.needed_places()
    # A rerun of the same night starts from the scores that the current ones started from.
    pointed |= {place for pointer in pointers if (place := former.before(pointer.stages.get(former.STAGE, "")))}
    kept = {task["place"] for record in ledger.read_records(paths.DATA)[:keep] for task in record["tasks"]}
    return pointed | kept | set(_read_by(pointed))


def _read_by(places: set[str]) -> Iterator[str]:
    """Name the results that hold what was read to make those: a pointer names no Ingest, and the record that does may be gone."""
    read: dict[tuple[str, tuple[str, ...]], set[tuple[str, ...]]] = {}  # digests by task and names of files
    for manifest in map(Manifest.read, map(Path, places)):
        for task, digests in manifest.recipe["dependencies"] if manifest else ():
            read.setdefault((task, tuple(digests)), set()).add(tuple(digests.values()))
    for folder in paths.workspace().results():
        found = Manifest.read(folder)
        if found and any(found.task == task and _digests_of(found, names) in wanted for (task, names), wanted in read.items()):
            yield folder.as_posix()


def _digests_of(manifest: Manifest, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the digests of these files; None where none is asked for, or one is missing."""
    is_there = bool(names) and manifest.files.keys() >= set(names)
    return tuple(manifest.files[name].sha256 for name in names) if is_there else None


def _leavings() -> Iterator[Path]:
    """Yield half-built and damaged folders."""
    for pattern, root in (("[!.]*/.*", paths.DATA), (".*", paths.MODELS)):
        yield from sorted(path for path in root.glob(pattern) if path.name.startswith(store.LEAVINGS) and path.is_dir())


def _is_old(folder: Path) -> bool:
    return time.time() - folder.stat().st_mtime > YOUNG_S


def _drop_records(keep: int) -> None:
    """Drop the records of all but the last runs, leaving to each subject its newest and its newest good one.

    The good one says why the next run runs.
    """
    seen: set[tuple[str, bool]] = set()
    for place, record in enumerate(ledger.read_records(paths.DATA)):
        kind = (record["subject"], record["state"] == ledger.DONE)
        if place >= keep and kind in seen:
            for ending in (".json", ".html"):
                (paths.DATA / "runs" / f"{record['run']}{ending}").unlink(missing_ok=True)
        seen.add(kind)
