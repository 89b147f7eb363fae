"""Sources: a stranger's files read without knowing how they are written."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from charset_normalizer import from_bytes

from pipeline.errors import ColumnMissing, DeliveryUnreadable, UsageWrong
from pipeline.market import Files, fold_header
from pipeline.services import formats, tables

_SEPARATORS = (",", ";", "\t", "|", ":", "^", "~")
_SAMPLE_BYTES = 200_000
_SAMPLE_LINES = 200
_ENCODINGS = (
    "utf_8",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1254",
    "cp1256",
    "iso8859_2",
    "koi8_r",
    "cp1253",
    "cp1257",
    "utf_16",
    "utf_32",
)
_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class Source:
    """One file that was read: the name of its file, how it is written, and its rows as text under its headers."""

    path: Path
    encoding: str  # "" where the format says that itself
    separator: str  # the same
    table: tables.RawTable


def read_sources(paths: Sequence[Path]) -> list[Source]:
    """Read every file; raises UsageWrong, naming the file, for what cannot be read as a table."""
    found = []
    for path in _list_files(paths):
        try:
            found.append(_read_source(path))
        except (DeliveryUnreadable, ColumnMissing) as error:
            raise UsageWrong(f"{path}: {error}.") from None
        except OSError as error:
            raise UsageWrong(f"{path} cannot be read ({error.strerror}). Name files that this user may read.") from None
    return found


def join_rows(sources: Sequence[Source]) -> pd.DataFrame:
    """Return the rows of all files under the headers of any; spellings of one header that the pipeline takes for one are one."""
    frames = []
    spelt: dict[str, str] = {}
    for source in sources:
        names = [spelt.setdefault(fold_header(str(header)), str(header)) for header in source.table.rows.columns]
        frames.append(source.table.rows.set_axis(names, axis=1))
    return pd.concat(frames, ignore_index=True).fillna("")


def choose_files(sources: Sequence[Source]) -> Files:
    """Return what the market's TOML must say of the files."""
    patterns = Counter(pattern_of(source.path) for source in sources)
    encodings = [source.encoding for source in sources if source.encoding]
    separators = [source.separator for source in sources if source.separator]
    return Files(
        patterns=tuple(patterns),
        # An encoding of one byte a letter fits any bytes: those that can fail are tried first.
        encodings=tuple(sorted(dict.fromkeys(encodings), key=lambda name: (not name.startswith("utf"), name))) or ("utf-8",),
        separators=tuple(dict.fromkeys(separators)) or (",",),
    )


def pattern_of(path: Path) -> str:
    """Return the pattern of files named like this one: cars.csv.gz gives *.csv.gz."""
    ending = "".join(path.suffixes[-2:]) if path.suffix in (".gz", ".zip") and len(path.suffixes) > 1 else path.suffix
    return f"*{ending}" if ending and not any(letter in "[]*?" for letter in ending) else "*"


def _list_files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files.extend(sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith(".")))
        elif path.is_file():
            files.append(path)
        else:
            raise UsageWrong(f"There is no file {path}.")
    if not files:
        raise UsageWrong(f"{', '.join(map(str, paths))} holds no file.")
    return files


def _read_source(path: Path) -> Source:
    content = tables.read_bytes(path)
    if not content.strip():
        raise DeliveryUnreadable("the file is empty")
    if formats.read_records(content, lambda _: ()) is not None:
        return Source(path, "", "", tables.read_table(content, Files(), {}))
    encoding = _find_encoding(content)
    separator = _find_separator(content.decode(encoding, errors="replace"))
    files = Files(encodings=(encoding,), separators=(separator,))
    return Source(path, encoding, separator, tables.read_table(content, files, {}))


def _find_encoding(content: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    best = from_bytes(content[:_SAMPLE_BYTES], cp_isolation=list(_ENCODINGS)).best()
    found = str(best.encoding).replace("_", "-") if best else "cp1252"
    try:
        content.decode(found)
    except (UnicodeDecodeError, LookupError):
        return "latin-1"
    return found


def _find_separator(text: str) -> str:
    """Return the separator under which most lines have the same number of cells, and more than one."""
    lines = text.lstrip("\ufeff\r\n")[:_SAMPLE_BYTES].splitlines()[:_SAMPLE_LINES]
    best, fitness = ",", (0.0, 0)
    for separator in _SEPARATORS:
        try:
            sizes = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if row)
        except csv.Error:
            continue
        size, count = max(sizes.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        found = (round(count / max(sum(sizes.values()), 1), 1), size)
        if size > 1 and (found[0] * min(size, 4), size) > (fitness[0] * min(fitness[1], 4), fitness[1]):
            best, fitness = separator, found
    return best
