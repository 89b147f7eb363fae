"""Reads a market's TOML file and refuses, with the key and the remedy, what it must not hold."""

from __future__ import annotations

import itertools
import os
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import msgspec

from pipeline import listing
from pipeline.errors import MarketInvalid, MarketUnknown
from pipeline.market import Column, Files, Market, Rule, fold_header
from pipeline.toml_slips import explain_slip, find_endless, nearest

# Long and without a dot: codecs that are no encodings of text, or of names alone, do not give it back.
_ANY_TABLE = "make;price\r\n" * 9


def find_market(name: str, folders: tuple[Path, ...]) -> Path:
    """Return the TOML file of a market; raises MarketUnknown with the nearest name."""
    for folder in folders:
        path = folder / f"{name}.toml"
        if re.fullmatch(r"[\w-]+", name) and os.path.isfile(path):  # noqa: PTH113  # Path's raises in a folder one may not enter
            return path
    known = sorted(path.stem for folder in folders for path in folder.glob("*.toml"))
    raise MarketUnknown(
        f"There is no market {name!r}{nearest(name, known)}. Known markets: {', '.join(known)}. "
        f"A market is one TOML file in {' or '.join(str(folder) for folder in folders)}."
    )


def load_market(name: str, folders: tuple[Path, ...]) -> Market:
    """Read and check a market's TOML, following `like`; raises MarketUnknown or MarketInvalid."""
    return _build(_read_chain(name, folders, ()))


def _read_chain(name: str, folders: tuple[Path, ...], seen: tuple[str, ...]) -> tuple[tuple[Path, bytes], ...]:
    """Return the files of a market and of those that it is `like`, its own first."""
    path = find_market(name, folders)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MarketInvalid(f"{path} may not be read ({error.strerror}). Let this user read it.") from None
    like = _parse(path, content).get("like")
    if like is None:
        return ((path, content),)
    if not isinstance(like, str) or like in (*seen, name):
        raise MarketInvalid(f"{path}: `like` must name another market, not {like!r}.")
    return ((path, content), *_read_chain(like, folders, (*seen, name)))


@lru_cache(maxsize=64)
def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except ValueError as error:  # also for a number of thousands of digits
        raise MarketInvalid(f"{path} is not valid TOML: {error}.") from None
    except RecursionError:
        raise MarketInvalid(f"{path} is no market: its values are nested too deeply.") from None


@lru_cache(maxsize=64)
def _build(chain: tuple[tuple[Path, bytes], ...]) -> Market:
    (path, content), *others = chain
    tables = {name: value for name, value in _parse(path, content).items() if name != "like"}
    if others:
        tables = _merge(msgspec.to_builtins(_build(tuple(others))), tables)
    columns = tables.get("columns")
    for name, table in columns.items() if isinstance(columns, dict) else ():
        _convert(table, Column, path, f"columns.{name}")  # by itself: msgspec does not say which column is wrong
    market: Market = _convert(tables, Market, path)
    problem = next(itertools.chain(find_endless(tables), _problems(market)), None)
    if problem:
        raise MarketInvalid(f"{path}: {problem}")
    return market


def _convert(table: Any, kind: Any, path: Path, table_name: str = "") -> Any:
    try:
        return msgspec.convert(table, kind, strict=True)
    except msgspec.ValidationError as error:
        raise MarketInvalid(f"{path}: {explain_slip(str(error), table, kind, table_name)}") from None


def _problems(market: Market) -> Iterator[str]:
    """Find what is wrong, one by one: what comes later may rest on what was found right before."""
    for name in listing.ALWAYS_REQUIRED:
        if name not in market.columns:
            yield f"[columns.{name}] is missing; every market needs it."
    yield from (f"[files] {problem}" for problem in _files_problems(market.files))
    for name, column in market.columns.items():
        yield from (f"[columns.{name}] {problem}" for problem in _column_problems(name, column))
    for name in market.identity.twins:
        if name not in market.canonical_columns():
            yield f"[identity] twins names {name!r}, which no column gives{nearest(name, market.columns)}."
    yield from _header_problems(market)
    for rule in market.reject:
        yield from (f"[[reject]] {rule.reason!r} {problem}" for problem in _rule_problems(rule, market))


def _header_problems(market: Market) -> list[str]:
    """Find headers that two columns claim without patterns that tell their cells apart."""
    problems = []
    claimed = {fold_header(header): ("[rows] unused", "") for header in market.rows.unused}
    for name, column in market.columns.items():
        place, telling = f"[columns.{name}]", column.pattern or "|".join(column.values)
        for header in column.headers:
            other, others = claimed.setdefault(fold_header(header), (place, telling))
            if other != place and ("" in (telling, others) or telling == others):
                problems.append(
                    f"{place} and {other} both claim the header {header!r}; "
                    "columns that share one need patterns or vocabularies that tell their cells apart."
                )
    return problems


def _rule_problems(rule: Rule, market: Market) -> list[str]:
    if not rule.words and not rule.between:
        return ["says of no column what it rejects: it needs `words` or `between`."]
    problems = []
    for name in (*rule.words, *rule.between):
        if name not in market.columns:
            problems.append(f"names {name!r}, which is no column of this market{nearest(name, list(market.columns))}.")
    for name in rule.words.keys() & market.columns.keys():
        problems.extend(_words_problems(name, rule.words[name], market))
    for name in rule.between.keys() & market.columns.keys():
        problems.extend(_between_problems(name, rule.between[name], market))
    return problems


def _words_problems(name: str, words: tuple[str | bool, ...], market: Market) -> list[str]:
    kind, column = market.kind(name), market.columns[name]
    if kind not in ("category", "boolean"):
        return [f"asks for words of {name}, which is a {kind}; use `between` for numbers."]
    known = sorted({str(word) for word in column.values.values()})
    if kind == "boolean" or not known or column.others == "keep":
        return []
    return [f"asks for {word!r}, which {name} never says{nearest(str(word), known)}." for word in words if word not in known]


def _between_problems(name: str, bounds: tuple[float, float], market: Market) -> list[str]:
    (low, high), limits = bounds, market.columns[name].limits
    if market.kind(name) != "number":
        return [f"asks for a number of {name}, which is a {market.kind(name)}."]
    if low > high:
        return [f"has {name} upside down: the low one comes first in {[low, high]}."]
    if limits and (high < limits[0] or low > limits[1]):
        return [f"can never meet a {name} of {[low, high]}: its limits are {list(limits)}."]
    return []


def _files_problems(files: Files) -> Iterator[str]:
    for key, example in (("patterns", "*.csv"), ("encodings", "utf-8"), ("separators", ",")):
        if not getattr(files, key):
            yield f'{key} is empty: name at least one, as in ["{example}"].'
    for pattern in files.patterns:
        if not _is_pattern(pattern):
            yield f"patterns holds {pattern!r}, which no file can match; '*.csv' would be a pattern."
    for encoding in files.encodings:
        if not _is_encoding(encoding):
            yield f"encodings names {encoding!r}, which is no encoding of text; utf-8, cp1252 and utf-16 are."
    for text in files.separators:
        if len(text) != 1 or not text.isascii() or text in '"\r\n\0\x03':
            yield f"separators holds {text!r}, which is not one character that can stand between cells, as ',' and '\\t' can."


def _is_pattern(text: str) -> bool:
    try:
        PurePath("a.csv").match(text)
    except ValueError:
        return False
    return True


def _is_encoding(name: str) -> bool:
    try:
        return _ANY_TABLE.encode(name).decode(name) == _ANY_TABLE
    except (LookupError, ValueError):
        return False


def _column_problems(name: str, column: Column) -> list[str]:
    problems = []
    if column.kind is None and name not in listing.COLUMNS:
        problems.append(f"needs a `kind`: it is not a canonical column{nearest(name, list(listing.COLUMNS))}.")
    if column.kind is not None and column.kind != listing.COLUMNS.get(name, column.kind):
        problems.append(f"cannot be a {column.kind}: in every market it is a {listing.COLUMNS[name]}.")
    if bool(column.headers) == bool(column.file_name):
        problems.append("needs either `headers` or `file_name`.")
    problems.extend(_number_problems(name, column, column.kind or listing.COLUMNS.get(name, "number")))
    problems.extend(_words_clash(column))
    for date_format in column.date_formats:
        if not _tells_days(date_format):
            problems.append(f"date_format {date_format!r} does not tell one day from another; %Y-%m-%d would.")
    for key in ("pattern", "file_name"):
        problems.extend(_pattern_problems(key, getattr(column, key)))
    return problems


def _words_clash(column: Column) -> list[str]:
    """Find two spellings of one word, case and blanks aside, that mean different things."""
    seen: dict[str, str | bool] = {}
    return [
        f"values gives {word!r} two meanings: {seen[folded]!r} and {meaning!r}."
        for word, meaning in column.values.items()
        if seen.setdefault(folded := fold_header(word), meaning) != meaning
    ]


def _tells_days(date_format: str) -> bool:
    day = date(2023, 11, 29)
    try:
        return datetime.strptime(day.strftime(date_format), date_format).date() == day  # noqa: DTZ007  # a date has no zone
    except ValueError:
        return False


def _number_problems(name: str, column: Column, kind: str) -> list[str]:
    problems: list[str] = []
    if kind != "number":
        told = {"limits": column.limits, "unit": column.unit, "units": column.units, "large_unit": column.large_unit}
        problems.extend(f"{key} is for numbers, and this is a {kind}." for key, value in told.items() if value)
        if column.parser == "range":
            problems.append(f"parser 'range' is for numbers, and this is a {kind}.")
    elif column.values:
        problems.append("values is for words, and this is a number.")
    if column.limits is not None and column.limits[0] > column.limits[1]:
        problems.append(f"limits {list(column.limits)} are upside down: the low one comes first.")
    problems.extend(_units_problems(name, column))
    if column.large_unit and column.limits:
        highest = column.limits[1] / listing.UNITS.get(column.unit, 1.0)
        if column.large_unit.above < highest:
            problems.append(
                f"large_unit and limits overlap: {column.large_unit.above:g} to {highest:g} could be either "
                f"{column.unit or 'as it is'} or {column.large_unit.unit}."
            )
    return problems


def _units_problems(name: str, column: Column) -> Iterator[str]:
    named = [unit for unit in column.units.values() if isinstance(unit, str)]
    for unit in (column.unit, column.large_unit.unit if column.large_unit else "", *named):
        if unit and unit not in listing.UNITS:
            yield f"unit {unit!r} is not known{nearest(unit, list(listing.UNITS))}."
        elif unit and unit not in listing.UNITS_OF.get(name.rpartition("_")[2], (unit,)):
            yield f"unit {unit!r} is none of {', '.join(listing.UNITS_OF[name.rpartition('_')[2]])}, in which such a column may be told."
    for word in column.units:
        if not word.strip() or word.strip()[0].isdecimal():
            yield f"units names {word!r}, which is no word that can stand beside a number."


def _pattern_problems(key: str, pattern: str) -> list[str]:
    if not pattern:
        return []
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        return [f"{key} {pattern!r} is not a regular expression: {error}."]
    return [] if groups == 1 else [f"{key} {pattern!r} needs exactly one group in parentheses, the value."]


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both_tables and key != "values" else value
    return merged
