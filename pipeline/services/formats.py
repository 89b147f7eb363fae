"""Deliveries that are no CSV: zip archives, spreadsheets, JSON and parquet, all read as text cells under headers.

The bytes alone decide which it is, never the name. A number, a date or a yes is written as a CSV of the same table would hold it.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DeliveryUnreadable
from pipeline.services.sheets import read_sheets, write_cell

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and everything else that Office wrote before 2007
_PARQUET = b"PAR1"
_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"
_SPREADSHEETS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")  # members of .xlsx, .xlsb and .ods
_MAX_SHEET_BYTES = 2_000_000_000  # a spreadsheet is unpacked in memory as a whole
_ALWAYS_UNPACKED = 200_000_000  # bytes that may come out of however few
_MOST_TIMES = 100
_ALWAYS_CELLS = 5_000_000  # of a parquet file, however small: equal cells cost it nothing
_MOST_CELLS_PER_BYTE = 20
_MOST_COLUMNS = 16_384  # as in a spreadsheet
# What zipfile raises for a damaged archive, and for one with a password or packed in a way that it does not know (RuntimeError); and
# what its unpackers raise.
_DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError)
_DEEPEST = 3  # levels of a JSON object that become columns
_BATCH = 100_000  # rows of parquet at a time


class Records(NamedTuple):
    """A table as text: its headers, its records, those that are none with their number, and how many rows each sheet that was not read has."""

    headers: list[str]
    records: list[list[str]]
    unreadable: list[tuple[int, str]]
    sheets_unread: dict[str, int] = {}  # never written to


def most_unpacked(packed: int, max_bytes: int) -> int:
    """Return how many bytes may come out of so many: adverts pack to a fifth or a tenth, a bomb to a thousandth."""
    return min(max_bytes, max(_ALWAYS_UNPACKED, _MOST_TIMES * packed))


def unpack_zip(content: bytes, max_bytes: int) -> bytes:
    """Return the one file that a zip archive holds; anything else, and a spreadsheet, which is a zip too, as it is.

    Raises DeliveryUnreadable for a damaged archive, for none or several files in it, and for more than `max_bytes`.
    """
    if not content.startswith((_ZIP, _EMPTY_ZIP)):
        return content
    with _open_zip(content) as archive:
        members = [member for member in archive.infolist() if not member.is_dir() and not _is_hidden(member.filename)]
        if any(member.filename in _SPREADSHEETS for member in members):
            return content
        if len(members) != 1:
            names = ", ".join(repr(member.filename) for member in members[:3])
            raise DeliveryUnreadable(
                f"the zip holds {len(members) or 'no'} files{f' ({names}, …)' if members else ''}; one delivery is one table: unpack it"
            )
        if members[0].flag_bits & 1:
            raise DeliveryUnreadable("the zip asks for a password; unpack it")
        unpacked = _read_member(archive, members[0], max_bytes)
    if unpacked.startswith((_ZIP, _EMPTY_ZIP)) and unpack_zip(unpacked, max_bytes) is not unpacked:
        raise DeliveryUnreadable("the zip holds another zip; unpack it")
    return unpacked


def read_records(content: bytes, missing: Callable[[list[str]], Sequence[str]]) -> Records | None:
    """Read a spreadsheet, JSON or parquet; None where the bytes are none of them.

    `missing` names what a header lacks, by which the sheet of a spreadsheet is chosen. Raises DeliveryUnreadable.
    """
    if content.startswith((_ZIP, _OLD_OFFICE)):
        return _read_spreadsheet(content, missing)
    if content.startswith(_PARQUET):
        return _read_parquet(content)
    if content.lstrip(_BEFORE_JSON)[:1] in (b"{", b"["):
        return _read_json(content)
    return None


def is_other(head: bytes) -> bool:
    """Say whether bytes that begin so may be no CSV: an archive, a spreadsheet, JSON or parquet."""
    return head.startswith((_ZIP, _EMPTY_ZIP, _OLD_OFFICE, _PARQUET)) or head.lstrip(_BEFORE_JSON)[:1] in (b"{", b"[")


def as_frame(headers: Sequence[str], records: Iterable[Sequence[str]]) -> pd.DataFrame:
    """Return records as text under headers."""
    columns = list(zip(*records, strict=True)) or [()] * len(headers)
    return pd.DataFrame(
        {place: pd.Series(cells, dtype="str") for place, cells in enumerate(columns)}, columns=range(len(headers))
    ).set_axis(list(headers), axis=1)


def _open_zip(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except _DAMAGED_ZIP as error:
        raise DeliveryUnreadable(f"the zip is damaged or cut short ({error}); fetch the file again") from None


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") or name.startswith("__MACOSX/")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> bytes:
    max_bytes = most_unpacked(member.compress_size, max_bytes)
    try:
        with archive.open(member) as stream:
            unpacked = stream.read(max_bytes + 1)
    except _DAMAGED_ZIP as error:
        raise DeliveryUnreadable(f"the zip is damaged or cut short ({error}); fetch the file again") from None
    if len(unpacked) > max_bytes:
        raise DeliveryUnreadable(f"the zip holds more than {max_bytes / 1e6:,.0f} MB; split the delivery, or unpack it")
    return unpacked


def _read_spreadsheet(content: bytes, missing: Callable[[list[str]], Sequence[str]]) -> Records:
    """Read the one sheet that has the columns, or the longest of those that have most of them; the others are named."""
    if content.startswith(_ZIP):
        with _open_zip(content) as archive:
            most = most_unpacked(len(content), _MAX_SHEET_BYTES)
            if sum(member.file_size for member in archive.infolist()) > most:
                raise DeliveryUnreadable(f"the spreadsheet holds more than {most / 1e6:,.0f} MB; save it as CSV")
    sheets = [(name, table) for name, table in read_sheets(content) if table]
    if not sheets:
        raise DeliveryUnreadable("the spreadsheet is empty; fetch it again, or take it away")
    lacking = {name: len(missing(table[0])) for name, table in sheets}
    fewest = min(lacking.values())
    chosen = [(name, table) for name, table in sheets if lacking[name] == fewest]
    if fewest == 0 and len(chosen) > 1:
        names = " and ".join(repr(name) for name, _ in chosen)
        raise DeliveryUnreadable(f"the sheets {names} all hold adverts; save each as a file of its own")
    read, (headers, *records) = max(chosen, key=lambda sheet: len(sheet[1]))
    return Records(headers, records, [], {name: len(table) for name, table in sheets if name != read})


def _read_parquet(content: bytes) -> Records:
    with _explained_parquet():
        file = pq.ParquetFile(io.BytesIO(content))
        headers = file.schema_arrow.names
    _refuse_bomb(file.metadata.num_rows, len(headers), len(content))
    records: list[list[str]] = []
    batches = file.iter_batches(_BATCH, use_threads=False)
    while True:
        with _explained_parquet():
            batch = next(batches, None)
            columns = [column.to_pylist() for column in batch.columns] if batch else []
        if batch is None:
            return Records(headers, records, [])
        records.extend([write_cell(value) for value in row] for row in zip(*columns, strict=True))


@contextlib.contextmanager
def _explained_parquet() -> Iterator[None]:
    """Say what Arrow could not read; a date of the year 300,000 is a value that Python has none for."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DeliveryUnreadable(f"the parquet file cannot be read ({error}); fetch it again, or save it as CSV") from None


def _refuse_bomb(rows: int, columns: int, size: int) -> None:
    """Refuse a table that is far larger than its bytes: of objects each with keys of its own, each would be as wide as all."""
    if columns > _MOST_COLUMNS or rows * columns > max(_ALWAYS_CELLS, _MOST_CELLS_PER_BYTE * size):
        raise DeliveryUnreadable(f"its {size:,} bytes would be {rows:,} rows of {columns:,} columns; save it as CSV")


def _read_json(content: bytes) -> Records | None:
    """Read a JSON object a line, or one array of objects; a line that is none is kept as unreadable. None where no object is found."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    unreadable: list[tuple[int, str]] = []
    found: list[tuple[int, dict[str, str]]] = []
    for number, (written, value) in enumerate(_read_values(text), start=1):
        if isinstance(value, dict):
            found.append((number, _flatten(value)))
        else:
            unreadable.append((number, written))
    if not found:
        return None
    headers = list(dict.fromkeys(itertools.chain.from_iterable(record for _, record in found)))
    _refuse_bomb(len(found), len(headers), len(content))
    return Records(headers, [[record.get(header, "") for header in headers] for _, record in found], unreadable)


def _read_values(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the text and the value of each line, or of each item of the one array that the text is."""
    whole = _decode(text) if text.lstrip().startswith("[") else None
    if isinstance(whole, list):
        yield from ((json.dumps(value, ensure_ascii=False), value) for value in whole)
        return
    whole = (
        _decode(text) if text.lstrip().startswith("{") and not isinstance(_decode(text.lstrip().splitlines()[0]), dict) else None
    )
    if isinstance(whole, dict):  # one object over many lines: the adverts are a list in it
        lists = [value for value in whole.values() if isinstance(value, list) and any(isinstance(item, dict) for item in value)]
        if len(lists) == 1:
            yield from ((json.dumps(value, ensure_ascii=False), value) for value in lists[0])
            return
    for line in text.split("\n"):
        if line.strip():
            yield line.strip(), _decode(line)


def _decode(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


def _flatten(record: dict[str, Any], before: str = "", depth: int = 1) -> dict[str, str]:
    cells: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, dict) and depth < _DEEPEST:
            cells |= _flatten(value, f"{before}{name}.", depth + 1)
        else:
            cells[f"{before}{name}"] = write_cell(value)
    return cells
