"""Which deliveries a market has: the raw files as they came, never written by us."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.errors import FolderUnreadable
from pipeline.market import Files

_ESCAPED = re.compile(rb"\\(?:x([89a-f][0-9a-f])|\\)")  # how a byte of a name that is no UTF-8 is written, and a backslash
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

    Links are followed, folders once each. Hidden files and folders, and anything but files, are passed over. A folder
    that does not exist holds no deliveries; raises FolderUnreadable for one that may not be read.
    """
    found = [
        Delivery(night_of(path.name), name_of(path.relative_to(folder)), path)
        for path in _walk(folder)
        if any(path.relative_to(folder).match(pattern) for pattern in files.patterns) and _is_file(path)
    ]
    return sorted(delivery for delivery in found if as_of is None or delivery.night <= as_of.isoformat())


def begin_history(deliveries: Sequence[Delivery], days: int, today: date) -> str:
    """Return the first of so many days (0: any number) up to the newest night that is not ahead of today; "" where there is none."""
    newest = max((delivery.night for delivery in deliveries if delivery.night <= today.isoformat()), default="")
    first = date.fromisoformat(newest).toordinal() - days + 1 if newest and days else 0
    return date.fromordinal(first).isoformat() if first > 0 else ""


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link may lead back to a folder that holds it
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _refuse(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise FolderUnreadable(f"The folder {error.filename} may not be read ({error.strerror}). Let this user read it.")


def _is_file(path: Path) -> bool:
    """Say whether a path leads to a file; raises FolderUnreadable where no one can tell."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError as error:  # its folder, or that of the file it links to, may be listed and not entered
        raise FolderUnreadable(
            f"The folder of {path} may not be entered ({error.strerror}). Let this user read and enter it."
        ) from None
    except OSError:
        return False


def path_of(folder: Path, name: str) -> Path:
    """Return the file of a delivery's name."""
    return folder / os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else b"\\", name.encode()))


def name_of(path: Path) -> str:
    """Return a name that any file or screen can hold: a byte that is no UTF-8 is written as its escape, a backslash twice."""
    return path.as_posix().replace("\\", "\\\\").encode(errors="surrogateescape").decode(errors="backslashreplace")


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
