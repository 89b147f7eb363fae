"""Where one process finds code, locks and memories, and which run it belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pipeline.incremental.code import CodeReader
from pipeline.incremental.digests import DigestMemory, Memory
from pipeline.incremental.manifest import NAME

KEY_LENGTH = 16  # digits of a fingerprint that name its result's folder
_RUN = "INCREMENTAL_RUN"


@dataclass
class Workspace:
    """One project folder as one process sees it.

    `package` is the first-party root package and `source` its folder, `data` the folder of stages' folders, `more_results` folders of
    results beside it, `foreign` names folders below `data` that hold what is not ours. The code digests are taken once: the first
    look is what the process runs on, and every commit compares it with the files as they are then.
    """

    package: str
    source: Path
    data: Path
    skipped: tuple[str, ...] = ()
    more_results: tuple[Path, ...] = ()
    foreign: frozenset[str] = frozenset({"raw"})
    _class_digests: dict[type, dict[str, str]] = field(default_factory=dict)

    @property
    def locks(self) -> Path:
        """The folder of lock files."""
        return self.data / "locks"

    def results(self) -> Iterator[Path]:
        """Yield the folder of every committed result."""
        pattern = f"{'[0-9a-f]' * KEY_LENGTH}/{NAME}"
        stages = [path for path in self.data.glob("[!.]*/") if path.name not in self.foreign]
        for stage in sorted([*stages, *self.more_results]):
            yield from sorted(path.parent for path in stage.glob(pattern))

    @cached_property
    def files(self) -> DigestMemory:
        """What is remembered of outside files."""
        return DigestMemory(self.data / "cache" / "files.json")

    @cached_property
    def code(self) -> CodeReader:
        """What is remembered of the code."""
        return self._reader()

    def digest_class(self, cls: type) -> dict[str, str]:
        """Return the code digests of a task class as first seen by this process."""
        if cls not in self._class_digests:
            self._class_digests[cls] = self.code.digest_class(cls)
        return self._class_digests[cls]

    def digest_class_now(self, cls: type) -> dict[str, str]:
        """Return the code digests of a task class, read from disk again."""
        return self._reader().digest_class(cls)

    def save(self) -> None:
        """Write both memories."""
        self.files.save()
        self.code.save()

    def _reader(self) -> CodeReader:
        return CodeReader(self.package, self.source, self.skipped, Memory(self.data / "cache" / "code.json"))


def run_id() -> str:
    """Name this run; child processes inherit the name."""
    return os.environ.setdefault(_RUN, f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}")
