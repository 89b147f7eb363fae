"""Deliveries that are no CSV: zip archives, spreadsheets, JSON and parquet, all read as text cells under headers.

The bytes alone decide which it is, never the name. A number, a date or a yes is written as a CSV of the same table would hold it.
"""

from __future__ import annotations

import io
import itertools
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, time
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DeliveryUnreadable

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and everything else that Office wrote before 2007
_PARQUET = b"PAR1"
_SPREADSHEETS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")  # members of .xlsx, .xlsb and .ods
_MAX_SHEET_BYTES = 2_000_000_000  # a spreadsheet is unpacked in memory as a whole
_DEEPEST = 3  # levels of a JSON object that become columns
_BATCH = 100_000  # rows of parquet at a time

Records = tuple[list[str], list[list[str]], list[tuple[int, str]]]  # headers, records, and those that are none


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
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _read_json(content)
    return None


def as_frame(headers: Sequence[str], records: Iterable[Sequence[str]]) -> pd.DataFrame:
    """Return records as text under headers."""
    columns = list(zip(*records, strict=True)) or [()] * len(headers)
    return pd.DataFrame(
        {place: pd.Series(cells, dtype="str") for place, cells in enumerate(columns)}, columns=range(len(headers))
    ).set_axis(list(headers), axis=1)


def write_cell(value: Any) -> str:  # noqa: PLR0911  # a line a type
    """Write a value as a CSV would hold it.

    >>> from datetime import date
    >>> write_cell(15000.0), write_cell(1.6), write_cell(True), write_cell(None), write_cell(date(2024, 2, 29))
    ('15000', '1.6', 'True', '', '2024-02-29')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR0124
    if isinstance(value, datetime):
        return str(value.date() if value.time() == time() else value.replace(tzinfo=None))
    if isinstance(value, (dict, list, tuple)):
        return _write_nested(value)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return str(value)


def _write_nested(value: dict[str, Any] | Sequence[Any]) -> str:
    if not isinstance(value, dict) and all(isinstance(item, (str, int, float)) for item in value):
        return ", ".join(map(write_cell, value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=write_cell)


def _open_zip(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeError) as error:
        raise DeliveryUnreadable(f"the zip is damaged or cut short ({error}); fetch the file again") from None


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") or name.startswith("__MACOSX/")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> bytes:
    try:
        with archive.open(member) as stream:
            unpacked = stream.read(max_bytes + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
        raise DeliveryUnreadable(f"the zip is damaged or cut short ({error}); fetch the file again") from None
    if len(unpacked) > max_bytes:
        raise DeliveryUnreadable(f"the zip holds more than {max_bytes / 1e9:.0f} GB; split the delivery")
    return unpacked


def _read_spreadsheet(content: bytes, missing: Callable[[list[str]], Sequence[str]]) -> Records:
    """Read the one sheet that has the columns; the others are passed over."""
    if content.startswith(_ZIP):
        with _open_zip(content) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_SHEET_BYTES:
                raise DeliveryUnreadable(f"the spreadsheet holds more than {_MAX_SHEET_BYTES / 1e9:.0f} GB; save it as CSV")
    sheets = [(name, table) for name, table in _read_sheets(content) if table]
    if not sheets:
        raise DeliveryUnreadable("the spreadsheet is empty; fetch it again, or take it away")
    lacking = {name: len(missing(table[0])) for name, table in sheets}
    fewest = min(lacking.values())
    chosen = [(name, table) for name, table in sheets if lacking[name] == fewest]
    if fewest == 0 and len(chosen) > 1:
        names = " and ".join(repr(name) for name, _ in chosen)
        raise DeliveryUnreadable(f"the sheets {names} all hold adverts; save each as a file of its own")
    headers, *records = chosen[0][1]
    return headers, records, []


def _read_sheets(content: bytes) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield the name and the rows of each sheet that are not empty, as text."""
    import python_calamine

    try:
        with python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            for name in workbook.sheet_names:
                rows = workbook.get_sheet_by_name(name).iter_rows()
                table = [[write_cell(value) for value in row] for row in rows if any(value != "" for value in row)]
                yield name, _drop_nameless(table)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # a panic of its Rust is no Exception
        if isinstance(error, (GeneratorExit, SystemExit)):
            raise
        raise DeliveryUnreadable(f"the spreadsheet cannot be read ({error}); save it as CSV in UTF-8") from None


def _drop_nameless(table: list[list[str]]) -> list[list[str]]:
    """Leave out columns that have neither a header nor a cell."""
    used = [place for place, cells in enumerate(zip(*table, strict=True)) if any(cells)]
    return [[row[place] for place in used] for row in table]


def _read_parquet(content: bytes) -> Records:
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        headers = file.schema_arrow.names
        records: list[list[str]] = []
        for batch in file.iter_batches(_BATCH, use_threads=False):
            columns = [[write_cell(value) for value in column.to_pylist()] for column in batch.columns]
            records.extend(map(list, zip(*columns, strict=True)))
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise DeliveryUnreadable(f"the parquet file cannot be read ({error}); fetch it again, or save it as CSV") from None
    return headers, records, []


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
    return headers, [[record.get(header, "") for header in headers] for _, record in found], unreadable


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
