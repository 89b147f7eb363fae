"""Car pricing: a table of cars in, its rows with their prices out; what the command and the dashboard have in common."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from threadpoolctl import threadpool_limits

from pipeline.market import Market
from pipeline.pricing import UNREADABLE, Outcome, Pricer
from pipeline.services.car_files import CarFile, CarsUnreadable, Source, open_cars
from pipeline.services.deliveries import stem_of
from pipeline.services.exports import guard_cell
from pipeline.stages import cars

STATUSES = ("priced", "extrapolated", "refused", UNREADABLE)
_CSV_END = "\r\n"
_COUNTED = 10_000  # rows at once


def open_table(path: Path | Source, market: Market) -> CarFile:
    """Find out how a table of a market's cars is written. Raises CarsUnreadable for what is none, or lacks make, model or year."""
    shown = path.name if isinstance(path, Source) else str(path)
    named = market.values_from_name(stem_of(path.name))
    table = open_cars(path, market.files, lambda headers: cars.find_absent(headers, market, named))
    absent = cars.find_absent(table.headers, market, named)
    if absent:
        unknown = cars.name_unknown(table.headers, market)
        lacking = "; ".join(_tell_absent(column, market, unknown) for column in absent)
        raise CarsUnreadable(f"{shown} lacks {lacking}. Its header reads {', '.join(map(repr, table.headers))[:300]}.")
    return table


def count_rows(table: CarFile, most: int) -> int:
    """Return how many rows a table has; raises CarsUnreadable where they are more than may be priced at once."""
    n = 0
    for records in table.read_chunks(_COUNTED):
        n += len(records)
        if n > most:
            raise CarsUnreadable(f"{table.source.name} holds more than {most:,} rows: split it into smaller files.")
    return n


def price_rows(pricer: Pricer, table: CarFile, size: int) -> Iterator[tuple[list[list[str]], list[Outcome]]]:
    """Yield the rows of a table with their outcomes, up to `size` at once; raises CarsUnreadable where there is none."""
    is_empty = True
    with threadpool_limits(1):  # two on busy cores are many times slower than one
        for records in table.read_chunks(size):
            is_empty = False
            yield records, pricer.price(records)
    if is_empty:
        raise CarsUnreadable(f"{table.source.name} holds a header and no rows: there is nothing to price.")


def name_outcomes(headers: Sequence[str]) -> list[str]:
    """Return the columns of an outcome as they stand behind a table's own: with another name where it has one of that name.

    >>> name_outcomes(["make", "estimate", "priced_estimate"])[:2]
    ['priced_priced_estimate', 'low']
    """
    return [next(name for n in itertools.count() if (name := "priced_" * n + field) not in headers) for field in Outcome._fields]


def fill_record(record: Sequence[str], width: int) -> list[str]:
    """Return as many cells of a record as its header has: what is beyond stands in its reason."""
    return [*record[:width], *([""] * (width - len(record)))]


def csv_writer(
    stream: TextIO, headers: Sequence[str], separator: str
) -> Callable[[Sequence[Sequence[str]], Sequence[Outcome]], None]:
    """Return what writes records with their outcomes as CSV, with no cell that a spreadsheet would run; writes the header at once."""
    rows = csv.writer(_LineEnds(stream), delimiter=separator, lineterminator=_CSV_END)
    rows.writerow([*map(guard_cell, headers), *name_outcomes(headers)])

    def write(records: Sequence[Sequence[str]], outcomes: Sequence[Outcome]) -> None:
        for record, outcome in zip(records, outcomes, strict=True):
            rows.writerow([*map(guard_cell, fill_record(record, len(headers))), *outcome])

    return write


class _LineEnds:
    """Ends lines by LF in a stream to which csv writes CRLF: else it leaves a CR in a cell bare, which would be two rows."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(f"{line.removesuffix(_CSV_END)}\n")


def _tell_absent(column: str, market: Market, unknown: dict[str, str]) -> str:
    names = dict.fromkeys((column, *market.columns[column].headers))
    near = [header for header, known in unknown.items() if known in names]
    file_name = f", or in the file's name by {market.columns[column].file_name!r}" if market.columns[column].file_name else ""
    return f"{column} (as {' or '.join(map(repr, names))}{file_name}{f'; is it {near[0]!r}?' if near else ''})"
