"""Ingest: parse the text cells of one delivery, and accept or reject each row with every reason."""

from __future__ import annotations

import bisect
import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import listing
from pipeline.errors import ColumnMissing, DeliveryUnreadable
from pipeline.market import Column, Market, fold_header
from pipeline.stages import cells, parse
from pipeline.stages.verdicts import Verdicts, apply_rule, find_empty, judge_column

ROW_UNREADABLE = "row has another number of cells than the header"
_SHOWN = 80  # characters of a value in a message
_DESCRIBED = "row:"
_DIGEST_LENGTH = 32
_LAST_TURNS = (10**6, 10**6 + 1)  # in which a row of another width, and a lost value, are shown: after every reason of a market
_LIKENESS = 0.75  # how like two headers must be (difflib's ratio) for one to be the other's misspelling


@dataclass(frozen=True)
class Intake:
    """What one delivery gave.

    `accepted`: canonical columns, with `row` (the record's number), `listing_id` and `twin_id`. `rejected`: `row`,
    `reasons` (short, countable), `details` (with the values) and `record` (the whole row as JSON). `account`: the
    counts by which nothing is lost: rows = accepted + rejected + unreadable; for each reason and each lost value its
    first row and what stands there; what in the market's TOML may mend it; and the sheets that were not read, which
    whoever read the delivery adds.
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    account: dict[str, Any]


@dataclass
class Unread:
    """What the cells of one column come to where some cannot be read: how many cannot, how many can, how many another decimal mark would read."""

    unreadable: int = 0
    readable: int = 0
    by_other_mark: int = 0
    example: dict[str, Any] | None = None  # the first that cannot be read

    def add(self, other: Unread) -> None:
        """Count cells further down."""
        self.unreadable += other.unreadable
        self.readable += other.readable
        self.by_other_mark += other.by_other_mark
        self.example = self.example or other.example


@dataclass
class Tally:
    """What the chunks of a delivery come to so far."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)  # the lower turn shows a reason
    unread: dict[str, Unread] = field(default_factory=dict)
    headers: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count rows further down."""
        for mine, theirs in zip(
            (self.counts, self.reasons, self.lost, self.moved),
            (other.counts, other.reasons, other.lost, other.moved),
            strict=True,
        ):
            mine.update(theirs)
        for reason, (turn, example) in other.examples.items():
            if reason not in self.examples or turn < self.examples[reason][0]:
                self.examples[reason] = turn, example
        for name, unread in other.unread.items():
            self.unread.setdefault(name, Unread()).add(unread)
        self.headers = other.headers


@dataclass(frozen=True)
class Chunk:
    """What consecutive rows of a delivery gave; `described` are those known by their description alone (`digest`, `price`)."""

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    tally: Tally
    described: pd.DataFrame


def ingest_rows(rows: pd.DataFrame, unreadable: Sequence[tuple[int, str]], market: Market, named: Mapping[str, str]) -> Intake:
    """Parse a delivery's rows by the market's columns.

    `rows` holds text under the delivery's own headers, indexed by record number; `unreadable` the records of another
    width; `named` the columns that the file's name gives. A row is rejected when its price, make, model or year is
    missing or unreadable, when any value lies outside its limits, or when one of the market's rules says so; another
    cell that cannot be read becomes missing and is counted. Raises ColumnMissing where a header is unknown that may
    well be another name of a column the delivery lacks, DeliveryUnreadable where a column that the market requires is
    there and none of its cells can be read.
    """
    chunk = ingest_chunk(rows, unreadable, market, named)
    return Intake(chunk.accepted, chunk.rejected, make_account(chunk.tally, market))


def ingest_chunk(rows: pd.DataFrame, unreadable: Sequence[tuple[int, str]], market: Market, named: Mapping[str, str]) -> Chunk:
    """Parse some of a delivery's rows as `ingest_rows` does; what only the whole delivery can tell, its tallies tell together.

    So do the ranks in the identities of rows known by their description: see `Ranks`. Raises ColumnMissing as `ingest_rows` does.
    """
    headers = [str(header) for header in rows.columns]
    _refuse_repeated_headers(headers, market)
    _refuse_renamed_columns(headers, market)
    home = cells.send_home(cells.read_columns(rows, market, named), market)
    readings = home.readings
    verdicts = Verdicts(len(rows), find_empty(rows))
    parsed: dict[str, pd.Series] = {}
    for name in market.columns:
        parsed |= judge_column(name, readings.get(name), market, verdicts)
    for rule in market.reject:
        apply_rule(rule, parsed, readings, verdicts)
    listings, described = _identify(pd.DataFrame({name: parsed[name] for name in market.canonical_columns()}), market)
    listings = listings.set_axis(rows.index).reset_index()
    refused = np.zeros(len(rows), dtype=bool)
    for refusal in verdicts.refused:
        refused |= refusal.mask
    accepted = listings[~refused].reset_index(drop=True)
    rejected = _list_rejections(rows[refused], verdicts, refused, unreadable)
    lost = [name for name in home.lost if name not in listing.ALWAYS_REQUIRED]
    tally = Tally(
        counts=_count(len(rows), accepted, rejected, len(unreadable)),
        reasons=Counter(reason for reasons in rejected["reasons"] for reason in reasons),
        lost=Counter({f"{name} unreadable": home.lost[name] for name in lost}),
        moved=Counter(home.moved),
        examples=_first_lost(rows.index, home, lost) | _first_refused(rows.index, verdicts, unreadable),
        unread={name: _tell_unread(rows.index, name, reading, market) for name, reading in readings.items()},
        headers=headers,
    )
    return Chunk(accepted, rejected, tally, described)


def make_account(tally: Tally, market: Market) -> dict[str, Any]:
    """Return the account of a delivery; raises DeliveryUnreadable where a column that the market requires is there and none of its cells can be read."""
    _refuse_unread_columns(tally.unread, market)
    account = {
        **{name: tally.counts[name] for name in ("rows", "accepted", "rejected", "unreadable")},
        "reasons": dict(sorted(tally.reasons.items())),
        "dropped_values": dict(sorted(tally.lost.items())),
        "rehomed": dict(sorted(tally.moved.items())),
        "examples": {reason: example for reason, (_, example) in tally.examples.items()},
        "remedies": _propose_remedies(tally.unread, market),
        "columns_unused": _unknown_headers(tally.headers, market),
        "columns_absent": _absent_columns(tally.headers, market),
        "sheets_unread": {},
    }
    return account | {"set_aside": _find_fault(account)}


class Ranks:
    """The ranks in identities by description: of each price, among the prices that the whole delivery asks for cars described alike."""

    def __init__(self) -> None:
        """Know no prices yet."""
        self._described: list[np.ndarray] = []

    def add(self, described: pd.DataFrame) -> None:
        """Take the rows of a chunk that are known by their description alone; 24 bytes of each are kept."""
        priced = described.dropna(subset="price")
        halves = np.frombuffer(bytes.fromhex("".join(priced["digest"])), dtype=">u8").reshape(-1, 2)
        kept = np.empty(len(priced), dtype=[("high", "u8"), ("low", "u8"), ("price", "f8")])
        kept["high"], kept["low"], kept["price"] = halves[:, 0], halves[:, 1], priced["price"]
        self._described.append(kept)

    def settle(self) -> dict[str, list[float]]:
        """Return the prices, ascending, of every description that has several."""
        if sum(map(len, self._described)) == max(map(len, self._described), default=0):  # one chunk knows all prices
            return {}
        kept = np.concatenate(self._described)
        kept = kept[np.lexsort((kept["price"], kept["low"], kept["high"]))]
        is_alike = (kept["high"][1:] == kept["high"][:-1]) & (kept["low"][1:] == kept["low"][:-1])
        is_repeated = np.append(False, is_alike & (kept["price"][1:] == kept["price"][:-1]))
        kept = kept[~is_repeated]
        is_alike = (kept["high"][1:] == kept["high"][:-1]) & (kept["low"][1:] == kept["low"][:-1])
        several = kept[np.append(is_alike, False) | np.append(False, is_alike)]
        prices: dict[str, list[float]] = {}
        for high, low, price in several.tolist():
            prices.setdefault(f"{high:016x}{low:016x}", []).append(price)
        return prices


def rank_again(accepted: pd.DataFrame, prices: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Give rows that are known by their description the ranks of their prices in the whole delivery, as `Ranks` found them."""
    described = accepted["listing_id"].str.startswith(_DESCRIBED).to_numpy(dtype=bool)
    digests = accepted["listing_id"].str.slice(len(_DESCRIBED), len(_DESCRIBED) + _DIGEST_LENGTH)
    wrong = np.flatnonzero(described & digests.isin(list(prices)).to_numpy(dtype=bool))
    ids = accepted["listing_id"].to_numpy(dtype=object, copy=True)
    for place, digest, price in zip(wrong, digests.iloc[wrong], accepted["price"].iloc[wrong], strict=True):
        ids[place] = f"{_DESCRIBED}{digest}-{bisect.bisect_left(prices[digest], price) + 1}"
    return accepted.assign(listing_id=pd.Series(ids, index=accepted.index, dtype="str"))


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


def _refuse_unread_columns(unread: Mapping[str, Unread], market: Market) -> None:
    """Refuse a delivery of which a required column tells nothing at all; rows without a price or make are rejected one by one."""
    for name, told in unread.items():
        is_required = market.columns[name].required and name not in listing.ALWAYS_REQUIRED
        if is_required and told.example and not told.readable:
            example, remedies = told.example, _propose_remedies({name: told}, market)
            raise DeliveryUnreadable(
                f"none of the {told.unreadable:,} values of {name}, which the market requires, can be read (row "
                f"{example['row']}: {example['value']!r}); mend the file or what [columns.{name}] says of it"
                + "".join(f", or {remedy}" for remedy in remedies)
            )


def _tell_unread(numbers: pd.Index, name: str, reading: cells.Reading, market: Market) -> Unread:
    """Count the cells that can be read and those that cannot, and of a number's those that the other decimal mark would read."""
    told = Unread(
        unreadable=int(reading.is_unreadable.sum()), readable=int((~(reading.is_unreadable | reading.is_missing)).sum())
    )
    if told.unreadable:
        place = int(np.argmax(reading.is_unreadable))
        told.example = _show_example(numbers[place], reading.cells[place])
        if market.kind(name) == "number":
            column = market.columns[name]
            read = cells.cell_reader(msgspec.structs.replace(column, decimal_mark=_other_mark(column, market)), "number", market)
            texts = pd.Series(reading.cells[reading.is_unreadable]).value_counts()
            told.by_other_mark = int(sum(count for text, count in texts.items() if read(str(text))[0] is not None))
    return told


def _first_lost(numbers: pd.Index, home: cells.Homecoming, lost: Sequence[str]) -> dict[str, tuple[int, dict[str, Any]]]:
    """Show the first lost value of each column."""
    first = {name: home.first_lost[name] for name in lost}
    return {f"{name} unreadable": (_LAST_TURNS[1], _show_example(numbers[place], text)) for name, (place, text) in first.items()}


def _first_refused(
    numbers: pd.Index, verdicts: Verdicts, unreadable: Sequence[tuple[int, str]]
) -> dict[str, tuple[int, dict[str, Any]]]:
    """Show for each reason the first row that has it."""
    examples = {ROW_UNREADABLE: (_LAST_TURNS[0], _show_example(*unreadable[0]))} if unreadable else {}
    for mask, reason, texts, turn in reversed(verdicts.refused):  # two rules may give one reason: the first of them shows it
        place = int(np.argmax(mask))
        examples[reason] = turn, _show_example(numbers[place], texts[place])
    return examples


def _show_example(number: int, text: str) -> dict[str, Any]:
    return {"row": int(number), "value": parse.clean_text(text)[:_SHOWN]}


def _propose_remedies(unread: Mapping[str, Unread], market: Market) -> list[str]:
    """Propose the other decimal mark where it would read most of a column's unreadable numbers."""
    remedies = []
    for name, told in unread.items():
        if 2 * told.by_other_mark > told.unreadable:
            column = market.columns[name]
            place = f"[columns.{name}]" if column.decimal_mark else "[rows]"
            remedies.append(f"say {place} decimal_mark = {_other_mark(column, market)!r}, which would read {name}")
    return remedies


def _other_mark(column: Column, market: Market) -> Literal[".", ","]:
    return "," if (column.decimal_mark or market.rows.decimal_mark) == "." else "."


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


def _identify(rows: pd.DataFrame, market: Market) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add `listing_id` (the advert's id, else the VIN, else the description) and `twin_id`; return with them `digest` and `price` of those described.

    A description is the whole row without its price, and a price's rank among the prices that this delivery asks for
    such cars: two equal cars at two prices are two listings, and none of them is another one when its price changes.
    """
    names = list(market.canonical_columns())
    digests = pd.Series(_digest_rows(rows, sorted(set(names) - {"price"})), index=rows.index, dtype="str")
    ranks = rows["price"].groupby(digests).rank("dense").fillna(0).astype("int64").astype("str")
    identity = _DESCRIBED + digests + "-" + ranks
    is_described = pd.Series(data=True, index=rows.index)
    for name in reversed(listing.IDENTITIES):
        if name in names:
            given = rows[name].notna()
            is_described &= ~given
            identity = identity.where(~given, f"{name}:" + rows[name].astype("str"))
    twins = pd.Series(_digest_rows(rows, market.twin_columns()), index=rows.index, dtype="str")
    described = pd.DataFrame({"digest": digests[is_described], "price": rows["price"][is_described]})
    return rows.assign(listing_id=identity.astype("str"), twin_id=twins), described


def _digest_rows(rows: pd.DataFrame, names: list[str]) -> list[str]:
    """Digest each row's named columns; 128 bits, so that no two of any number of cars ever share one."""
    columns = [pc.cast(pa.array(rows[name], from_pandas=True), pa.string()) for name in names]
    joined = pc.binary_join_element_wise(*columns, "\x1f", null_handling="replace", null_replacement="")
    return [hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH] for text in joined.to_pylist()]


def _list_rejections(
    rows: pd.DataFrame, verdicts: Verdicts, refused: np.ndarray, unreadable: Sequence[tuple[int, str]]
) -> pd.DataFrame:
    reasons: list[list[str]] = [[] for _ in range(len(rows))]
    details: list[list[str]] = [[] for _ in range(len(rows))]
    order = np.cumsum(refused) - 1
    for mask, reason, texts, _ in verdicts.refused:
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


def _count(rows: int, accepted: pd.DataFrame, rejected: pd.DataFrame, unreadable: int) -> Counter[str]:
    rejections = len(rejected) - unreadable
    return Counter({"rows": rows + unreadable, "accepted": len(accepted), "rejected": rejections, "unreadable": unreadable})


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
