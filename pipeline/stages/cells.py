"""Cells: read a delivery's text as the market's columns, and send home what slid into a neighbouring column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import listing
from pipeline.listing import Kind
from pipeline.market import Column, Market, fold_header
from pipeline.stages import parse

CellReader = Callable[[str], tuple[Any, bool]]  # a cell's value (None if it has none) and whether it is a missing mark


@dataclass(frozen=True)
class Reading:
    """What the cells of one column say.

    `cells` is the text of each row; `values` an object array of what it means, None where `is_missing` (a missing
    mark) or `is_unreadable` (anything else that the column cannot mean). All are by position.
    """

    cells: np.ndarray
    values: np.ndarray
    is_missing: np.ndarray
    is_unreadable: np.ndarray


def market_reader(name: str, market: Market) -> CellReader:
    """Return the reader of one of the market's columns that takes what its TOML says and no more."""
    return cell_reader(market.columns[name], market.kind(name), market)


def read_columns(
    rows: pd.DataFrame, market: Market, named: Mapping[str, str], reader_of: Callable[[str, Market], CellReader] = market_reader
) -> dict[str, Reading]:
    """Read every column that the delivery has: each row's first cell that can be read, else its first that is given.

    `rows` holds text under the delivery's own headers, `named` what the file's name gives. Where columns share a
    header, a cell that one of them can read is missing to the others. `reader_of` makes a column's reader.
    """
    by_header = {fold_header(str(header)): rows[header] for header in rows.columns}
    readers = {name: reader_of(name, market) for name in market.columns}
    readings: dict[str, Reading] = {}
    for name, column in market.columns.items():
        if name in named:
            readings[name] = _read(pd.Series(named[name], index=rows.index, dtype="str"), readers[name], [])
        for header in map(fold_header, column.headers):
            if header in by_header:
                sharing = [readers[other] for other in _claimants(header, market) if other != name]
                reading = _read(by_header[header], readers[name], sharing)
                before = readings.get(name, reading)
                readings[name] = _choose(_rank(reading) < _rank(before), reading, before)
    return readings


@dataclass(frozen=True)
class Homecoming:
    """The readings after strays went home, how many cells went from where to where, and how many of each column are lost."""

    readings: dict[str, Reading]
    moved: dict[str, int]
    lost: dict[str, int]


def send_home(readings: Mapping[str, Reading], market: Market) -> Homecoming:
    """Move cells that their own column cannot mean to the one other column that can.

    Which one, only vocabularies and patterns of text can tell: a cell moves when exactly one of those columns knows
    it, and the row has nothing readable there. Two cells of a row that claim the same place both stay where they are,
    unreadable. Cells that cannot be read and went nowhere are lost.
    """
    homes = {name: reader for name, reader in _recognisers(market).items() if name in readings}
    claims: dict[str, list[tuple[str, np.ndarray, np.ndarray]]] = {name: [] for name in homes}
    for source, reading in readings.items():
        if market.columns[source].file_name or source in listing.ALWAYS_REQUIRED:
            continue  # the row is rejected, and its reason must show what stands there
        strays = reading.cells.copy()
        strays[~reading.is_unreadable] = None
        places, words = pd.factorize(strays)
        known = {place: found for place, word in enumerate(words) if (found := _find_home(str(word), source, homes))}
        for home in sorted({home for home, _ in known.values()}):
            meanings = [known[place][1] if known.get(place, ("",))[0] == home else None for place in range(len(words))]
            values = np.array([*meanings, None], dtype=object)[places]  # place -1, a cell that did not stray, takes the None
            free = readings[home].is_missing | readings[home].is_unreadable
            claims[home].append((source, pd.notna(values) & free, values))
    return _settle(readings, claims)


def cell_reader(column: Column, kind: Kind, market: Market) -> CellReader:
    """Return a reader of one cell: its value (None if it has none) and whether it is a missing mark.

    A word of the column's vocabulary is never missing, though "" may mean no in one column and missing elsewhere. A
    missing mark that is a number holds for that number however it is written: 0 for 0.00.
    """
    read = _value_reader(column, kind, column.decimal_mark or market.rows.decimal_mark)
    own_words = {parse.clean_text(word).casefold() for word in column.values}
    missing = {parse.clean_text(word) for word in (*market.rows.missing, *column.missing)}
    numbers = {read(word) for word in missing} - {None} if kind == "number" else set()
    pattern = re.compile(column.pattern) if column.pattern else None

    def read_cell(cell: str) -> tuple[Any, bool]:
        text = parse.clean_text(cell)
        if text in missing and text.casefold() not in own_words:
            return None, True
        found = pattern.search(text) if pattern else None
        value = None if pattern and not found else read(found.group(1) if found else text)
        return (None, True) if value in numbers else (value, False)

    return read_cell


def _value_reader(column: Column, kind: Kind, decimal_mark: str) -> Callable[[str], Any]:
    if kind == "number":
        read = parse.parse_range if column.parser == "range" else parse.parse_number
        convert = _converter(column)
        split = _unit_splitter(column)
        return lambda text: convert(read((parts := split(text))[0], decimal_mark), parts[1])
    if kind == "date":
        return lambda text: parse.parse_date(text, *column.date_formats)
    if kind == "boolean":
        return lambda text: parse.parse_boolean(text, column.values)
    return parse.word_reader(column.values, keeps_others=column.others == "keep")


def _unit_splitter(column: Column) -> Callable[[str], tuple[str, float | None]]:
    """Return what takes the market's words for units from around a number: what is left, and their factor (None: there were none)."""
    if not column.units:
        return lambda text: (text, None)
    factors = {parse.clean_text(word).casefold(): unit for word, unit in column.units.items()}
    words = sorted(factors, key=len, reverse=True)

    def split(text: str) -> tuple[str, float | None]:
        rest, factor = parse.clean_text(text).casefold(), None
        while found := next(((word, left) for word in words if (left := _strip_word(word, rest)) is not None), None):
            unit, rest = factors[found[0]], found[1]
            factor = (factor or 1.0) * (listing.UNITS[unit] if isinstance(unit, str) else unit)
        return rest, factor

    return split


def _strip_word(word: str, text: str) -> str | None:
    """Return what is left of a text that ends or begins with the word; None where it does not, or with a longer word."""
    if text.endswith(word) and not (word[0].isalpha() and text[: -len(word)][-1:].isalpha()):
        return text[: -len(word)].strip()
    after = text[len(word) :]
    if (
        text.startswith(word)
        and not (word[-1].isalpha() and after[:1].isalpha())
        and not (word[-1].isdecimal() and after[:1].isdecimal())
    ):
        return after.strip()
    return None


def _converter(column: Column) -> Callable[[Any, float | None], Any]:
    """Return what brings a number, or both ends of a range, into the canonical unit; its own unit's factor wins."""
    usual = listing.UNITS[column.unit] if column.unit else 1.0
    large = column.large_unit

    def convert(value: Any, factor: float | None) -> Any:
        if value is None:
            return None
        if isinstance(value, tuple):
            return tuple(convert(end, factor) for end in value)
        return value * (factor or (listing.UNITS[large.unit] if large and value > large.above else usual))

    return convert


def _claimants(header: str, market: Market) -> list[str]:
    return [name for name, column in market.columns.items() if header in map(fold_header, column.headers)]


def _read(cells: pd.Series, read: CellReader, sharing: list[CellReader]) -> Reading:
    """Read every distinct text once."""
    texts = cells.to_numpy(dtype=object)
    places, words = pd.factorize(texts)
    found = [read(str(word)) for word in words]
    for place, word in enumerate(words):
        if found[place] == (None, False) and any(other(str(word))[0] is not None for other in sharing):
            found[place] = (None, True)
    values = np.empty(len(found), dtype=object)
    values[:] = [value for value, _ in found]
    is_missing = np.array([missing for _, missing in found], dtype=bool)[places]
    is_unreadable = np.array([value is None and not missing for value, missing in found], dtype=bool)[places]
    return Reading(texts, values[places], is_missing, is_unreadable)


def _rank(reading: Reading) -> np.ndarray:
    """Rank each cell: 0 can be read, 1 cannot, 2 is missing."""
    return np.asarray(reading.is_unreadable + 2 * reading.is_missing)


def _choose(mask: np.ndarray, one: Reading, other: Reading) -> Reading:
    """Take the cells of `one` where the mask says so, else those of the other."""
    return Reading(
        np.where(mask, one.cells, other.cells),
        np.where(mask, one.values, other.values),
        np.where(mask, one.is_missing, other.is_missing),
        np.where(mask, one.is_unreadable, other.is_unreadable),
    )


def _recognisers(market: Market) -> dict[str, Callable[[str], Any]]:
    """Return a reader for each column that knows its own cells: by a closed vocabulary, or a text by its pattern."""
    found: dict[str, Callable[[str], Any]] = {}
    for name, column in market.columns.items():
        kind = market.kind(name)
        has_words = kind in ("category", "boolean") and bool(column.values) and column.others == "missing"
        if column.headers and (has_words or (kind == "text" and column.pattern)):
            found[name] = _strict_reader(column, kind, market)
    return found


def _strict_reader(column: Column, kind: Kind, market: Market) -> Callable[[str], Any]:
    """Read a cell as its column does, but of yes and no only the market's own words: "1" says nothing by itself."""
    read = cell_reader(column, kind, market)
    words = {parse.clean_text(word).casefold() for word in column.values}
    return lambda cell: read(cell)[0] if not words or parse.clean_text(cell).casefold() in words or column.pattern else None


def _find_home(word: str, source: str, homes: Mapping[str, Callable[[str], Any]]) -> tuple[str, Any] | None:
    found = [(name, value) for name, read in homes.items() if name != source and (value := read(word)) is not None]
    return found[0] if len(found) == 1 else None


def _settle(before: Mapping[str, Reading], claims: Mapping[str, list[tuple[str, np.ndarray, np.ndarray]]]) -> Homecoming:
    readings = dict(before)
    moved: dict[str, int] = {}
    strays = {name: reading.is_unreadable for name, reading in before.items()}
    for home, claimed in claims.items():
        is_contested = sum((mask.astype(int) for _, mask, _ in claimed), np.zeros(1, dtype=int)) > 1
        for source, mask, values in claimed:
            moves = mask & ~is_contested
            if moves.any():
                moved[f"{source} → {home}"] = int(moves.sum())
                strays[source] = strays[source] & ~moves
                arrived = Reading(before[source].cells, values, ~moves, ~moves)
                readings[home] = _choose(moves, arrived, readings[home])
    for name, reading in readings.items():  # where a cell left and none arrived, the column is missing
        left = reading.is_unreadable & ~strays[name]
        readings[name] = Reading(reading.cells, reading.values, reading.is_missing | left, reading.is_unreadable & ~left)
    lost = {name: int(mask.sum()) for name, mask in strays.items() if mask.any()}
    return Homecoming(readings, dict(sorted(moved.items())), dict(sorted(lost.items())))
