"""Digests of bytes and of plain values, with a memory of files that were hashed before."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

RACY_NS = 2_000_000_000  # a file this young may change again within the same mtime tick (git's racy-clean rule)


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


class DigestMemory:
    """Remembers sha256 by (size, mtime, ctime, inode), so that an unchanged file is never read twice.

    An entry whose file was modified less than two seconds before it was hashed is used but never remembered. The
    memory is a cache: when its file is lost or unreadable, everything is hashed again.
    """

    def __init__(self, place: Path) -> None:
        """Keep the memory in the JSON file `place`."""
        self._place = place
        self._known: dict[str, list[Any]] | None = None
        self._dirty = False

    def digest(self, path: Path) -> str:
        """Return the sha256 of `path`; raises FileNotFoundError when it is gone."""
        known = self._load()
        stat = path.stat()
        identity = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        key = os.fspath(path.absolute())
        entry = known.get(key)
        if entry is not None and entry[:4] == identity:
            return str(entry[4])
        hashed_at_ns = time.time_ns()
        digest = digest_file(path)
        if hashed_at_ns - max(stat.st_mtime_ns, stat.st_ctime_ns) >= RACY_NS:
            known[key] = [*identity, digest]
            self._dirty = True
        return digest

    def save(self) -> None:
        """Write what was learnt, by rename; a second process may overwrite it, which only costs hashing again."""
        if not self._dirty or self._known is None:
            return
        self._place.parent.mkdir(parents=True, exist_ok=True)
        draft = self._place.with_name(f".{self._place.name}.{os.getpid()}")
        draft.write_text(json.dumps(self._known, sort_keys=True))
        draft.replace(self._place)
        self._dirty = False

    def _load(self) -> dict[str, list[Any]]:
        if self._known is None:
            try:
                self._known = json.loads(self._place.read_bytes())
            except (OSError, ValueError):
                self._known = {}
            if not isinstance(self._known, dict):
                self._known = {}
        return self._known
