"""The manifest: what made a result, written last into its folder, and the check that its files are still whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from pipeline.incremental.digests import DigestMemory, digest_value
from pipeline.incremental.errors import ResultDamaged
from pipeline.incremental.records import is_below, parse_json

NAME = "manifest.json"


@dataclass(frozen=True)
class FileRecord:
    """One file of a result: its sha256, its size in bytes, and its mtime when it was committed."""

    sha256: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Manifest:
    """What made a result. Only `files` is ever digested by consumers; the rest tells a person the story."""

    task: str
    fingerprint: str
    recipe: dict[str, Any]
    files: dict[str, FileRecord]
    run: str
    started_at: str
    duration_s: float
    name: str = ""  # the task's, for a person; of an older result unknown

    def write(self, folder: Path) -> Path:
        """Write the manifest into `folder`."""
        path = folder / NAME
        path.write_text(json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Read the manifest of `folder`; None when there is none, or it is damaged: its recipe must be that of its fingerprint."""
        try:
            fields = parse_json((folder / NAME).read_bytes(), dict[str, Any])
            manifest: Manifest = msgspec.convert(fields, cls)
            is_whole = digest_value(manifest.recipe) == manifest.fingerprint
        except (OSError, ValueError, RecursionError):
            return None
        is_ours = is_whole and fields.keys() <= cls.__dataclass_fields__.keys() and all(map(is_below, manifest.files))
        return manifest if is_ours else None

    def damage(self, folder: Path, memory: DigestMemory) -> str | None:
        """Say what is wrong with the files of `folder`, or None.

        Another size means damaged. The same size with another mtime is hashed: a restored copy is fine.
        """
        for name, record in self.files.items():
            path = folder / name
            try:
                stat = path.stat()
            except OSError:
                return f"{name} is missing"
            if stat.st_size != record.size:
                return f"{name} has {stat.st_size} bytes instead of {record.size}"
            if stat.st_mtime_ns != record.mtime_ns and memory.digest(path) != record.sha256:
                return f"{name} has other content than was committed"
        return None

    def digests(self, names: tuple[str, ...] | None) -> dict[str, str]:
        """Return {file: sha256} of the named files, or of all."""
        if names is None:
            return {name: record.sha256 for name, record in self.files.items()}
        return {name: self.files[name].sha256 for name in names}


def read_checked(folder: Path, name: str) -> bytes:
    """Return the bytes of a committed file after comparing them with the manifest; raises ResultDamaged."""
    manifest = Manifest.read(folder)
    if manifest is None or name not in manifest.files:
        raise ResultDamaged(f"{folder} holds no manifest that names {name}; run the pipeline again to rebuild it.")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise ResultDamaged(f"{folder / name} cannot be read ({error.strerror}); run the pipeline again to rebuild it.") from None
    if hashlib.sha256(content).hexdigest() != manifest.files[name].sha256:
        raise ResultDamaged(f"{folder / name} was altered after it was committed; run the pipeline again to rebuild it.")
    return content
