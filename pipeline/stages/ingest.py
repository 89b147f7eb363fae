"""Ingest: parse the text cells of one delivery, and accept or reject each row with every reason."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import listing
from pipeline.listing import Kind
from pipeline.market import Column, Market, fold_header, range_ends
from pipeline.stages import parse

ROW_UNREADABLE = "row has another number of cells than the header"
_DTYPES: dict[Kind, str] = {"number": "float64", "category": "str", "text": "str", "date": "str", "boolean": "boolean"}
_SHOWN = 80  # characters of a value in a message


@dataclass(frozen=True)
class Intake:
    """What one delivery gave.

    `accepted`: canonical columns, with `row` (the record's number), `listing_id` and `twin_id`. `rejected`: `row`,
    `reasons` (short, countable), `details` (with the values) and `record` (the whole row as JSON). `account`: the
    counts by which nothing is lost: rows = accepted + rejected + unreadable.
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    account: dict[str, Any]


@dataclass
class _Verdicts:
    """Which rows are refused, why, and which optional cells were given up."""

    size: int
    refused: list[tuple[np.ndarray, str, pd.Series]] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def refuse(self, mask: np.ndarray, reason: str, cells: pd.Series) -> None:
        if mask.any():
            self.refused.append((mask, reason, cells))

    def drop(self, mask: np.ndarray, reason: str) -> None:
        if mask.any():
            self.dropped[reason] = self.dropped.get(reason, 0) + int(mask.sum())


def ingest_rows(rows: pd.DataFrame, unreadable: Sequence[tuple[int, str]], market: Market, named: Mapping[str, str]) -> Intake:
    """Parse a delivery's rows by the market's columns.

    `rows` holds text under the delivery's own headers, indexed by record number; `unreadable` the records of another
    width; `named` the columns that the file's name gives. A row is rejected when its price, make, model or year is
    missing or unreadable, or any value lies outside its limits; another cell that cannot be read becomes missing and
    is counted.
    """
    verdicts = _Verdicts(len(rows))
    parsed: dict[str, pd.Series] = {}
    for name, column in market.columns.items():
        cells = _find_cells(rows, name, column, named)
        parsed |= _parse_column(name, column, cells, market, verdicts)
    listings = pd.DataFrame({name: parsed[name] for name in market.canonical_columns()}).set_axis(rows.index)
    refused = np.zeros(len(rows), dtype=bool)
    for mask, _, _ in verdicts.refused:
        refused |= mask
    accepted = _identify(listings[~refused].reset_index(), market)
    rejected = _list_rejections(rows[refused], verdicts, refused, unreadable)
    return Intake(accepted, rejected, _account(rows, accepted, rejected, unreadable, verdicts, market))


def empty_intake(market: Market, set_aside: str) -> Intake:
    """Return the intake of a delivery that is set aside whole, with the reason in its account."""
    intake = ingest_rows(pd.DataFrame(index=pd.Index([], dtype="int64", name="row")), [], market, {})
    return Intake(intake.accepted, intake.rejected, {**intake.account, "set_aside": set_aside})


def required_headers(market: Market) -> dict[str, tuple[str, ...]]:
    """Return the headers by which each required column may be found."""
    return {name: column.headers for name, column in market.columns.items() if column.required and column.headers}


def _find_cells(rows: pd.DataFrame, name: str, column: Column, named: Mapping[str, str]) -> pd.Series | None:
    if name in named:
        return pd.Series(named[name], index=rows.index, dtype="str")
    wanted = {fold_header(header) for header in column.headers}
    present = [header for header in rows.columns if fold_header(header) in wanted]
    return rows[present[0]] if present else None


def _parse_column(
    name: str, column: Column, cells: pd.Series | None, market: Market, verdicts: _Verdicts
) -> dict[str, pd.Series]:
    kind = market.kind(name)
    ends = range_ends(name) if column.parser == "range" else ()
    if cells is None:
        return {part: _empty(verdicts.size, "number" if ends else kind) for part in (*ends, name)}
    missing_marks = {parse.clean_text(mark) for mark in (*market.rows.missing, *column.missing)}
    read = _reader(column, kind, market.rows.decimal_mark)
    words, places = _unique(cells)
    known = [parse.clean_text(word) not in missing_marks for word in words]
    values = [_extract(word, column, read) if is_known else None for word, is_known in zip(words, known, strict=True)]
    is_missing = ~np.array(known, dtype=bool)[places]
    is_unreadable = ~is_missing & np.array([value is None for value in values], dtype=bool)[places]
    if name in listing.ALWAYS_REQUIRED:
        verdicts.refuse(is_missing, f"{name} missing", cells)
        verdicts.refuse(is_unreadable, f"{name} unreadable", cells)
    else:
        verdicts.drop(is_unreadable, f"{name} unreadable")
    if ends:
        return _range_columns(name, column, ends, values, places, verdicts, cells)
    parsed = _series(values, places, kind)
    if kind == "number":
        parsed = parsed * listing.UNITS[column.unit] if column.unit else parsed
        _judge_limits(name, column, parsed, verdicts, cells)
    return {name: parsed}


def _range_columns(
    name: str,
    column: Column,
    ends: tuple[str, ...],
    values: list[Any],
    places: np.ndarray,
    verdicts: _Verdicts,
    cells: pd.Series,
) -> dict[str, pd.Series]:
    factor = listing.UNITS[column.unit] if column.unit else 1.0
    low, high = (
        _series([None if value is None else value[end] for value in values], places, "number") * factor for end in (0, 1)
    )
    _judge_limits(name, column, high, verdicts, cells)
    return {name: (low + high) / 2, ends[0]: low, ends[1]: high}


def _judge_limits(name: str, column: Column, values: pd.Series, verdicts: _Verdicts, cells: pd.Series) -> None:
    if column.limits is None:
        return
    low, high = column.limits
    verdicts.refuse((values < low).to_numpy(), f"{name} below {_write_limit(low)}", cells)
    verdicts.refuse((values > high).to_numpy(), f"{name} above {_write_limit(high)}", cells)


def _write_limit(limit: float) -> str:
    """Write a limit for a person: 2,000,000 in groups, a year without."""
    return f"{limit:,.10g}" if abs(limit) >= 10_000 else f"{limit:g}"


def _reader(column: Column, kind: Kind, decimal_mark: str) -> Callable[[str], Any]:
    if column.parser == "range":
        return lambda text: parse.parse_range(text, decimal_mark)
    if kind == "number":
        return lambda text: parse.parse_number(text, decimal_mark)
    if kind == "date":
        return lambda text: parse.parse_date(text, column.date_format)
    if kind == "boolean":
        return lambda text: parse.parse_boolean(text, column.values)
    return parse.word_reader(column.values)


def _extract(text: str, column: Column, read: Callable[[str], Any]) -> Any:
    if not column.pattern:
        return read(text)
    found = re.search(column.pattern, text)
    return read(found.group(1)) if found else None


def _unique(cells: pd.Series) -> tuple[list[str], np.ndarray]:
    """Return the distinct texts and each row's place among them: every text is parsed once."""
    places, words = pd.factorize(cells.to_numpy(dtype=object))
    return [str(word) for word in words], places


def _series(values: list[Any], places: np.ndarray, kind: Kind) -> pd.Series:
    if not values:
        return _empty(len(places), kind)
    lookup = pd.Series(values, dtype=_DTYPES[kind])
    return lookup.take(places).reset_index(drop=True)


def _empty(size: int, kind: Kind) -> pd.Series:
    return pd.Series([None] * size, dtype=_DTYPES[kind])


def _identify(accepted: pd.DataFrame, market: Market) -> pd.DataFrame:
    """Add `listing_id` (the advert's id, else the VIN, else a digest of the whole row) and `twin_id`."""
    names = list(market.canonical_columns())
    identity = pd.Series([f"row:{digest}" for digest in _digest_rows(accepted, sorted(names))], dtype="str")
    for name in reversed(listing.IDENTITIES):
        if name in names:
            given = accepted[name].notna()
            identity = identity.where(~given, f"{name}:" + accepted[name].astype("str"))
    accepted["listing_id"] = identity.astype("str")
    accepted["twin_id"] = pd.Series(_digest_rows(accepted, market.twin_columns()), dtype="str")
    return accepted


def _digest_rows(rows: pd.DataFrame, names: list[str]) -> list[str]:
    """Digest each row's named columns; 128 bits, so that no two of any number of cars ever share one."""
    columns = [pc.cast(pa.array(rows[name], from_pandas=True), pa.string()) for name in names]
    joined = pc.binary_join_element_wise(*columns, "\x1f", null_handling="replace", null_replacement="")
    return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in joined.to_pylist()]


def _list_rejections(
    rows: pd.DataFrame, verdicts: _Verdicts, refused: np.ndarray, unreadable: Sequence[tuple[int, str]]
) -> pd.DataFrame:
    reasons: list[list[str]] = [[] for _ in range(len(rows))]
    details: list[list[str]] = [[] for _ in range(len(rows))]
    order = np.cumsum(refused) - 1
    for mask, reason, cells in verdicts.refused:
        for place, cell in zip(order[mask], cells[mask], strict=True):
            reasons[place].append(reason)
            details[place].append(f"{reason}: {cell[:_SHOWN]!r}")
    records = [json.dumps(record, ensure_ascii=False, sort_keys=True) for record in rows.to_dict("records")]
    judged = pd.DataFrame({"row": rows.index, "reasons": reasons, "details": details, "record": records})
    misfits = pd.DataFrame(
        {
            "row": [number for number, _ in unreadable],
            "reasons": [[ROW_UNREADABLE] for _ in unreadable],
            "details": [[f"{ROW_UNREADABLE}: {text[:_SHOWN]!r}"] for _, text in unreadable],
            "record": [text for _, text in unreadable],
        }
    )
    dtypes = {"row": "int64", "reasons": "object", "details": "object", "record": "str"}
    return pd.concat([judged.astype(dtypes), misfits.astype(dtypes)]).sort_values("row", ignore_index=True)


def _account(
    rows: pd.DataFrame,
    accepted: pd.DataFrame,
    rejected: pd.DataFrame,
    unreadable: Sequence[tuple[int, str]],
    verdicts: _Verdicts,
    market: Market,
) -> dict[str, Any]:
    known = {fold_header(header) for column in market.columns.values() for header in column.headers}
    return {
        "rows": len(rows) + len(unreadable),
        "accepted": len(accepted),
        "rejected": len(rejected) - len(unreadable),
        "unreadable": len(unreadable),
        "reasons": {reason: int(count) for reason, count in sorted(rejected["reasons"].explode().value_counts().items())},
        "dropped_values": dict(sorted(verdicts.dropped.items())),
        "columns_unused": sorted(header for header in map(str, rows.columns) if fold_header(header) not in known),
        "set_aside": None,
    }
