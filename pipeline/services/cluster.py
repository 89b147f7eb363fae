"""A Dask cluster: functions of ours run by its workers, with the results that they have here. The only importer of Dask.

A worker says first by what it would compute: with another Python, library or code than ours its bytes could be others, and it is refused.
Arguments travel as tasks of their own, so that Dask can send them again when the worker that holds them dies; what is scattered is lost
then (https://github.com/dask/distributed/issues/3149), which is why this is not joblib's backend.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, Future, KilledWorker, get_worker

from pipeline.errors import ClusterFailed, WorkerDiffers
from pipeline.incremental.code import CodeReader
from pipeline.services.deadline import within

FIRST_S = 5  # a slip in the address is told soon
ANSWER_S = 30  # a scheduler that was there may be busy, but not for so long
LOOK_S = 1
GOODBYE_S = 5
SEEN_S = 30  # network file systems show files late


@dataclass(frozen=True)
class Cluster:
    """The scheduler's address, seconds to wait where no worker is left, and the libraries whose versions decide a result's bytes."""

    address: str
    wait_s: int
    libraries: tuple[str, ...]

    def map(self, function: Callable[..., Any], shared: tuple[Any, ...], each: Sequence[Any]) -> list[Any]:
        """Return `function(*shared, one)` for every one, in their order; what a call raises is raised here.

        A call whose worker dies is done again by another. Raises ClusterFailed where the scheduler or all workers are gone,
        WorkerDiffers where a worker would compute something else.
        """
        return self._map(function.__module__, function, shared, each)

    def build(self, function: Callable[..., None], folder: Path, *arguments: Any) -> None:
        """Let a worker, which must see the folder, call `function(draft, *arguments)`, and move what it wrote from its draft there.

        Each attempt has a draft of its own: a worker that was given up may still be writing.
        """
        ((draft, sizes),) = self._map(function.__module__, _build, (folder.absolute(), function), [arguments])
        deadline = time.monotonic() + SEEN_S
        while {path.name: path.stat().st_size for path in (folder / draft).glob("*")} != sizes:
            if time.monotonic() > deadline:
                raise ClusterFailed(f"What a Dask worker wrote into {folder.absolute()} cannot be seen here: {', '.join(sizes)}.")
            time.sleep(LOOK_S)
        for written in sizes:
            (folder / draft / written).rename(folder / written)
        for rest in folder.glob(".attempt-*"):
            shutil.rmtree(rest)

    def _map(self, module: str, function: Callable[..., Any], shared: tuple[Any, ...], each: Sequence[Any]) -> list[Any]:
        """Do the same, with what `module` computes by."""
        ours = describe(module, self.libraries)
        graphs = dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})
        with graphs, self._connected() as client, self._explained():
            held = client.submit(_hold, shared, key=f"hold-{uuid.uuid4()}")
            asked = (ours, module, self.libraries, f"{function.__module__}:{function.__qualname__}", held)
            futures = [client.submit(_call, *asked, one, key=f"{function.__name__}-{uuid.uuid4()}") for one in each]
            return [self._wait(client, future, futures) for future in futures]

    def look(self) -> None:
        """Raise ClusterFailed soon where no scheduler answers."""
        with self._connected(FIRST_S):
            pass

    @contextlib.contextmanager
    def _connected(self, seconds: float = ANSWER_S) -> Iterator[Client]:
        """Hold a connection to the scheduler; raises ClusterFailed where there is none within so many seconds."""
        for name in ("distributed", "distributed.client", "asyncio", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told by us, once
        where = urlsplit(self.address)
        try:
            # Dask goes on trying where nobody listens, and waits for ever for what is no scheduler.
            socket.create_connection((where.hostname or "", where.port or 0), timeout=seconds).close()
            client = within(seconds, lambda: Client(self.address, timeout=seconds), lambda: TimeoutError("it does not answer"))
        except Exception as error:  # what is no scheduler may say anything
            raise ClusterFailed(
                f"No Dask scheduler at {self.address}, [dask] scheduler in luigi.cfg ({error}). "
                "Start one (`dask scheduler`) and workers (`dask worker`), or leave the setting empty to compute here."
            ) from None
        try:
            yield client
        finally:
            with contextlib.suppress(Exception):  # it says goodbye also to whoever is gone
                client.close(timeout=GOODBYE_S)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what Dask's own failures mean."""
        try:
            yield
        except KilledWorker as error:
            raise ClusterFailed(
                f"Dask at {self.address} gave up a task of which {error.allowed_failures + 1} workers died, the last {error.last_worker}. "
                "Did they run out of memory? Run again with more of it."
            ) from None
        except CancelledError:
            raise ClusterFailed(
                f"The Dask scheduler at {self.address} went away, or was restarted, while it had work of ours. "
                "What is committed stays: run again when it is back."
            ) from None
        except (ImportError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "deserializ" not in str(error):
                raise
            reason = error if isinstance(error, ImportError) else "its scheduler has another environment"
            raise WorkerDiffers(
                f"The Dask cluster at {self.address} cannot load what it is sent ({reason}). "
                "Install the project as it is here on the machines of its scheduler and its workers, and start them again."
            ) from None

    def _wait(self, client: Client, future: Future[Any], futures: list[Future[Any]]) -> Any:
        """Return the result of a future, or raise what any of them raised; look every second whether somebody still works on it."""
        alone_since = None
        while True:
            failed = next((one for one in futures if one.status == "error"), future)
            try:
                return failed.result(timeout=LOOK_S)
            except TimeoutError:
                if failed.status == "error":
                    raise
            alone_since = None if self._count_workers(client) else alone_since or time.monotonic()
            if alone_since and time.monotonic() - alone_since > self.wait_s:
                raise ClusterFailed(
                    f"The Dask cluster at {self.address} has had no worker for {self.wait_s} s ([dask] wait_seconds). "
                    f"Start one (`dask worker {self.address}`) and run again; one that ended at its first task lacks the project: see its log."
                )

    def _count_workers(self, client: Client) -> int:
        try:
            return len(client.nthreads(callback_timeout=ANSWER_S))
        except (OSError, TimeoutError, CancelledError):
            raise CancelledError from None


def describe(module: str, libraries: tuple[str, ...]) -> dict[str, str]:
    """Return all by which a process computes what functions of the module do: machine, Python, libraries and code, as first seen by it."""
    versions = {name: _version(name) for name in (*libraries, "distributed")}
    python = ".".join(platform.python_version_tuple()[:2])
    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "Python": python,
        **versions,
        **_code().digest_modules([__name__, module]),
    }


def _hold(shared: tuple[Any, ...]) -> tuple[Any, ...]:
    """Keep arguments in a worker."""
    return shared


def _call(ours: dict[str, str], module: str, libraries: tuple[str, ...], name: str, shared: tuple[Any, ...], one: Any) -> Any:
    """Call a function in a worker that computes as we do; by its name, so that one that does not can say so."""
    _refuse_difference(ours, module, libraries)
    return resolve_name(name)(*shared, one)


def _build(folder: Path, function: Callable[..., None], arguments: tuple[Any, ...]) -> tuple[str, dict[str, int]]:
    """Let a function write files in a worker; return the draft's name, and the size of each file."""
    if not folder.is_dir():
        raise ClusterFailed(f"The Dask worker {_address()} does not see {folder}: workers must share the project's file system.")
    draft = folder / f".attempt-{uuid.uuid4().hex[:8]}"
    draft.mkdir()
    function(draft, *arguments)
    return draft.name, {path.name: path.stat().st_size for path in draft.glob("*")}


def _refuse_difference(ours: dict[str, str], module: str, libraries: tuple[str, ...]) -> None:
    theirs = describe(module, libraries)
    if ours != theirs:
        found = [_tell_difference(name, ours, theirs) for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        raise WorkerDiffers(
            f"The Dask worker {_address()} is not as we are, and could compute other bytes: {', '.join(found)}. "
            "Install the same there, and start the worker again."
        )


def _tell_difference(name: str, ours: dict[str, str], theirs: dict[str, str]) -> str:
    if name.startswith("pipeline."):
        return f"the code of {name}"
    return f"{name} {theirs.get(name)} there and {ours.get(name)} here"


def _address() -> str:
    return str(get_worker().address)


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "missing"


@cache
def _code() -> CodeReader:
    return CodeReader("pipeline", Path(__file__).parents[1], ("pipeline.incremental",))
