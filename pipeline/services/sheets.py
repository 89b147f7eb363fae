"""Spreadsheets, read in a process of its own: one of a thousand bytes can ask for all of the memory, and its reader aborts then."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from typing import Any

import msgspec

from pipeline.errors import DeliveryUnreadable

_MOST_MEMORY = 4_000_000_000  # bytes that the process may ask for
_MOST_SECONDS = 600
_TOO_MUCH = "it asks for more memory than a table of its size needs"
Sheet = tuple[str, list[list[str]]]


def read_sheets(content: bytes) -> list[Sheet]:
    """Return the name and the rows, as text, of each sheet of an .xlsx, .xlsb, .xls or .ods file. Raises DeliveryUnreadable."""
    command = [sys.executable, "-m", "pipeline.services.sheets"]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=_MOST_SECONDS, check=False)  # noqa: S603  # our own module
    except subprocess.TimeoutExpired:
        why = f"it takes longer than {_MOST_SECONDS} seconds"
    else:
        if done.returncode == 0:
            sheets: list[Sheet] = msgspec.msgpack.decode(done.stdout, type=list[Sheet])
            return sheets
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if done.returncode > 0 and said else _TOO_MUCH
    raise DeliveryUnreadable(f"the spreadsheet cannot be read ({why}); save it as CSV in UTF-8")


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


def _read(content: bytes) -> Iterator[Sheet]:
    import python_calamine

    with python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
        for name in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(name).iter_rows()
            yield (
                name,
                _drop_nameless([[write_cell(value) for value in row] for row in rows if any(value != "" for value in row)]),
            )


def _drop_nameless(table: list[list[str]]) -> list[list[str]]:
    """Leave out columns that have neither a header nor a cell."""
    used = [place for place, cells in enumerate(zip(*table, strict=True)) if any(cells)]
    return [[row[place] for place in used] for row in table]


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):  # not every system can
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> int:
    """Read a spreadsheet from the standard input, and write its sheets as MessagePack."""
    _bound_memory()
    try:
        sys.stdout.buffer.write(msgspec.msgpack.encode(list(_read(sys.stdin.buffer.read()))))
    except MemoryError:
        sys.stderr.write(_TOO_MUCH)
        return 1
    except BaseException as error:  # a panic of its Rust is no Exception
        sys.stderr.write(" ".join(str(error).split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
