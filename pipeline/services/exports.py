"""Tables for people: written beside and renamed at the end, with no cell that a spreadsheet would run."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from pipeline.errors import UsageWrong
from pipeline.incremental.errors import explain_place

_FORMULA = frozenset("=+-@")


def guard_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: one that begins like it, and is no number, gets an apostrophe.

    Cells of nothing but signs ("--") call nothing and stay as they are.

    >>> guard_cell("=HYPERLINK(A1)"), guard_cell("-5.5"), guard_cell("--"), guard_cell("Golf")
    ("'=HYPERLINK(A1)", '-5.5', '--', 'Golf')
    """
    if text[:1] not in _FORMULA and (not text[:1].isspace() or text.lstrip()[:1] not in _FORMULA):
        return text
    return text if _is_number(text) or not any(map(str.isalnum, text)) else f"'{text}"


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """Yield a stream whose text becomes the file at the end, packed where its name ends in .gz; on failure nothing is left.

    Raises UsageWrong where no file can be put, PlaceUnwritable where there is no room or no permission.
    """
    path = path.resolve()
    if not path.parent.is_dir():
        raise UsageWrong(f"The folder {path.parent} does not exist. Make it first, or name another output.")
    if path.exists() and not path.is_file():
        raise UsageWrong(f"{path} is no regular file. Name another output, or none to write to the screen.")
    # Named otherwise than drafts of our own, which the next run takes away: the output may lie where they do.
    draft = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex[:8]}.part")
    try:
        with draft.open("wb") as target:
            with _text_of(target, is_packed=path.suffix == ".gz") as stream:
                yield stream
            target.flush()
            os.fsync(target.fileno())
        draft.replace(path)
    except OSError as error:
        raise explain_place(error, "price", path) from None
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def standard_output() -> Iterator[TextIO]:
    """Yield the standard output for UTF-8; raises PlaceUnwritable where what it leads to has no room."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise explain_place(error, "price", Path("the standard output")) from None


@contextlib.contextmanager
def _text_of(target: io.BufferedWriter, *, is_packed: bool) -> Iterator[TextIO]:
    packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=target, mtime=0) if is_packed else None
    stream = io.TextIOWrapper(packed or target, encoding="utf-8", newline="")
    try:
        yield stream
        stream.flush()
        stream.detach()
    finally:
        if packed is not None:
            packed.close()


def _is_number(text: str) -> bool:
    with contextlib.suppress(ValueError):
        float(text)
        return True
    return not set(text.strip().lstrip("+-")) - set("0123456789., '’\u00a0\u202f")
