"""Reading: everything that the dashboard shows, from what the pipeline wrote; free of Streamlit, and writes nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import alerts, champion, paths, receipts, staleness
from pipeline.champion import Champion, Seat
from pipeline.current import PointerDamaged, read_pointer
from pipeline.errors import UserError
from pipeline.incremental import ledger
from pipeline.incremental.manifest import Manifest
from pipeline.incremental.records import parse_json
from pipeline.market import Market
from pipeline.market_files import load_market
from pipeline.services import frames
from pipeline.services.deliveries import list_deliveries
from pipeline.stages.incidents import Incident

STAGES = ("ingest", "check", "clean", "split", "train", "evaluate", "promote", "score", "monitor", "report", "nightly")
GRAPH = ("ingest", "check", "clean", "split", "trial", "tune", *STAGES[4:])  # with the search, which few runs ask for
RUNNING, REUSED, NOT_FINISHED = "running", "reused", "not finished"
CHAMPION, FORMER, CHALLENGER = "champion", "former champion", "challenger"
_MANIFESTS = 20_000  # remembered, at about 2 kB each
_WHOLE_MANIFESTS = 256  # with their recipes, at about 50 kB each
_RUNS = 256  # records remembered, at up to 100 kB each
# Score and Monitor wait for Promote, and neither for the other.
_LEVELS = {**{stage: level for level, stage in enumerate(GRAPH)}, "monitor": GRAPH.index("score")}
_UNKNOWN_S, _LEAST_S = 1.0, 0.05  # what a task counts for that never ran, or took no time: as on the terminal
_PATIENCE_S = 0.2
_RECORD = {"run", "command", "root", "subject", "state", "exit", "started_at", "ended_at", "tasks", "messages"}
_TASK = {"name", "family", "outlook", "causes", "seconds", "place", "outcome"}


@dataclass(frozen=True)
class MarketState:
    """What is known of a market now.

    `stages` are the folders of the current results by stage, as of the night `as_of` ("": undated or none). `troubles` say what cannot be read.
    """

    market: str
    terms: Market | None
    as_of: str
    run: str
    stages: Mapping[str, str]
    champion: Champion | None
    stale: str
    troubles: tuple[str, ...]

    @property
    def title(self) -> str:
        """The market's title."""
        return self.terms.title if self.terms else self.market

    @property
    def currency(self) -> str:
        """Its currency, "" where its TOML cannot be read."""
        return self.terms.currency if self.terms else ""

    @property
    def is_synthetic(self) -> bool:
        """Whether its adverts are invented."""
        return bool(self.terms and self.terms.synthetic)

    @property
    def is_empty(self) -> bool:
        """Whether no run has finished yet."""
        return not self.stages

    def place(self, stage: str) -> Path | None:
        """Return the folder of a stage's current result, None where there is none."""
        found = self.stages.get(stage)
        return Path(found) if found and Path(found).is_dir() else None


@dataclass(frozen=True)
class Result:
    """What one committed folder says of itself: enough to find it and what it was made from.

    `made_from` holds (family, file, sha256) of all that it read of other results, `outside` (what it is, sha256) of other files;
    `files` the sha256 of its own files.
    """

    folder: str
    name: str
    family: str
    market: str
    night: str
    fingerprint: str
    run: str
    started_at: str
    duration_s: float
    files: tuple[tuple[str, str], ...]
    made_from: tuple[tuple[str, str, str], ...]
    outside: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Version:
    """A registered model: the champion, a former one, or one that was judged and not promoted."""

    seat: Seat
    role: str

    @property
    def version(self) -> str:
        """Its number in the registry."""
        return self.seat.version


@dataclass(frozen=True)
class Judged:
    """A model with the folder of the evaluation that judged it; `role` is champion or challenger, what is not known is "" or 0."""

    role: str
    version: str
    data_as_of: str
    n_learnt: int
    place: Path


def list_markets() -> list[str]:
    """Name the markets that have deliveries or results."""
    return paths.markets()


def read_title(market: str) -> str:
    """Return a market's title, its name where its TOML cannot be read."""
    try:
        return load_market(market, tuple(paths.market_folders())).title
    except UserError:
        return market


def read_market(market: str) -> MarketState:
    """Read what is known of a market; what is damaged is told and does not raise."""
    troubles: list[str] = []
    terms, pointer, found, stale = None, None, None, ""
    try:
        terms = load_market(market, tuple(paths.market_folders()))
    except UserError as error:
        troubles.append(str(error))
    try:
        pointer = read_pointer(market)
    except PointerDamaged as error:
        troubles.append(str(error))
    try:
        found = champion.read_champion(market)
    except champion.ChampionDamaged as error:
        troubles.append(str(error))
    if found and terms:
        stale = staleness.tell_stale_prices(market, found.seat.data_as_of, terms.delivery)
    stages = dict(pointer.stages) if pointer else {}
    gone = [place for place in stages.values() if not (Path(place) / "manifest.json").is_file()]
    troubles.extend(f"{place} is gone; run the pipeline again to rebuild it." for place in gone)
    return MarketState(
        market,
        terms,
        pointer.as_of if pointer else "",
        pointer.run if pointer else "",
        stages,
        found,
        stale,
        tuple(troubles),
    )


def read_document(place: Path, name: str) -> Any:
    """Read a JSON document of a result. Raises OSError or ValueError."""
    return parse_json((place / name).read_bytes())


def read_rows(place: Path, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a frame of a result, or those of some columns that it has. Raises OSError or pyarrow's errors."""
    return frames.read_frame(place / name, columns)


def list_versions(state: MarketState) -> list[Version]:
    """Return every registered model that is still there, the newest version first."""
    found: dict[str, Version] = {}
    if state.champion:
        for seat in state.champion.earlier:
            found[seat.version] = Version(seat, FORMER)
        found[state.champion.seat.version] = Version(state.champion.seat, CHAMPION)
    for verdict in list_verdicts(state.market):
        told = verdict["challenger"]
        if told["version"] not in found:
            seat = Seat(
                version=told["version"],
                fingerprint=told["fingerprint"],
                folder=told["folder"],
                data_as_of=told["data_as_of"],
                n_learnt=told["n_learnt"],
                trained_until=told["trained_until"],
                evaluation="",
                split="",
                promoted_on="",
            )
            found[seat.version] = Version(seat, CHALLENGER)
    there = [version for version in found.values() if (Path(version.seat.folder) / "manifest.json").is_file()]
    return sorted(there, key=lambda version: int(version.version), reverse=True)


def tell_stale(state: MarketState, seat: Seat) -> str:
    """Say why the prices of a registered model are stale today, "" where they are not."""
    return staleness.tell_stale_prices(state.market, seat.data_as_of, state.terms.delivery) if state.terms else ""


def list_verdicts(market: str) -> list[dict[str, Any]]:
    """Return the verdicts of all nights, the oldest first, each with its `place`, and `judged_at` (a UTC time)."""
    verdicts = []
    for result in list_results("promote", market):
        told = _read_json(Path(result.folder) / champion.VERDICT)
        if told and _is_verdict(told):
            verdicts.append({**told, "place": result.folder, "judged_at": result.started_at})
    return sorted(verdicts, key=lambda told: (told["night"], told["judged_at"]))


def _is_verdict(told: dict[str, Any]) -> bool:
    """Say whether a document that may be damaged is whole enough to be a verdict."""
    challenger = told.get("challenger")
    named = ("version", "fingerprint", "folder", "data_as_of", "n_learnt", "trained_until")
    return (
        isinstance(told.get("night"), str)
        and isinstance(challenger, dict)
        and all(name in challenger for name in named)
        and champion.is_version(challenger["version"])
    )


def list_documents(stage: str, name: str, market: str) -> list[dict[str, Any]]:
    """Return a stage's document of each night, the last one made where there are several, the oldest night first; each with `night` and `place`."""
    by_night: dict[str, dict[str, Any]] = {}
    for result in sorted(list_results(stage, market), key=lambda found: found.started_at):
        told = _read_json(Path(result.folder) / name)
        if told:
            by_night[result.night] = {**told, "night": result.night, "place": result.folder}
    return [by_night[night] for night in sorted(by_night)]


def list_results(stage: str, market: str = "") -> list[Result]:
    """Return what every committed folder of a stage says of itself, of one market where one is named."""
    found = []
    for place in _list_folders(_folder_of(stage)):
        result = find_result(place)
        if result and market in ("", result.market):
            found.append(result)
    return found


def find_result(place: str) -> Result | None:
    """Return what a committed folder says of itself, None where it is gone or cannot be understood."""
    try:
        modified = os.stat(f"{place}/manifest.json").st_mtime_ns  # noqa: PTH116  # a Path for each of thousands is slow
    except OSError:  # half built, or dropped by `gc` in this moment
        return None
    return _read_result(place, modified)


def list_judged(state: MarketState) -> list[Judged]:
    """Return the champion as it was judged, and the newest judged model where that is another."""
    found = []
    if state.champion:
        seat = state.champion.seat
        found.append(Judged(CHAMPION, seat.version, seat.data_as_of, seat.n_learnt, Path(seat.evaluation)))
    newest = state.place("evaluate")
    if newest and not any(judged.place == newest for judged in found):
        version = str((receipts.read_receipt(newest) or {}).get("version", ""))
        told = next(
            (told["challenger"] for told in list_verdicts(state.market) if told["challenger"]["version"] == version), None
        )
        found.append(
            Judged(CHALLENGER, version, told["data_as_of"] if told else state.as_of, told["n_learnt"] if told else 0, newest)
        )
    return found


def find_ingest(state: MarketState, delivery: str) -> Path | None:
    """Return the folder of what was made of a delivery: that which Check judged, else the newest."""
    check = _read_checked(state)
    made = [result for result in list_results("ingest", state.market) if result.name == f"Ingest {state.market}/{delivery}"]
    ranked = sorted(made, key=lambda result: (bool(set(check) & {("Ingest", *file) for file in result.files}), result.started_at))
    return Path(ranked[-1].folder) if ranked else None


def list_monitored(market: str) -> list[dict[str, Any]]:
    """Return what Monitor wrote of each night, the oldest first; one that lacks what pages show is left out."""
    return [
        told
        for told in list_documents("monitor", "monitor.json", market)
        if told.keys() >= {"compared", "findings", "freshness"} and isinstance(told["compared"], dict)
    ]


def _read_checked(state: MarketState) -> tuple[tuple[str, str, str], ...]:
    place = state.place("check")
    if place is None:
        return ()
    result = find_result(place.as_posix())
    return result.made_from if result else ()


def list_journal(market: str) -> list[dict[str, Any]]:
    """Return every promotion, refusal, rollback, bar and lift, the oldest first. Raises JournalDamaged."""
    return champion.read_journal(market)


def list_incidents(market: str) -> list[Incident]:
    """Return what is open, the oldest first. Raises AlertsDamaged."""
    return alerts.open_incidents(market)


def link_run(evaluation: Path) -> str | None:
    """Return the address of a training's run in the MLflow UI, None where none is set."""
    return receipts.link(evaluation)


def list_runs(limit: int) -> list[dict[str, Any]]:
    """Return the newest runs, the newest first; one that is open though nobody is alive in it is told as killed."""
    alive = ledger.running(paths.DATA)
    records = []
    for path in sorted((paths.DATA / "runs").glob("[!.]*.json"), reverse=True)[:limit]:
        record = _recall_run(path)
        if record:
            is_dead = record["state"] == ledger.RUNNING and record["run"] not in alive
            records.append({**record, "state": ledger.KILLED} if is_dead else record)
    return records


def list_damaged_runs(limit: int) -> list[str]:
    """Name the files among the newest records that cannot be understood."""
    newest = sorted((paths.DATA / "runs").glob("[!.]*.json"), reverse=True)[:limit]
    return [path.as_posix() for path in newest if path.exists() and not _recall_run(path)]


def watch_run(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tasks of a run as they stand now.

    Of a run that is open, what it committed since is `built`, what it is at is `running`, and what lies behind that is `reused`: it came out
    as it was. Of one that was killed the rest is `not finished`. `started_at` is when a task's result was made, "" where that is not known.
    """
    tasks = [{**task, "started_at": _made_at(task)} for task in record["tasks"]]
    if all(task["outcome"] for task in tasks):
        return tasks
    built = _list_built(record)
    tasks = [_watch_task(task, built) for task in tasks]
    if record["state"] == ledger.RUNNING:
        return list(_pass_over(_find_running(tasks)))
    return [task if task["outcome"] else {**task, "outcome": NOT_FINISHED} for task in tasks]


def _list_built(record: Mapping[str, Any]) -> dict[str, list[Result]]:
    """Return the results that a run committed by the task's name, the oldest first: a run over several nights has several of one name."""
    built: dict[str, list[Result]] = {}
    for stage in sorted({task["family"].lower() for task in record["tasks"]}):
        for result in sorted(list_results(stage), key=attrgetter("started_at")):
            if result.run == record["run"]:
                built.setdefault(result.name, []).append(result)
    return built


def _made_at(task: Mapping[str, Any]) -> str:
    result = find_result(task["place"]) if task["place"] and task["outcome"] in ("built", REUSED) else None
    return result.started_at if result else ""


def _watch_task(task: dict[str, Any], built: dict[str, list[Result]]) -> dict[str, Any]:
    if task["outcome"] or not built.get(task["name"]):
        return task
    result = built[task["name"]].pop(0)
    return {
        **task,
        "outcome": "built",
        "place": result.folder,
        "seconds": result.duration_s,
        "started_at": result.started_at,
    }


def _find_running(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark the first waiting task of each stage in whose folder a result is being filled."""
    drafted = {stage for stage in GRAPH if next(_folder_of(stage).glob(".building-*"), None)}
    found = []
    for task in tasks:
        stage = task["family"].lower()
        is_running = task["outcome"] is None and stage in drafted
        drafted -= {stage} if is_running else set()
        found.append({**task, "outcome": RUNNING} if is_running else task)
    return found


def _pass_over(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield tasks, those as reused that wait though a later stage of the same night has begun: they were cut off."""
    reached: dict[str, int] = {}
    for task in tasks:
        if task["outcome"] in ("built", RUNNING):
            night = _night_of(task)
            reached[night] = max(reached.get(night, 0), _level_of(task))
    for task in tasks:
        is_behind = task["outcome"] is None and _level_of(task) < reached.get(_night_of(task), 0)
        yield {**task, "outcome": REUSED} if is_behind else task


def _level_of(task: Mapping[str, Any]) -> int:
    return _LEVELS.get(task["family"].lower(), 0)


def _night_of(task: Mapping[str, Any]) -> str:
    return str(task.get("label", task["name"])).removeprefix(task["name"])


def _folder_of(stage: str) -> Path:
    return paths.MODELS if stage == "train" else paths.DATA / stage


def _list_folders(folder: Path) -> list[str]:
    try:
        return sorted(f"{folder.as_posix()}/{name}" for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208  # as fast as can be
    except OSError:
        return []


@dataclass(frozen=True)
class Progress:
    """How far a run is: the share (0–1) of the seconds that its tasks were expected to take, those that are left, and what it is at."""

    share: float
    left_s: float
    running: tuple[str, ...]


def measure_progress(record: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]], now: datetime) -> Progress:
    """Measure a run by `tasks`, as `watch_run` tells them: a task that takes longer than before has no seconds left."""
    expected = {
        task.get("label", task["name"]): max(task["seconds"], _LEAST_S) if task["seconds"] else _UNKNOWN_S
        for task in record["tasks"]
        if task["outlook"] != REUSED
    }
    since = datetime.fromisoformat(record["started_at"])
    left, running, ended = {}, [], [since]
    for task in tasks:
        label = task.get("label", task["name"])
        if task["outcome"] in (None, RUNNING):
            left[label] = expected.get(label, _UNKNOWN_S)
            running.extend([label] if task["outcome"] == RUNNING else [])
        elif task["outcome"] == "built" and task["started_at"]:
            ended.append(datetime.fromisoformat(task["started_at"]))
    taken = max((now - max(ended)).total_seconds(), 0.0)
    left_s = sum(max(seconds - (taken if label in running else 0.0), 0.0) for label, seconds in left.items())
    total = sum(expected.values())
    return Progress(min(max(1 - left_s / total, 0.0), 1.0) if total else 0.0, left_s, tuple(running))


def index_results(market: str) -> dict[tuple[str, str, str], Result]:
    """Return the results of a market by (family, file, sha256) of each of their files; of equal ones the newest."""
    found: dict[tuple[str, str, str], Result] = {}
    for stage in GRAPH:
        for result in sorted(list_results(stage, market), key=attrgetter("started_at")):
            found.update({(result.family, name, sha): result for name, sha in result.files})
    return found


@lru_cache(maxsize=_MANIFESTS)
def _read_result(folder: str, _modified: int) -> Result | None:
    manifest = Manifest.read(Path(folder))
    if manifest is None:
        return None
    recipe = manifest.recipe
    try:
        settings = recipe["settings"] if isinstance(recipe["settings"], dict) else {}
        made_from = [
            (str(family), str(name), str(sha)) for family, digests in recipe["dependencies"] for name, sha in digests.items()
        ]
        return Result(
            folder=folder,
            name=manifest.name,
            family=manifest.task,
            market=str(recipe["parameters"]["market"]),
            night=str(settings.get("night", "")),
            fingerprint=manifest.fingerprint,
            run=manifest.run,
            started_at=manifest.started_at,
            duration_s=manifest.duration_s,
            files=tuple((name, record.sha256) for name, record in manifest.files.items()),
            made_from=tuple(made_from),
            outside=tuple((str(name), str(sha)) for name, sha in recipe["files"].items()),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _recall_run(path: Path) -> dict[str, Any] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return _read_run(path.as_posix(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=_RUNS)
def _read_run(path: str, _modified: int, _size: int) -> dict[str, Any] | None:
    record = _read_json(Path(path))
    return record if record and _is_record(record) else None


def _is_record(found: Mapping[str, Any]) -> bool:
    try:
        datetime.fromisoformat(found["started_at"])
        return found.keys() >= _RECORD and all(task.keys() >= _TASK for task in found["tasks"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def find_document(place: Path | None, name: str) -> dict[str, Any] | None:
    """Return a JSON document of a result, None where it is gone or cannot be understood."""
    return _read_json(place / name) if place else None


def read_manifest(place: str) -> Manifest | None:
    """Return the whole manifest of a folder, with its recipe; None where it is gone or cannot be understood."""
    try:
        return _read_manifest(place, (Path(place) / "manifest.json").stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=_WHOLE_MANIFESTS)
def _read_manifest(place: str, _modified: int) -> Manifest | None:
    return Manifest.read(Path(place))


def tell_damage(place: str) -> str:
    """Say what is wrong with the files of a result, "" where nothing is."""
    manifest = read_manifest(place)
    if manifest is None:
        return "it is gone, or its manifest is"
    return manifest.damage(Path(place), paths.workspace().files) or ""


def list_waiting_nights(state: MarketState) -> list[str]:
    """Return the nights that have a delivery and no results yet, the oldest first; "" stands for undated deliveries, before any result."""
    if state.terms is None:
        return []
    try:
        deliveries = list_deliveries(paths.deliveries(state.market), state.terms.files)
    except UserError:
        return []
    return sorted({delivery.night for delivery in deliveries if state.is_empty or delivery.night > state.as_of})


def answers(host: str, port: int) -> bool:
    """Say whether a server listens there; a page does not wait for one that hangs."""
    try:
        socket.create_connection((host, port), _PATIENCE_S).close()
    except OSError:
        return False
    return True
