"""Reads a delivery's bytes as a table of text cells, keeping every row that does not fit; what is no CSV by `formats`."""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from pipeline.errors import ColumnMissing, DeliveryUnreadable
from pipeline.market import Files, fold_header
from pipeline.services import formats

MAX_BYTES = 4_000_000_000  # unpacked: a delivery is read into memory as a whole
_GZIP = b"\x1f\x8b"
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = (",", ";", "\t", "|", ":")  # that a file may well have, whatever the market says
_FIGURE = re.compile(r"[\d .,'£$€+-]*\d[\d .,'£$€+-]*")


@dataclass(frozen=True)
class RawTable:
    """A delivery as text.

    `rows` has one row per record of the right width and the delivery's own headers as columns, indexed by the record's
    number (1 is the first below the header; blank lines do not count). `unreadable` holds the records of another
    width as (number, text).
    """

    rows: pd.DataFrame
    unreadable: list[tuple[int, str]]
    encoding: str
    separator: str


def read_bytes(path: Path) -> bytes:
    """Return a delivery's bytes, unpacked where they are gzip's or a zip's; raises DeliveryUnreadable where that is not possible.

    The bytes alone decide, never the name: two names of the same bytes must mean the same rows (see Ingest's recipe).
    """
    try:
        content = path.read_bytes()
    except PermissionError as error:
        raise DeliveryUnreadable(f"the file may not be read ({error.strerror}); let this user read it") from None
    return _unpack(content) if content.startswith(_GZIP) else formats.unpack_zip(content, MAX_BYTES)


def _unpack(content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            most = formats.most_unpacked(len(content), MAX_BYTES)
            unpacked = stream.read(most + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise DeliveryUnreadable(f"the gzip is damaged or cut short ({error}); fetch the file again") from None
    if len(unpacked) > most:
        raise DeliveryUnreadable(f"the gzip holds more than {most / 1e6:,.0f} MB; split the delivery, or unpack it")
    return unpacked


def read_table(content: bytes, files: Files, required: dict[str, tuple[str, ...]]) -> RawTable:
    """Read a table; a CSV with the first encoding and separator under which all `required` columns are found.

    `required` maps a canonical column to its possible headers. Raises DeliveryUnreadable when the bytes are no table,
    ColumnMissing when no separator shows the required columns.
    """
    records = formats.read_records(content, lambda headers: _missing(headers, required))
    if records is not None:
        return _take_records(*records, required)
    text, encoding = _decode(content, files)
    text = text.lstrip("\ufeff\r\n")  # a file that was saved again and again may begin with more than one mark
    if not text:
        raise DeliveryUnreadable("the file is empty; fetch it again, or take it away")
    separator, headers = _choose_separator(text, files, required)
    rows, unreadable = _parse(text, separator, headers)
    return RawTable(rows, unreadable, encoding, separator)


def _take_records(
    headers: list[str], records: list[list[str]], unreadable: list[tuple[int, str]], required: dict[str, tuple[str, ...]]
) -> RawTable:
    if missing := _missing(headers, required):
        wanted = "; ".join(_name_absent(name, required[name], headers) for name in missing)
        raise ColumnMissing(f"the header lacks {wanted}; it reads {', '.join(headers)[:300]!r}")
    rows = formats.as_frame(number_headers(headers), records)
    return RawTable(_number(rows, [number for number, _ in unreadable]), unreadable, "utf-8", "")


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


def _decode(content: bytes, files: Files) -> tuple[str, str]:
    for encoding in files.encodings:
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        if "\0" in text:
            if marked := _name_marked(content):
                raise DeliveryUnreadable(f"it reads as {encoding} with NUL characters, and {marked}")
            raise DeliveryUnreadable(
                f"character {text.index(chr(0)) + 1} is NUL: this is no text file; fetch it again, or take it away"
            )
        return text, encoding
    remedy = _name_marked(content) or "add the right name to [files] encodings, or save it as utf-8"
    raise DeliveryUnreadable(f"the bytes are not {' or '.join(files.encodings)}; {remedy}")


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


def _parse(text: str, separator: str, headers: list[str]) -> tuple[pd.DataFrame, list[tuple[int, str]]]:
    unreadable: list[tuple[int, str]] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        unreadable.append((int(row.number or 0) - 1, row.text))
        return "skip"

    # A last row of our own: it does not come back when a quote before it was never closed.
    last = ["\x03"] * len(headers)
    content = f"{text}\n{separator.join(last)}\n".encode()
    try:
        table = pa_csv.read_csv(
            io.BytesIO(content),
            # One thread: only then does Arrow number the rows that do not fit.
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=max(len(content) + 1, 1 << 20)),
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
            f"a quote opened in record {table.num_rows + len(unreadable)} is never closed; close it, and write a quote within a quoted cell twice"
        )
    rows = table.slice(0, table.num_rows - 1).rename_columns(number_headers(headers)).to_pandas()
    return _number(rows, [number for number, _ in unreadable]), unreadable


def _number(rows: pd.DataFrame, skipped: list[int]) -> pd.DataFrame:
    """Index rows by their place among all records, the unreadable ones counted."""
    taken = set(skipped)
    total = len(rows) + len(taken)
    rows.index = pd.Index([number for number in range(1, total + 1) if number not in taken], name="row")
    return rows
