"""Digests of bytes and of plain values, with a memory of files that were hashed before."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

from pipeline.incremental.records import parse_json

RACY_NS = 2_000_000_000  # a file this young may change again within the same mtime tick (git's racy-clean rule)
UNREADABLE = "unreadable"  # stands for the digest of a file that is there and may not be read


def canonical_json(value: Any) -> str:
    """Write a plain value as JSON with one spelling: sorted keys, no blanks, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_value(value: Any) -> str:
    """Return the sha256 of a plain value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, read now."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_readable(path: Path) -> str:
    """Return the sha256 of a file's bytes, or UNREADABLE where permission is lacking: what to make of that, `build` decides."""
    try:
        return digest_file(path)
    except PermissionError:
        return UNREADABLE


class Memory:
    """A JSON object in a file that only saves work: lost, unreadable or not an object, it is empty."""

    def __init__(self, place: Path | None) -> None:
        """Keep the object in the file `place`, or in this process alone."""
        self._place = place
        self._entries: dict[str, Any] | None = None

    @property
    def entries(self) -> dict[str, Any]:
        """The object, read once."""
        if self._entries is None:
            try:
                found = parse_json(self._place.read_bytes()) if self._place else {}
            except (OSError, ValueError):
                found = {}
            self._entries = found if isinstance(found, dict) else {}
        return self._entries

    def save(self, entries: dict[str, Any]) -> None:
        """Write an object by rename; that another process overwrites it, or that there is no room, only costs work."""
        if self._place is None:
            return
        draft = self._place.with_name(f".{self._place.name}.{uuid.uuid4().hex[:8]}")
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(entries, sort_keys=True))
            draft.replace(self._place)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()


class DigestMemory:
    """Remembers sha256 by (size, mtime, ctime, inode), so that an unchanged file is never read twice.

    An entry whose file was modified less than two seconds before it was hashed is used but never remembered. The
    memory is a cache: when its file is lost or unreadable, everything is hashed again.
    """

    def __init__(self, place: Path) -> None:
        """Keep the memory in the JSON file `place`."""
        self._memory = Memory(place)
        self._dirty = False

    def digest(self, path: Path) -> str:
        """Return the sha256 of `path`, or UNREADABLE; raises FileNotFoundError when it is gone."""
        known = self._memory.entries
        stat = path.stat()
        identity = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        key = os.fspath(path.absolute())
        entry = known.get(key)
        if isinstance(entry, list) and len(entry) == len(identity) + 1 and entry[:-1] == identity:
            return str(entry[-1])
        hashed_at_ns = time.time_ns()
        digest = digest_readable(path)
        if hashed_at_ns - max(stat.st_mtime_ns, stat.st_ctime_ns) >= RACY_NS and digest != UNREADABLE:
            known[key] = [*identity, digest]
            self._dirty = True
        return digest

    def save(self) -> None:
        """Write what was learnt."""
        if self._dirty:
            self._memory.save(self._memory.entries)
            self._dirty = False
