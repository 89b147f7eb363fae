"""Ingest: parse the text cells of one delivery, and accept or reject each row with every reason."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import listing
from pipeline.errors import ColumnMissing, DeliveryUnreadable
from pipeline.market import Market, fold_header
from pipeline.stages import cells, parse
from pipeline.stages.verdicts import Verdicts, apply_rule, find_empty, judge_column

ROW_UNREADABLE = "row has another number of cells than the header"
_SHOWN = 80  # characters of a value in a message
_LIKENESS = 0.75  # how like two headers must be (difflib's ratio) for one to be the other's misspelling


@dataclass(frozen=True)
class Intake:
    """What one delivery gave.

    `accepted`: canonical columns, with `row` (the record's number), `listing_id` and `twin_id`. `rejected`: `row`,
    `reasons` (short, countable), `details` (with the values) and `record` (the whole row as JSON). `account`: the
    counts by which nothing is lost: rows = accepted + rejected + unreadable; for each reason and each lost value its
    first row and what stands there; and what in the market's TOML may mend it.
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    account: dict[str, Any]


def ingest_rows(rows: pd.DataFrame, unreadable: Sequence[tuple[int, str]], market: Market, named: Mapping[str, str]) -> Intake:
    """Parse a delivery's rows by the market's columns.

    `rows` holds text under the delivery's own headers, indexed by record number; `unreadable` the records of another
    width; `named` the columns that the file's name gives. A row is rejected when its price, make, model or year is
    missing or unreadable, when any value lies outside its limits, or when one of the market's rules says so; another
    cell that cannot be read becomes missing and is counted. Raises ColumnMissing where a header is unknown that may
    well be another name of a column the delivery lacks, DeliveryUnreadable where a column that the market requires is
    there and none of its cells can be read.
    """
    headers = [str(header) for header in rows.columns]
    _refuse_repeated_headers(headers, market)
    _refuse_renamed_columns(headers, market)
    home = cells.send_home(cells.read_columns(rows, market, named), market)
    readings = home.readings
    _refuse_unread_columns(rows.index, readings, market)
    verdicts = Verdicts(len(rows), find_empty(rows))
    parsed: dict[str, pd.Series] = {}
    for name in market.columns:
        parsed |= judge_column(name, readings.get(name), market, verdicts)
    for rule in market.reject:
        apply_rule(rule, parsed, readings, verdicts)
    listings = _identify(pd.DataFrame({name: parsed[name] for name in market.canonical_columns()}), market)
    listings = listings.set_axis(rows.index).reset_index()
    refused = np.zeros(len(rows), dtype=bool)
    for mask, _, _ in verdicts.refused:
        refused |= mask
    accepted = listings[~refused].reset_index(drop=True)
    rejected = _list_rejections(rows[refused], verdicts, refused, unreadable)
    account = _count(len(rows) + len(unreadable), accepted, rejected, len(unreadable))
    lost = [name for name in home.lost if name not in listing.ALWAYS_REQUIRED]
    account |= {"dropped_values": {f"{name} unreadable": home.lost[name] for name in lost}, "rehomed": home.moved}
    examples = {f"{name} unreadable": _first_unread(rows.index, readings[name]) for name in lost}
    examples |= _first_refused(rows.index, verdicts, unreadable)
    account |= {"examples": examples, "remedies": _propose_remedies(readings, market)}
    return Intake(accepted, rejected, account | _list_headers(rows, market) | {"set_aside": _find_fault(account)})


def empty_intake(market: Market, set_aside: str) -> Intake:
    """Return the intake of a delivery that is set aside whole, with the reason in its account."""
    intake = ingest_rows(pd.DataFrame(index=pd.Index([], dtype="int64", name="row")), [], market, {})
    return Intake(intake.accepted, intake.rejected, {**intake.account, "columns_absent": [], "set_aside": set_aside})


def required_headers(market: Market) -> dict[str, tuple[str, ...]]:
    """Return the headers by which each column may be found that a delivery must have."""
    return {
        name: column.headers
        for name, column in market.columns.items()
        if column.headers and (column.required or name in listing.ALWAYS_REQUIRED)
    }


def _refuse_unread_columns(numbers: pd.Index, readings: Mapping[str, cells.Reading], market: Market) -> None:
    """Refuse a delivery of which a required column tells nothing at all; rows without a price or make are rejected one by one."""
    for name, reading in readings.items():
        is_required = market.columns[name].required and name not in listing.ALWAYS_REQUIRED
        if is_required and reading.is_unreadable.any() and (reading.is_unreadable | reading.is_missing).all():
            example, remedies = _first_unread(numbers, reading), _propose_remedies({name: reading}, market)
            raise DeliveryUnreadable(
                f"none of the {int(reading.is_unreadable.sum()):,} values of {name}, which the market requires, can be read (row "
                f"{example['row']}: {example['value']!r}); mend the file or what [columns.{name}] says of it"
                + "".join(f", or {remedy}" for remedy in remedies)
            )


def _first_unread(numbers: pd.Index, reading: cells.Reading) -> dict[str, Any]:
    place = int(np.argmax(reading.is_unreadable))
    return _show_example(numbers[place], reading.cells[place])


def _first_refused(numbers: pd.Index, verdicts: Verdicts, unreadable: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """Show for each reason the first row that has it."""
    examples = {ROW_UNREADABLE: _show_example(*unreadable[0])} if unreadable else {}
    for mask, reason, texts in reversed(verdicts.refused):  # two rules may give one reason: the first of them shows it
        place = int(np.argmax(mask))
        examples[reason] = _show_example(numbers[place], texts[place])
    return examples


def _show_example(number: int, text: str) -> dict[str, Any]:
    return {"row": int(number), "value": parse.clean_text(text)[:_SHOWN]}


def _propose_remedies(readings: Mapping[str, cells.Reading], market: Market) -> list[str]:
    """Propose the other decimal mark where it would read most of a column's unreadable numbers."""
    remedies = []
    for name, reading in readings.items():
        if market.kind(name) == "number" and reading.is_unreadable.any():
            column = market.columns[name]
            mark = "," if (column.decimal_mark or market.rows.decimal_mark) == "." else "."
            read = cells.cell_reader(msgspec.structs.replace(column, decimal_mark=mark), "number", market)
            texts = pd.Series(reading.cells[reading.is_unreadable])
            known = texts.map({text: read(str(text))[0] is not None for text in texts.unique()})
            if known.mean() > 0.5:
                place = f"[columns.{name}]" if column.decimal_mark else "[rows]"
                remedies.append(f"say {place} decimal_mark = {mark!r}, which would read {name}")
    return remedies


def _refuse_repeated_headers(headers: list[str], market: Market) -> None:
    """Refuse a header that stands there twice, unless the market says what the second one is: its number is in its name then."""
    for header in _unknown_headers(headers, market):
        base = re.sub(r" \(\d+\)$", "", header)
        if base.strip() and base != header and base in headers:
            raise DeliveryUnreadable(
                f"the header names {base!r} more than once; rename or drop all but one of them, or say what {header!r}, as the next one is "
                "called here, is: among the headers of a column in the market's TOML, or in [rows] unused"
            )


def _refuse_renamed_columns(headers: list[str], market: Market) -> None:
    absent = {name: market.columns[name].headers for name in _absent_columns(headers, market)}
    known = {fold_header(header): (header, name) for name, names in absent.items() for header in names}
    for header in _unknown_headers(headers, market):
        near = difflib.get_close_matches(fold_header(header), known, n=1, cutoff=_LIKENESS)
        if near:
            meant, name = known[near[0]]
            raise ColumnMissing(
                f"the header {header!r} is unknown, and {meant!r} is absent: if they are one, add {header!r} to the headers of "
                f"[columns.{name}] in the market's TOML; if not, to [rows] unused"
            )


def _absent_columns(headers: list[str], market: Market) -> list[str]:
    present = set(map(fold_header, headers))
    return [
        name for name, column in market.columns.items() if column.headers and not present & set(map(fold_header, column.headers))
    ]


def _unknown_headers(headers: list[str], market: Market) -> list[str]:
    claimed = [*market.rows.unused, *(header for column in market.columns.values() for header in column.headers)]
    known = set(map(fold_header, claimed))
    return sorted(header for header in headers if fold_header(header) not in known)


def _identify(rows: pd.DataFrame, market: Market) -> pd.DataFrame:
    """Add `listing_id` (the advert's id, else the VIN, else the description) and `twin_id`.

    A description is the whole row without its price, and a price's rank among the prices that this delivery asks for
    such cars: two equal cars at two prices are two listings, and none of them is another one when its price changes.
    """
    names = list(market.canonical_columns())
    digests = pd.Series(_digest_rows(rows, sorted(set(names) - {"price"})), index=rows.index, dtype="str")
    ranks = rows["price"].groupby(digests).rank("dense").fillna(0).astype("int64").astype("str")
    identity = "row:" + digests + "-" + ranks
    for name in reversed(listing.IDENTITIES):
        if name in names:
            given = rows[name].notna()
            identity = identity.where(~given, f"{name}:" + rows[name].astype("str"))
    twins = pd.Series(_digest_rows(rows, market.twin_columns()), index=rows.index, dtype="str")
    return rows.assign(listing_id=identity.astype("str"), twin_id=twins)


def _digest_rows(rows: pd.DataFrame, names: list[str]) -> list[str]:
    """Digest each row's named columns; 128 bits, so that no two of any number of cars ever share one."""
    columns = [pc.cast(pa.array(rows[name], from_pandas=True), pa.string()) for name in names]
    joined = pc.binary_join_element_wise(*columns, "\x1f", null_handling="replace", null_replacement="")
    return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in joined.to_pylist()]


def _list_rejections(
    rows: pd.DataFrame, verdicts: Verdicts, refused: np.ndarray, unreadable: Sequence[tuple[int, str]]
) -> pd.DataFrame:
    reasons: list[list[str]] = [[] for _ in range(len(rows))]
    details: list[list[str]] = [[] for _ in range(len(rows))]
    order = np.cumsum(refused) - 1
    for mask, reason, texts in verdicts.refused:
        for place, text in zip(order[mask], texts[mask], strict=True):
            reasons[place].append(reason)
            details[place].append(f"{reason}: {text[:_SHOWN]!r}")
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


def _count(rows: int, accepted: pd.DataFrame, rejected: pd.DataFrame, unreadable: int) -> dict[str, Any]:
    return {
        "rows": rows,
        "accepted": len(accepted),
        "rejected": len(rejected) - unreadable,
        "unreadable": unreadable,
        "reasons": {reason: int(count) for reason, count in sorted(rejected["reasons"].explode().value_counts().items())},
    }


def _list_headers(rows: pd.DataFrame, market: Market) -> dict[str, list[str]]:
    headers = [str(header) for header in rows.columns]
    return {"columns_unused": _unknown_headers(headers, market), "columns_absent": _absent_columns(headers, market)}


def _find_fault(account: Mapping[str, Any]) -> str | None:
    """Say why a delivery counts as set aside though it could be read."""
    if not account["rows"]:
        return "it holds a header and no rows; fetch it again, or leave it where there was nothing to deliver"
    if not account["accepted"]:
        reason, count = max(account["reasons"].items(), key=lambda item: item[1])
        example = account["examples"][reason]
        return (
            f"none of its {account['rows']:,} rows could be accepted ({reason}: {count:,}, as in row {example['row']}: {example['value']!r}); "
            "mend the file, or the columns and limits in the market's TOML"
            + "".join(f", or {remedy}" for remedy in account["remedies"])
        )
    return None
