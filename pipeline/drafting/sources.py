"""Sources: a stranger's files read without knowing how they are written."""

from __future__ import annotations

import codecs
import csv
import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import listing
from pipeline.drafting.dictionary import header_score, known_words
from pipeline.errors import ColumnMissing, DeliveryUnreadable, UsageWrong
from pipeline.market import Files, fold_header
from pipeline.services import formats, tables

_SEPARATORS = (",", ";", "\t", "|", ":", "^", "~")
# Of a folder's files, what are likely its adverts: a note beside them is none.
_ENDINGS = frozenset(f".{ending}" for ending in "csv tsv json jsonl ndjson parquet xlsx xls xlsb ods gz zip".split())  # noqa: SIM905
_MOST_ROWS = 300_000  # that are looked at, of all files together
_FEWEST_ROWS = 1_000  # of each
_BLOCK = 1 << 20
_SAMPLE_BYTES = 200_000
_SAMPLE_LINES = 200
# Of the ways to write a letter as one byte, the more usual first.
_ENCODINGS = (
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1254",
    "cp1256",
    "iso8859-2",
    "koi8-r",
    "iso8859-9",
    "cp866",
    "cp1253",
    "cp1257",
    "cp1255",
)
_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class Source:
    """One file that was read: the name of its file, how it is written, and its rows as text under its headers."""

    path: Path
    encoding: str  # "" where the format says that itself
    separator: str  # the same
    table: tables.RawTable
    is_whole: bool = True  # or only as many rows as are looked at


def read_sources(paths: Sequence[Path]) -> list[Source]:
    """Read every file; raises UsageWrong, naming the file, for what cannot be read as a table."""
    found = []
    files = _list_files(paths)
    for path in files:
        try:
            found.append(_read_source(path, max(_FEWEST_ROWS, _MOST_ROWS // len(files))))
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
            inside = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
            files.extend([one for one in inside if one.suffix.lower() in _ENDINGS] or inside)
        elif path.is_file():
            files.append(path)
        else:
            raise UsageWrong(f"There is no file {path}.")
    if not files:
        raise UsageWrong(f"{', '.join(map(str, paths))} holds no file.")
    return files


def _read_source(path: Path, most_rows: int) -> Source:
    content = tables.read_bytes(path)
    if not content[:_SAMPLE_BYTES].strip():
        raise DeliveryUnreadable("the file is empty")
    records = formats.read_records(content, _name_lacking)
    if records is not None:
        table = tables.as_table(records)
        return Source(path, "", "", _cut(table, most_rows), len(table.rows) <= most_rows)
    encoding = _find_encoding(content)
    separator = _find_separator(content[:_SAMPLE_BYTES].decode(encoding, errors="replace"))
    del content  # of a large file only the chunks that are looked at are read again
    chunks = tables.read_chunks(path, Files(encodings=(encoding,), separators=(separator,)), {})
    first = next(chunks)
    rows, unreadable = first.rows, first.unreadable
    while len(rows) <= most_rows and (chunk := next(chunks, None)):
        rows, unreadable = pd.concat([rows, chunk.rows]), [*unreadable, *chunk.unreadable]
    whole = tables.RawTable(rows, unreadable, encoding, separator)
    return Source(path, encoding, separator, _cut(whole, most_rows), len(rows) <= most_rows)


def _name_lacking(headers: Sequence[str]) -> list[str]:
    """Name the columns that every market needs and none of these headers is called by."""
    return [column for column in listing.ALWAYS_REQUIRED if not any(header_score(header, column) for header in headers)]


def _cut(table: tables.RawTable, most_rows: int) -> tables.RawTable:
    """Return the first rows of a table, and what is unreadable among them."""
    if len(table.rows) <= most_rows:
        return table
    rows = table.rows.head(most_rows)
    return dataclasses.replace(table, rows=rows, unreadable=[one for one in table.unreadable if one[0] <= rows.index[-1]])


def _find_encoding(content: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    if _fits(content, "utf-8"):
        return "utf-8"
    fitting = [encoding for encoding in _ENCODINGS if _fits(content, encoding)]
    return max(fitting, key=lambda encoding: known_words(content[:_SAMPLE_BYTES].decode(encoding)), default="latin-1")


def _fits(content: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(content), _BLOCK):
            decoder.decode(content[start : start + _BLOCK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


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
