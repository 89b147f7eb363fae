"""Files of cars to price: read as text, record by record, so that a file of any length needs little memory."""

from __future__ import annotations

import codecs
import csv
import gzip
import uuid
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from pipeline.errors import UserError
from pipeline.market import Files, fold_header

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20
_LONGEST_LINE = 1 << 20
_SEPARATORS = (",", ";", "\t")


class CarsUnreadable(UserError):
    """A file of cars is no table that can be priced."""

    exit_code = 2


class _Unpacked(gzip.GzipFile):
    """A gzip file that closes what it reads from, too."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


@dataclass(frozen=True)
class Source:
    """Bytes that may be cars: what messages call them, how they are opened, and how many may come out of them (None: any number)."""

    name: str
    open: Callable[[], BinaryIO]
    max_bytes: int | None = None


@dataclass(frozen=True)
class CarFile:
    """A table of cars: where it is, how it is written, its headers, and about how many records it holds."""

    source: Source
    encoding: str
    separator: str
    headers: list[str]
    lines: int

    def read_chunks(self, size: int) -> Iterator[list[list[str]]]:
        """Yield the records below the header in lists of up to `size`; blank lines do not count."""
        chunk: list[list[str]] = []
        with closing(_read_records(self.source, self.encoding, self.separator)) as records:
            next(records)
            for record in records:
                chunk.append(record)
                if len(chunk) == size:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk


def source_of(content: bytes, name: str, max_bytes: int) -> Source:
    """Return bytes that came without a file, under the name that their sender gave them."""
    return Source(name, lambda: BytesIO(content), max_bytes)


def open_cars(path: Path | Source, files: Files, find_absent: Callable[[Sequence[str]], Sequence[str]]) -> CarFile:
    """Find out how a file is written: the first encoding that fits all of it, the separator that shows most columns.

    `find_absent` names the columns that a header lacks. Raises CarsUnreadable for what is no text, no table or empty.
    """
    source = path if isinstance(path, Source) else _source_at(path)
    encoding, lines = _choose_encoding(source, tuple(dict.fromkeys(("utf-8", *files.encodings))))
    headers = {
        separator: _read_header(source, encoding, separator) for separator in dict.fromkeys((*files.separators, *_SEPARATORS))
    }
    separator = min(headers, key=lambda one: (len(find_absent(headers[one])), -len(headers[one])))
    if not headers[separator]:
        raise CarsUnreadable(f"{source.name} is empty: it needs a header and a row for each car.")
    folded = [fold_header(header) for header in headers[separator]]
    repeated = sorted({header for header in headers[separator] if folded.count(fold_header(header)) > 1})
    if repeated:
        raise CarsUnreadable(
            f"{source.name}: the header names {', '.join(map(repr, repeated))} more than once. Rename or remove one."
        )
    return CarFile(source, encoding, separator, headers[separator], lines)


def _source_at(path: Path) -> Source:
    if not path.exists():
        raise CarsUnreadable(f"There is no file {path}.")
    if not path.is_file():
        raise CarsUnreadable(f"{path} is no regular file: name a CSV file, packed with gzip or not.")
    return Source(str(path), lambda: path.open("rb"))


def _choose_encoding(source: Source, encodings: tuple[str, ...]) -> tuple[str, int]:
    for encoding in encodings:
        decoder, lines, size = codecs.getincrementaldecoder(encoding)(), 0, 0
        try:
            with _open_bytes(source) as stream:
                while block := _read_block(stream, source):
                    size += len(block)
                    _refuse_larger(size, source)
                    if b"\0" in block:
                        raise CarsUnreadable(
                            f"{source.name} holds NUL bytes: it is no text file, or UTF-16. Save it as CSV in UTF-8."
                        )
                    decoder.decode(block)
                    lines += block.count(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeError:
            continue
        return encoding, lines
    raise CarsUnreadable(f"The bytes of {source.name} are not {' or '.join(encodings)}. Save it as CSV in UTF-8.")


def _refuse_larger(size: int, source: Source) -> None:
    if source.max_bytes is not None and size > source.max_bytes:
        allowed = f"{source.max_bytes / 1e6:,.0f} MB"
        raise CarsUnreadable(f"{source.name} holds more than {allowed} of text: split it into smaller files.")


def _open_bytes(source: Source) -> BinaryIO:
    try:
        with source.open() as stream:
            is_packed = stream.read(2) == _GZIP or source.name.endswith(".gz")
        stream = source.open()  # closed by the caller
    except PermissionError as error:
        raise CarsUnreadable(f"{source.name} may not be read ({error.strerror}). Let this user read it.") from None
    return cast("BinaryIO", _Unpacked(stream)) if is_packed else stream


def _read_block(stream: BinaryIO, source: Source) -> bytes:
    try:
        return stream.read(_BLOCK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CarsUnreadable(f"{source.name}: the gzip is damaged or cut short ({error}). Fetch or pack it again.") from None


def _read_header(source: Source, encoding: str, separator: str) -> list[str]:
    with closing(_read_records(source, encoding, separator)) as records:
        header = next(records, [])
    return header if any(cell.strip() for cell in header) else []


def _read_records(source: Source, encoding: str, separator: str) -> Generator[list[str]]:
    """Yield every record that is no blank line; raises CarsUnreadable where a quote is never closed."""
    number = -1
    # A last record of our own: it does not come back when a quote before it was never closed.
    last = uuid.uuid4().hex
    with _open_bytes(source) as packed, TextIOWrapper(packed, encoding, newline="") as stream:
        lines = chain(_read_lines(stream, source), ("\n", last))
        records = csv.reader(lines, delimiter=separator)
        while True:
            try:
                record = next(records, None)
            except csv.Error as error:
                raise CarsUnreadable(
                    f"{source.name}: record {number + 1} cannot be read ({error}). Is a quote never closed?"
                ) from None
            if record == [last]:
                return
            if record is None:
                raise CarsUnreadable(f"{source.name}: a quote opened in record {number} is never closed.")
            if record:
                number += 1
                yield record


def _read_lines(stream: TextIOWrapper, source: Source) -> Iterator[str]:
    """Yield lines; byte-order marks at the start, of which a file saved again and again has several, are left out."""
    is_first = True
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise CarsUnreadable(f"{source.name} has a line of more than {_LONGEST_LINE:,} characters: it is no table.")
        if is_first:
            line = line.lstrip("\ufeff\r\n")
            is_first = not line
        yield line
