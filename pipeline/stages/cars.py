"""Cars: read what someone wants priced, in the market's columns or in ours, as listings without a price."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pandas as pd

from pipeline import listing
from pipeline.market import Column, Market, fold_header
from pipeline.stages import cells, measures
from pipeline.stages.verdicts import Verdicts, apply_rule, find_empty, judge_column

_MISSING = ("", "N/A", "n/a", "NA", "NaN", "nan", "None", "null", "<NA>")
_SHOWN = 80  # characters of a value in a reason

NEEDED = ("make", "model", "year")  # without them nothing is priced


@dataclass(frozen=True)
class Cars:
    """What was read of some rows.

    `listings`: canonical columns but for the price. `refusals`: why a row cannot be priced, "" where it can. `notes`:
    what was left out of a row that can. All are by position.
    """

    listings: pd.DataFrame
    refusals: list[str]
    notes: list[str]


def fit_headers(headers: Sequence[str], market: Market) -> Market:
    """Return the market as it describes a table with these headers, in which a column may have its canonical name.

    A column under its canonical name is in the canonical unit, under the market's own header in the market's. Where
    one header is both (craigslist_us names make and model in `model`), it is ours if make, model and year all are.
    """
    present = {_fold_name(header): header for header in headers}
    own = {fold_header(header) for column in market.columns.values() for header in column.headers}
    are_ours = all(name in present for name in NEEDED)
    columns: dict[str, Column] = {}
    for name, column in market.columns.items():
        if name != "price":
            header = present.get(name)
            is_ours = header is not None and (are_ours or fold_header(header) not in own)
            fitted = _as_ours(column, str(header)) if is_ours else column
            columns[name] = _with_our_words(fitted, opened=name in ("make", "model"))
    missing = tuple(dict.fromkeys((*market.rows.missing, *_MISSING)))
    rules = tuple(rule for rule in market.reject if "price" not in (*rule.between, *rule.words))
    return msgspec.structs.replace(
        market, columns=columns, rows=msgspec.structs.replace(market.rows, missing=missing), reject=rules
    )


def find_absent(headers: Sequence[str], market: Market, named: Mapping[str, str]) -> list[str]:
    """Return which of make, model and year no header tells, nor the file's name (`named`)."""
    fitted = fit_headers(headers, market)
    present = set(map(fold_header, headers))
    return [name for name in NEEDED if not present & set(map(fold_header, fitted.columns[name].headers)) and not named.get(name)]


def name_unknown(headers: Sequence[str], market: Market) -> dict[str, str]:
    """Return the headers that neither the market nor we know, each with the nearest known one, or ""."""
    theirs = [header for column in market.columns.values() for header in column.headers]
    known = {_fold_name(header): header for header in (*theirs, *market.canonical_columns(), *listing.COLUMNS)}
    unused = set(map(_fold_name, market.rows.unused))
    unknown = [header for header in headers if _fold_name(header) not in known and _fold_name(header) not in unused]
    near = {header: difflib.get_close_matches(_fold_name(header[:_SHOWN]), known, n=1) for header in unknown}
    return {header: known[found[0]] if found else "" for header, found in near.items()}


def name_doubled(headers: Sequence[str], market: Market) -> dict[str, str]:
    """Return the market's headers that tell nothing here, since the column stands under its canonical name too, each with that name."""
    fitted = fit_headers(headers, market)
    used = {fold_header(header) for column in fitted.columns.values() for header in column.headers}
    return {
        header: name
        for header in headers
        for name, column in market.columns.items()
        if fold_header(header) in map(fold_header, column.headers) and name in fitted.columns and fold_header(header) not in used
    }


def column_named(name: str, market: Market) -> str | None:
    """Return the header that an option's name means, dashes for blanks and underscores: ours first, then the market's."""
    folded = _fold_name(name)
    theirs = [header for column in market.columns.values() for header in column.headers]
    known = {_fold_name(header): header for header in (*theirs, *market.columns)}
    return known.get(folded)


def read_cars(rows: pd.DataFrame, market: Market, named: Mapping[str, str], words: Mapping[str, Iterable[str]]) -> Cars:
    """Read rows of text by a market fitted to their headers.

    `named` holds what the file's name tells, `words` the spellings that the model knows: letter case aside, a word is
    one of them. A row is refused as Ingest would refuse it, and for a number that cannot be read; a word that cannot
    is left out with a note.
    """
    readings = cells.send_home(cells.read_columns(rows, market, named, lenient_reader), market).readings
    verdicts = Verdicts(len(rows), find_empty(rows))
    parsed: dict[str, pd.Series] = {}
    notes = np.full(len(rows), "", dtype=object)
    features = market.feature_columns()
    for name in market.columns:
        reading = readings.get(name)
        parsed |= judge_column(name, reading, market, verdicts)
        if reading is None or name not in features or name in listing.ALWAYS_REQUIRED:
            continue
        if features[name] == "number":
            verdicts.refuse(reading.is_unreadable, f"{name} unreadable", reading.cells)
            notes = _note(
                notes, name, reading.cells, _is_missing_figure(name, reading, market), "means not told in this market: left out"
            )
        else:
            notes = _note(notes, name, reading.cells, reading.is_unreadable, "is not known: left out")
    for rule in market.reject:
        apply_rule(rule, parsed, readings, verdicts)
    listings = pd.DataFrame({name: _respell(parsed[name], words.get(name, ())) for name in market.canonical_columns()})
    return Cars(listings, _tell_refusals(verdicts), notes.tolist())


def lenient_reader(name: str, market: Market) -> cells.CellReader:
    """Return a reader that also takes numbers in other units, in thousands and with other marks, where that is unambiguous."""
    column, kind = market.columns[name], market.kind(name)
    read = cells.market_reader(name, market)
    if kind != "number":
        return read
    unit, mark = measures.unit_of(name), column.decimal_mark or market.rows.decimal_mark
    # What a pattern keeps out may be another column's; only a unit says that it is this one's.
    needs_unit = bool(column.pattern)
    factor = listing.UNITS[column.unit] if column.unit else 1.0
    parse = measures.parse_measures if column.parser == "range" else measures.parse_measure

    def read_cell(cell: str) -> tuple[object, bool]:
        value, is_missing = read(cell)
        if is_missing:
            return value, is_missing
        text = cell if needs_unit else measures.join_thousands(cell, unit)
        value = value if text == cell else read(text)[0]
        return (parse(text, unit, mark, bare_factor=factor, needs_unit=needs_unit) if value is None else value), False

    return read_cell


def _fold_name(name: str) -> str:
    return fold_header(name.replace("-", " ").replace("_", " ")).replace(" ", "_")


def _as_ours(column: Column, header: str) -> Column:
    return msgspec.structs.replace(column, headers=(header,), file_name="", pattern="", unit="", large_unit=None)


def _with_our_words(column: Column, *, opened: bool) -> Column:
    """Add our words to the market's; of make and model keep any word, for the model to know or not."""
    if not column.values:
        return column
    theirs = {fold_header(word) for word in column.values}
    ours = {word: word for word in column.values.values() if isinstance(word, str) and fold_header(word) not in theirs}
    return msgspec.structs.replace(column, values={**column.values, **ours}, others="keep" if opened else column.others)


def _is_missing_figure(name: str, reading: cells.Reading, market: Market) -> np.ndarray:
    """Say which cells are one of the market's missing marks and a number: whoever asks about 0 km may well mean it."""
    read, found = cells.market_reader(name, market), np.zeros(len(reading.cells), dtype=bool)
    for place in np.flatnonzero(reading.is_missing):
        text = str(reading.cells[place])
        found[place] = any(map(str.isdecimal, text)) and read(text)[1]
    return found


def _note(notes: np.ndarray, name: str, texts: np.ndarray, mask: np.ndarray, what: str) -> np.ndarray:
    if not mask.any():
        return notes
    told = [f"{name} {str(text)[:_SHOWN]!r} {what}" for text in texts[mask]]
    notes = notes.copy()
    notes[mask] = ["; ".join(filter(None, pair)) for pair in zip(notes[mask], told, strict=True)]
    return notes


def _respell(values: pd.Series, words: Iterable[str]) -> pd.Series:
    """Spell words as the model knows them, where letter case is all that differs."""
    exact = set(words)
    if not exact:
        return values
    folded = {word.casefold(): word for word in sorted(exact)}
    distinct = [word for word in values.dropna().unique() if word not in exact and word.casefold() in folded]
    if not distinct:
        return values
    respelt = values.map({word: folded[word.casefold()] for word in distinct})
    return respelt.astype(values.dtype).where(respelt.notna(), values)


def _tell_refusals(verdicts: Verdicts) -> list[str]:
    reasons: list[list[str]] = [[] for _ in range(verdicts.size)]
    for mask, reason, texts, _ in verdicts.refused:
        for place in np.flatnonzero(mask):
            text = str(texts[place])
            reasons[place].append(f"{reason}: {text[:_SHOWN]!r}" if text else reason)
    return ["; ".join(told) for told in reasons]
