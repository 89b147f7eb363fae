"""A Luigi task that is complete when a result made by today's recipe lies undamaged in its place."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import luigi
from luigi.task import flatten

from pipeline.incremental import store
from pipeline.incremental.digests import digest_file, digest_readable, digest_value
from pipeline.incremental.errors import CodeInvalid, InputChanged, UserError, explain_place
from pipeline.incremental.failures import USER_ERROR
from pipeline.incremental.manifest import FileRecord, Manifest
from pipeline.incremental.worker import incremental
from pipeline.incremental.workspace import KEY_LENGTH, Workspace, run_id

FORMAT_VERSION = 1  # raise it by hand when this layer changes what a recipe means: everything is rebuilt
_PYTHON = ".".join(platform.python_version_tuple()[:2])
_log = logging.getLogger("pipeline")


class ResultTarget(luigi.Target):
    """The output of an incremental task, as Luigi asks for it."""

    def __init__(self, task: IncrementalTask) -> None:
        """Stand for the result of `task`."""
        self._task = task

    def exists(self) -> bool:
        """Say whether the result of today's recipe is there."""
        return self._task.is_committed()

    def __str__(self) -> str:
        """Name the folder, or the stage where it is not known yet."""
        return str(self._task.results)


class ExplainingTask(luigi.Task):
    """A task whose failure shows as its message alone where it is the user's to mend."""

    user_error: UserError | None = None
    time_limit: ClassVar[str] = "worker_timeout"  # how a person knows the setting that limits the task's time

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Give the task a name of its own in each run.

        Luigi's name for a task knows its own parameters, not those of the tasks before it: two runs that mean different
        things by one name would wait for each other, and be told of each other's failures.
        """
        super().__init__(*args, **kwargs)
        self.task_id = f"{self.task_id}_{run_id()}"

    @property
    def subject(self) -> str:
        """What the task is about, as far as its family does not say: one subject has one result at a time."""
        return ""

    @property
    def name(self) -> str:
        """The task's name for a person, the same in every run."""
        return f"{self.task_family} {self.subject}".strip()

    def link(self) -> str | None:
        """Return the address of a page that tells more of the result, for the visualiser; only asked for when the task is done."""
        return None

    @property
    def label(self) -> str:
        """The name, and what tells the task from others of that name that one run may be asked for."""
        return self.name

    def prepare(self) -> None:
        """See to what the task needs beyond its inputs; called once for each family of which a task will run. May raise UserError."""

    def on_failure(self, exception: BaseException) -> str:
        """Say what the scheduler shows and the worker ends with."""
        if isinstance(exception, UserError):
            return f"{USER_ERROR}{exception.exit_code}: {exception}"
        return str(super().on_failure(exception))


class IncrementalTask(ExplainingTask):
    """Base of every stage: subclasses say what they read and how `build` makes files out of it.

    The recipe is: task family, significant parameters, `settings()`, the digests of `files()`, the versions of
    `libraries`, Python's, the code that `build` reaches, and the digests of the dependencies' outputs: of the files
    that `consumes` names for the dependency's family, or of all of them.
    """

    libraries: ClassVar[tuple[str, ...]] = ()
    consumes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    outside_fingerprint: ClassVar[frozenset[str]] = frozenset()

    _dependencies: list[Any] | None = None
    _manifest: Manifest | None = None

    def workspace(self) -> Workspace:
        """Return the workspace of the project; to be overridden."""
        raise TypeError(f"{type(self).__name__} does not say what its workspace is")

    @property
    def results(self) -> Path:
        """The folder that holds all results of this stage; a subclass may put it elsewhere."""
        return self.workspace().data / str(self.task_family).lower()

    def settings(self) -> Any:
        """Return further plain values that `build` depends on, read afresh."""
        return None

    def files(self) -> dict[str, Path]:
        """Return the outside files that `build` reads, by the name that the recipe gives them."""
        return {}

    def build(self, folder: Path) -> None:
        """Write the result's files into `folder`; to be overridden."""
        raise TypeError(f"{type(self).__name__} does not say how {folder} is built")

    def after_commit(self) -> None:
        """Do what follows a commit or a reuse, such as moving a pointer; it must be idempotent."""

    def summary(self) -> list[str]:
        """Return lines for a person about the result, shown at the end of every run; only asked for where there is one."""
        return []

    def deps(self) -> list[Any]:
        """Return the dependencies, decided once: a delivery that arrives meanwhile belongs to the next run.

        They travel with the task into child processes, so that parent and child see one graph.
        """
        if self._dependencies is None:
            self._dependencies = flatten(self.requires())
        return self._dependencies

    def output(self) -> ResultTarget:
        """Return the target that Luigi asks about."""
        return ResultTarget(self)

    @property
    def folder(self) -> Path:
        """The committed result's folder; only to be asked for when the task is complete."""
        return self._place(self._committed().fingerprint)

    @property
    def manifest(self) -> Manifest:
        """The committed result's manifest; only to be asked for when the task is complete."""
        return self._committed()

    def complete(self) -> bool:
        """Say whether all dependencies are complete and the result of today's recipe is undamaged."""
        complete = self._stands(lambda dependency: bool(dependency.complete()))
        self.workspace().save()
        return complete

    def is_committed(self) -> bool:
        """Say the same without asking for what `complete` of a subclass adds, here or before it. A True is remembered, a False never."""
        return self._stands(lambda task: bool(task.is_committed() if isinstance(task, IncrementalTask) else task.complete()))

    def _stands(self, is_ready: Callable[[Any], bool]) -> bool:
        try:
            if self._manifest is None and all(map(is_ready, self.deps())):
                self._manifest = self._valid(digest_value(self.recipe()))
        except UserError as error:
            self.user_error = error  # Luigi hands on the text of a traceback; the worker shows this instead
            raise
        return self._manifest is not None

    def run(self) -> None:
        """Build and commit the result, unless it is there already (early cut-off)."""
        try:
            self._run()
        except OSError as error:
            raise explain_place(error, self.task_family, self.results.absolute()) from None

    def _run(self) -> None:
        recipe = self.recipe()
        fingerprint = digest_value(recipe)
        place = self._place(fingerprint)
        with store.locked(self.workspace().locks / f"{self.results.name}-{place.name}.lock", self._tell_waiting):
            self._manifest = self._valid(fingerprint)
            if self._manifest is None:
                self._build_and_commit(recipe, place)
            else:
                _log.info("%-9s reused %s", self.task_family, place)
        self.after_commit()

    def recipe(self) -> dict[str, Any]:
        """Return all that decides the result's bytes; the dependencies must be complete."""
        return {**self.own_recipe(), "dependencies": _digests_of(self, [dependency.manifest for dependency in self.deps()])}

    def own_recipe(self) -> dict[str, Any]:
        """Return the recipe without what the dependencies bring, which need not be complete."""
        memory = self.workspace().files
        try:
            files = {name: memory.digest(path) for name, path in self.files().items()}
            code = self.workspace().digest_class(type(self))
        except OSError as error:
            raise InputChanged(
                f"{self.task_family}: cannot read {error.filename} ({error.strerror}). If it was there a moment ago, run again."
            ) from None
        except SyntaxError as error:
            raise CodeInvalid(f"{error.filename}, line {error.lineno}: {error.msg}. Mend it and run again.") from None
        return self._recipe(code, files)

    def is_forced(self) -> bool:
        """Say whether the result is to be built again though it is there."""
        return self.task_family in incremental().force

    def damage_of(self, fingerprint: str) -> str | None:
        """Say what is wrong with the result that stands in the place of that fingerprint; None where none does."""
        place = self._place(fingerprint)
        return self._damage_of(place) if place.exists() and self._find(fingerprint) is None else None

    def tell(self, message: str, share: float | None = None) -> None:
        """Show a message and the share done (0–1) in the visualiser. Never put values from data into it."""
        if callable(self.set_status_message):
            self.set_status_message(message)
        if share is not None and callable(self.set_progress_percentage):
            self.set_progress_percentage(round(100 * share))

    def _tell_waiting(self) -> None:
        _log.info("%-9s waits  for another run that builds the same", self.task_family)
        self.tell("waiting for another run that builds the same")

    def _recipe(self, code: dict[str, str], files: dict[str, str]) -> dict[str, Any]:
        significant = self.to_str_params(only_significant=True)
        return {
            "format": FORMAT_VERSION,
            "task": self.task_family,
            "parameters": {name: value for name, value in significant.items() if name not in self.outside_fingerprint},
            "settings": self.settings(),
            "python": _PYTHON,
            "libraries": {name: _version(name) for name in self.libraries},
            "code": code,
            "files": files,
        }

    def _recipe_now(self) -> dict[str, Any]:
        """Return the recipe with everything read from disk again, by no memory."""
        _version.cache_clear()
        manifests = [Manifest.read(dependency.folder) for dependency in self.deps()]
        own = self._recipe(
            code=self.workspace().digest_class_now(type(self)),
            files={name: digest_readable(path) for name, path in self.files().items()},
        )
        return {**own, "dependencies": _digests_of(self, [manifest for manifest in manifests if manifest is not None])}

    def _build_and_commit(self, recipe: dict[str, Any], place: Path) -> None:
        store.sweep(place)
        if place.exists():
            self._clear(place)
        started_at, clock = datetime.now(UTC), time.perf_counter()
        self.tell("building", 0)
        folder = store.new_folder(place)
        try:
            self.build(folder)
            manifest = Manifest(
                task=self.task_family,
                fingerprint=digest_value(recipe),
                recipe=recipe,
                files=_records(folder),
                run=run_id(),
                started_at=started_at.isoformat(timespec="seconds"),
                duration_s=round(time.perf_counter() - clock, 3),
                name=self.name,
            )
            manifest.write(folder)
            self._refuse_changes(recipe)
            is_first = store.commit(folder, place)
        except BaseException:
            if folder.exists():
                store.remove(folder)
            raise
        self.tell("done", 1)
        if is_first:
            self._manifest = manifest
            _log.info("%-9s built  %s in %.2f s", self.task_family, place, manifest.duration_s)
        else:
            self._manifest = self._find(manifest.fingerprint)
            _log.info("%-9s reused %s, which another run built meanwhile", self.task_family, place)

    def _clear(self, place: Path) -> None:
        """Take away what stands in the place: damaged, it is kept for whoever wants to look; whole, it is built by force."""
        manifest = Manifest.read(place)
        is_whole = manifest is not None and self._find(manifest.fingerprint) is not None
        damage, aside = self._damage_of(place), store.set_aside(place)
        if is_whole:
            store.remove(aside)
        else:
            _log.warning("%-9s %s is damaged (%s); set aside as %s", self.task_family, place, damage, aside.name)

    def _refuse_changes(self, recipe: dict[str, Any]) -> None:
        try:
            now = self._recipe_now()
        except (OSError, SyntaxError, LookupError) as error:
            raise InputChanged(f"{self.task_family}: an input or the code went away while it ran ({error}). Run again.") from None
        for part, before in recipe.items():
            if now[part] != before:
                raise InputChanged(
                    f"{self.task_family}: its {part} changed while it ran ({_difference(before, now[part])}); "
                    "nothing was committed. Run the same command again."
                )

    def _committed(self) -> Manifest:
        if not self.is_committed() or self._manifest is None:
            raise LookupError(f"{self} has no result yet")
        return self._manifest

    def _valid(self, fingerprint: str) -> Manifest | None:
        """Return the manifest of the result that may be used: whole, and not to be built again by this run."""
        manifest = self._find(fingerprint)
        return None if manifest is not None and self.is_forced() and manifest.run != run_id() else manifest

    def _find(self, fingerprint: str) -> Manifest | None:
        place = self._place(fingerprint)
        manifest = Manifest.read(place)
        if manifest is None or manifest.fingerprint != fingerprint or manifest.damage(place, self.workspace().files):
            return None
        return manifest

    def _damage_of(self, place: Path) -> str:
        manifest = Manifest.read(place)
        if manifest is None:
            return "its manifest is missing or cannot be understood"
        return manifest.damage(place, self.workspace().files) or "its manifest is that of another result"

    def _place(self, fingerprint: str) -> Path:
        return self.results / fingerprint[:KEY_LENGTH]


def _digests_of(task: IncrementalTask, manifests: list[Manifest]) -> list[Any]:
    """Return the digests of what a task reads of its dependencies' outputs."""
    return [[manifest.task, manifest.digests(task.consumes.get(manifest.task))] for manifest in manifests]


def _records(folder: Path) -> dict[str, FileRecord]:
    records = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            records[path.relative_to(folder).as_posix()] = FileRecord(digest_file(path), stat.st_size, stat.st_mtime_ns)
    return records


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        return ", ".join(sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name)))
    return "another value"


@cache
def _version(distribution: str) -> str:
    return metadata.version(distribution)
