"""Places on disk: build beside, make durable and read-only, and commit a whole folder by one rename."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

_BUILDING = ".building-"
_DAMAGED = ".damaged-"
_LOOKS, _LOOK_S = 20, 0.005  # how long a lock that somebody looks at is waited for before it counts as held
LEAVINGS = (_BUILDING, _DAMAGED)
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}(-journal)?")  # how `replace_text` and others name what they are about to rename


@contextlib.contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an advisory lock, waiting for whoever has it (`on_wait` is called first, and may raise); the file is gone when nobody holds it."""
    handle = _acquire(path, on_wait)
    try:
        yield
    finally:
        _release(path, handle)


def is_held(path: Path) -> bool:
    """Say whether a process holds the lock."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def new_folder(place: Path) -> Path:
    """Make the folder to build in, beside `place`, so that committing is one rename on one file system."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = place.with_name(f"{_BUILDING}{place.name}-{uuid.uuid4().hex[:8]}")
    folder.mkdir()
    return folder


def commit(folder: Path, place: Path) -> bool:
    """Make `folder` durable and read-only and rename it to `place`; False when another process was first."""
    for path in sorted(folder.rglob("*")):
        _sync(path)
        path.chmod(0o555 if path.is_dir() else 0o444)
    _sync(folder)
    folder.chmod(0o555)
    try:
        folder.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        remove(folder)
        return False
    _sync(place.parent)
    return True


def set_aside(place: Path) -> Path:
    """Rename a damaged result out of the way, keeping it for whoever wants to look."""
    aside = place.with_name(f"{_DAMAGED}{place.name}-{time.time_ns()}")
    place.rename(aside)
    return aside


def sweep(place: Path) -> None:
    """Remove what killed builds of `place` left beside it. The caller holds the lock of `place`."""
    for folder in place.parent.glob(f"{_BUILDING}{place.name}-*"):
        remove(folder)


def sweep_all(data: Path, more_results: tuple[Path, ...], foreign: frozenset[str]) -> None:
    """Remove what killed runs left: half-built folders, drafts of files, locks that nobody holds. No other run may be alive.

    Folders of `data` whose names are in `foreign` hold what is not ours, and are not looked into.
    """
    ours = [path for path in data.glob("[!.]*") if path.is_dir() and path.name not in foreign]
    folders = [*ours, *(path for folder in ours for path in folder.glob("[!.0-9]*/")), *more_results]
    for folder in folders:
        for path in folder.glob(".*"):
            if path.name.startswith(_BUILDING):
                remove(path)
            elif _DRAFT.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)
    for path in (data / "locks").glob("*.lock"):
        _drop_unheld(path)


def remove(folder: Path) -> None:
    """Delete a folder of ours, read-only or not."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def replace_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a small file by rename, and wait for the disk: a reader sees the old text or the new, never a part."""
    replace_bytes(path, text.encode(), durable=durable)


def replace_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a small file by rename, and wait for the disk: a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _replace(path, content, durable=durable)
    except FileNotFoundError:  # a run that began in this moment took the draft for what a killed one left
        _replace(path, content, durable=durable)


def _replace(path: Path, content: bytes, *, durable: bool) -> None:
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        draft.write_bytes(content)
        if durable:
            _sync(draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if durable:
        _sync(path.parent)


def _acquire(path: Path, on_wait: Callable[[], None]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _take_at_once(handle):
            try:
                on_wait()
            except BaseException:
                os.close(handle)
                raise
            fcntl.flock(handle, fcntl.LOCK_EX)
        # The holder before us may have unlinked the file: a lock on a file without a name protects nothing.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        os.close(handle)


def _take_at_once(handle: int) -> bool:
    """Take a lock that nobody holds; who only looks whether it is held has it for a moment, which is waited out."""
    for last in (False,) * _LOOKS + (True,):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not last:
                time.sleep(_LOOK_S)
        else:
            return True
    return False


def _drop_unheld(path: Path) -> None:
    """Remove a lock's file while holding it: else another might have taken it since it was looked at, and a third beside that one."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_ino == path.stat().st_ino:
                path.unlink()
        finally:
            os.close(handle)


def _release(path: Path, handle: int) -> None:
    path.unlink(missing_ok=True)
    os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
