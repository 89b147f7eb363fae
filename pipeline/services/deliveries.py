"""Which deliveries a market has: the raw files as they came, never written by us."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.market import Files

_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")  # how a byte of a name that is no UTF-8 is written
_ISO_DATE = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")


@dataclass(frozen=True, order=True)
class Delivery:
    """One raw file. Its night comes from an ISO date in its name; deliveries sort by (night, name)."""

    night: str  # ISO date, or "" for an undated delivery, which sorts first
    name: str  # path below the market's folder, with slashes
    path: Path

    @property
    def stem(self) -> str:
        """The file's name without folder and ending."""
        return stem_of(self.name)


def list_deliveries(folder: Path, files: Files, as_of: date | None = None) -> list[Delivery]:
    """List a market's deliveries in order of (night, name): undated ones, and those dated up to `as_of`.

    Hidden files and anything but regular files (a link counts as what it leads to) are passed over. A folder that does
    not exist holds no deliveries.
    """
    paths = {path for pattern in files.patterns for path in folder.rglob(pattern)}
    found = [
        Delivery(night_of(path.name), _name_of(path.relative_to(folder)), path)
        for path in paths
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    return sorted(delivery for delivery in found if as_of is None or delivery.night <= as_of.isoformat())


def path_of(folder: Path, name: str) -> Path:
    """Return the file of a delivery's name."""
    return folder / os.fsdecode(_ESCAPED.sub(lambda byte: bytes([int(byte.group(1), 16)]), name.encode()))


def _name_of(path: Path) -> str:
    """Return a name that any file or screen can hold: a byte that is no UTF-8 is written as its escape."""
    return path.as_posix().encode(errors="surrogateescape").decode(errors="backslashreplace")


def stem_of(name: str) -> str:
    """Return a delivery's file name without folder and endings: ford.csv.gz gives ford."""
    return name.rpartition("/")[2].split(".")[0]


def night_of(file_name: str) -> str:
    """Return the first valid ISO date in a file's name, its folders left out, or ""."""
    for text in _ISO_DATE.findall(file_name.rpartition("/")[2]):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            continue
    return ""
