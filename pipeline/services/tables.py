"""Reads a delivery's bytes as tables of text cells, chunk by chunk, keeping every row that does not fit; what is no CSV by `formats`."""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from pipeline.errors import ColumnMissing, DeliveryUnreadable
from pipeline.market import Files, fold_header
from pipeline.services import formats

MAX_BYTES = 4_000_000_000  # that may come out of a gzip: a small file may hold any number
CHUNK_BYTES = 32 << 20  # of text that is held at a time; a delivery of fewer is one chunk
_LONGEST_RECORD = 64 << 20
_HEAD = 1 << 20  # bytes in which the header ends
_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = (",", ";", "\t", "|", ":")  # that a file may well have, whatever the market says
_FIGURE = re.compile(r"[\d .,'£$€+-]*\d[\d .,'£$€+-]*")


Opener = Callable[[], BinaryIO | gzip.GzipFile]


@dataclass(frozen=True)
class RawTable:
    """A delivery, or a chunk of one, as text.

    `rows` has one row per record of the right width and the delivery's own headers as columns, indexed by the record's
    number (1 is the first below the header; blank lines do not count). `unreadable` holds the records of another
    width as (number, text). `sheets_unread` says how many rows each sheet has that stands beside the one that was read.
    """

    rows: pd.DataFrame
    unreadable: list[tuple[int, str]]
    encoding: str
    separator: str
    sheets_unread: Mapping[str, int] = field(default_factory=dict)


def read_chunks(path: Path, files: Files, required: dict[str, tuple[str, ...]], size: int = CHUNK_BYTES) -> Iterator[RawTable]:
    """Read a delivery as consecutive tables of about `size` bytes of text each, at least one: together they are what `read_table` gives.

    It is unpacked where it is gzip's or a zip's; what is no CSV, or in a zip, is held whole. The bytes alone decide, never the name: two names of the same bytes must mean the same rows
    (see Ingest's recipe). Raises what `read_table` raises, where the bytes are at fault at the first chunk, where rows are at theirs.
    """
    head = next(_read_blocks(lambda: _open(path)), b"")
    if not formats.is_other(head):
        yield from _read(lambda: _open(path), files, required, size)
        return
    content = read_bytes(path)
    records = formats.read_records(content, lambda headers: _missing(headers, required))
    if records is not None:
        yield _take_records(records, required)
    else:
        yield from _read(lambda: io.BytesIO(content), files, required, size)


def read_bytes(path: Path) -> bytes:
    """Return a delivery's bytes, unpacked where they are gzip's or a zip's; raises DeliveryUnreadable where that is not possible."""
    with _open(path) as stream:
        is_packed = isinstance(stream, gzip.GzipFile)
    content = b"".join(_read_blocks(lambda: _open(path)))
    return content if is_packed else formats.unpack_zip(content, MAX_BYTES)


def read_table(content: bytes, files: Files, required: dict[str, tuple[str, ...]]) -> RawTable:
    """Read a table; a CSV with the first encoding and separator under which all `required` columns are found.

    `required` maps a canonical column to its possible headers. Raises DeliveryUnreadable when the bytes are no table,
    ColumnMissing when no separator shows the required columns.
    """
    records = formats.read_records(content, lambda headers: _missing(headers, required))
    if records is not None:
        return _take_records(records, required)
    (table,) = _read(lambda: io.BytesIO(content), files, required, 4 * len(content) + 1)  # no encoding's text is longer in UTF-8
    return table


def as_table(records: formats.Records) -> RawTable:
    """Return what was read from no CSV, its records numbered."""
    rows = formats.as_frame(number_headers(records.headers), records.records)
    rows = _number(rows, 0, [number for number, _ in records.unreadable])
    return RawTable(rows, records.unreadable, "utf-8", "", records.sheets_unread)


def _take_records(records: formats.Records, required: dict[str, tuple[str, ...]]) -> RawTable:
    if missing := _missing(records.headers, required):
        wanted = "; ".join(_name_absent(name, required[name], records.headers) for name in missing)
        raise ColumnMissing(f"the header lacks {wanted}; it reads {', '.join(records.headers)[:300]!r}")
    return as_table(records)


def number_headers(headers: Sequence[str]) -> list[str]:
    """Give a header that stands there again its number: price, price (2).

    >>> number_headers(["price", "", "km", "price", "", "price"])
    ['price', '', 'km', 'price (2)', ' (2)', 'price (3)']
    """
    seen: Counter[str] = Counter()
    numbered = []
    for header in headers:
        seen[header] += 1
        numbered.append(header if seen[header] == 1 else f"{header} ({seen[header]})")
    return numbered


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    try:
        with path.open("rb") as stream:
            is_packed = stream.read(len(_GZIP)) == _GZIP
        return gzip.GzipFile(path) if is_packed else path.open("rb")
    except PermissionError as error:
        raise DeliveryUnreadable(f"the file may not be read ({error.strerror}); let this user read it") from None


def _read_blocks(opener: Opener) -> Iterator[bytes]:
    with opener() as stream:
        if not isinstance(stream, gzip.GzipFile):
            yield from iter(lambda: stream.read(_BLOCK), b"")
            return
        size, most = 0, formats.most_unpacked(os.fstat(stream.fileno()).st_size, MAX_BYTES)
        while block := _unpack_block(stream):
            size += len(block)
            if size > most:
                raise DeliveryUnreadable(f"the gzip holds more than {most / 1e6:,.0f} MB; split the delivery, or unpack it")
            yield block


def _unpack_block(stream: gzip.GzipFile) -> bytes:
    try:
        return stream.read(_BLOCK)
    except (EOFError, OSError, zlib.error) as error:
        raise DeliveryUnreadable(f"the gzip is damaged or cut short ({error}); fetch the file again") from None


def _read(opener: Opener, files: Files, required: dict[str, tuple[str, ...]], size: int) -> Iterator[RawTable]:
    encoding = _choose_encoding(opener, files)
    blocks = _encode(opener, encoding)
    head = b""
    while len(head) < _HEAD and (block := next(blocks, b"")):
        head += block
    if not head:
        raise DeliveryUnreadable("the file is empty; fetch it again, or take it away")
    separator, headers = _choose_separator(head.decode(errors="ignore"), files, required)
    number = 0
    for content, is_first in _cut(chain([head], blocks), separator, size):
        rows, unreadable = _parse(content, separator, headers, number, is_first=is_first)
        number += len(rows) + len(unreadable)
        yield RawTable(rows, unreadable, encoding, separator)


def _choose_encoding(opener: Opener, files: Files) -> str:
    """Return the first encoding that fits all bytes; every one is tried on each block, so that they are read once."""
    fitting = {encoding: codecs.getincrementaldecoder(encoding)() for encoding in files.encodings}
    lengths, nuls = dict.fromkeys(fitting, 0), dict.fromkeys(fitting, 0)
    first = b""
    for block in chain(_read_blocks(opener), [b""]):
        first = first or block
        for encoding, decoder in list(fitting.items()):
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError:
                del fitting[encoding]
                continue
            if not nuls[encoding] and "\0" in text:
                nuls[encoding] = lengths[encoding] + text.index("\0") + 1
            lengths[encoding] += len(text)
    if not fitting:
        remedy = _name_marked(first) or "add the right name to [files] encodings, or save it as utf-8"
        raise DeliveryUnreadable(f"the bytes are not {' or '.join(files.encodings)}; {remedy}")
    encoding = next(iter(fitting))
    if nuls[encoding]:
        if marked := _name_marked(first):
            raise DeliveryUnreadable(f"it reads as {encoding} with NUL characters, and {marked}")
        raise DeliveryUnreadable(f"character {nuls[encoding]} is NUL: this is no text file; fetch it again, or take it away")
    return encoding


def _encode(opener: Opener, encoding: str) -> Iterator[bytes]:
    """Yield the text in UTF-8; what stands before the header is left out: a file that was saved again and again may begin with more than one mark."""
    decoder = codecs.getincrementaldecoder(encoding)()
    is_before = True
    for block in chain(_read_blocks(opener), [b""]):
        text = decoder.decode(block, final=not block)
        if is_before:
            text = text.lstrip("\ufeff\r\n")
            is_before = not text
        if text:
            yield text.encode()


def _cut(blocks: Iterator[bytes], separator: str, size: int) -> Iterator[tuple[bytes, bool]]:
    """Cut text into chunks of whole records, each of about `size` bytes, and say of each whether it is the first."""
    whole_records = _compile_records(separator)
    pieces = (block[start : start + size] for block in blocks for start in range(0, len(block), size))
    waiting, goal, is_first = bytearray(), size, True
    for piece in pieces:
        waiting += piece
        if len(waiting) < goal:
            continue
        found = whole_records.match(waiting)
        end = found.end() if found else 0
        if end:
            yield bytes(waiting[:end]), is_first
            del waiting[:end]
            is_first = False
        elif len(waiting) > _LONGEST_RECORD:
            yield bytes(waiting), is_first  # most likely a quote is never closed: parsing says in which record
            raise DeliveryUnreadable(f"a record holds more than {_LONGEST_RECORD / 1e6:.0f} MB; this is no table of adverts")
        goal = size if end else 2 * len(waiting)
    yield bytes(waiting), is_first


def _compile_records(separator: str) -> re.Pattern[bytes]:
    """Compile what matches as many whole records as there are, by Arrow's rules: a quote opens a cell only where one begins."""
    mark = re.escape(separator).encode()
    begins = rb"(?:\A|(?<=[" + mark + rb"\r\n]))"
    quoted = begins + rb'"(?:[^"]++|"")*+"'
    literal = rb"(?!\A)(?<![" + mark + rb'\r\n])"'
    return re.compile(rb'(?:(?:[^"\r\n]++|' + quoted + b"|" + literal + rb")*+(?:\r\n?|\n))*+")


def _name_marked(content: bytes) -> str:
    """Say which encoding the first bytes are the mark of."""
    found = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), None)
    return (
        f'its first bytes are the mark of {found}: say [files] encodings = ["utf-8", "{found}"], or save it as utf-8'
        if found
        else ""
    )


def _choose_separator(text: str, files: Files, required: dict[str, tuple[str, ...]]) -> tuple[str, list[str]]:
    stream = io.StringIO(text, newline="")
    headers = {separator: _read_header(stream, separator) for separator in files.separators}
    missing = {separator: _missing(headers[separator], required) for separator in files.separators}
    best = min(files.separators, key=lambda separator: len(missing[separator]))
    if missing[best]:
        if other := _find_separator(stream, files, required):
            raise ColumnMissing(
                f"the header is not parted by {' or '.join(map(repr, files.separators))} but by {other!r}: add that to [files] separators; "
                f"it reads {text.splitlines()[0][:300]!r}"
            )
        if len(missing[best]) == len(required) and any(_FIGURE.fullmatch(cell) for cell in headers[best]):
            raise ColumnMissing(
                f"its first line is no header but a row, {text.splitlines()[0][:300]!r}; write the names of the columns above it"
            )
        wanted = "; ".join(_name_absent(name, required[name], headers[best]) for name in missing[best])
        raise ColumnMissing(f"the header lacks {wanted}; it reads {text.splitlines()[0][:300]!r}")
    if not headers[best]:
        raise DeliveryUnreadable(
            "the header cannot be told apart from the rows; it must be one line of names, as the rows are of cells"
        )
    return best, headers[best]


def _find_separator(stream: io.StringIO, files: Files, required: dict[str, tuple[str, ...]]) -> str | None:
    """Return a separator that the market does not name and that shows all required columns."""
    others = (separator for separator in _SEPARATORS if separator not in files.separators)
    return next((separator for separator in others if not _missing(_read_header(stream, separator), required)), None)


def _name_absent(name: str, known: tuple[str, ...], headers: list[str]) -> str:
    """Name a column that is not there, and the header that may well be it."""
    folded = {fold_header(header): header for header in headers}
    near = [match for header in known for match in difflib.get_close_matches(fold_header(header), folded, n=1)]
    if near:
        hint = f"is it {folded[near[0]]!r}? Then add that to the headers of [columns.{name}] in the market's TOML"
    else:
        hint = f"fetch the file again, or add the name it has there to the headers of [columns.{name}]"
    return f"{name} ({' or '.join(map(repr, known))}): {hint}"


def _missing(headers: list[str], required: dict[str, tuple[str, ...]]) -> list[str]:
    folded = {fold_header(header) for header in headers}
    return [name for name, known in required.items() if not folded & {fold_header(header) for header in known}]


def _read_header(stream: io.StringIO, separator: str) -> list[str]:
    stream.seek(0)
    try:
        return next(csv.reader(stream, delimiter=separator))
    except csv.Error:  # a cell longer than csv allows: no header under this separator
        return []


def _parse(
    content: bytes, separator: str, headers: list[str], number: int, *, is_first: bool
) -> tuple[pd.DataFrame, list[tuple[int, str]]]:
    """Read whole records, of which `number` stand before; the first ones have the header above them."""
    unreadable: list[tuple[int, str]] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        unreadable.append((number + int(row.number or 0) - int(is_first), row.text))
        return "skip"

    # A last row of our own: it does not come back when a quote before it was never closed.
    last = ["\x03"] * len(headers)
    before = b"" if is_first else b"\n"  # or Arrow takes a record that begins with a byte-order mark for the beginning of a file
    content = before + content + f"\n{separator.join(last)}\n".encode()
    try:
        table = pa_csv.read_csv(
            io.BytesIO(content),
            # One thread: only then does Arrow number the rows that do not fit.
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=max(len(content) + 1, 1 << 20), column_names=None if is_first else headers
            ),
            parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=keep),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(headers, pa.string()), strings_can_be_null=False, quoted_strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise DeliveryUnreadable(f"the rows cannot be told apart; look for a quote that is never closed ({error})") from None
    if table.column_names != headers:
        raise DeliveryUnreadable(
            "the header cannot be told apart from the rows; it must be one line of names, as the rows are of cells"
        )
    if table.num_rows == 0 or [column[-1].as_py() for column in table.columns] != last:
        raise DeliveryUnreadable(
            f"a quote opened in record {number + table.num_rows + len(unreadable)} is never closed; close it, and write a quote within a quoted cell twice"
        )
    rows = table.slice(0, table.num_rows - 1).rename_columns(number_headers(headers)).to_pandas()
    return _number(rows, number, [place for place, _ in unreadable]), unreadable


def _number(rows: pd.DataFrame, before: int, skipped: list[int]) -> pd.DataFrame:
    """Index rows by their place among all records, the unreadable ones counted."""
    taken = set(skipped)
    total = len(rows) + len(taken)
    rows.index = pd.Index(
        [place for place in range(before + 1, before + total + 1) if place not in taken], name="row", dtype="int64"
    )
    return rows
