"""Reads a market's TOML file and refuses, with the key and the remedy, what it must not hold."""

from __future__ import annotations

import codecs
import difflib
import re
import tomllib
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from pipeline import listing
from pipeline.errors import MarketInvalid, MarketUnknown
from pipeline.market import Column, Demands, Files, Identity, LargeUnit, Market, Rows, Rule, fold_header


def find_market(name: str, folders: tuple[Path, ...]) -> Path:
    """Return the TOML file of a market; raises MarketUnknown with the nearest name."""
    for folder in folders:
        path = folder / f"{name}.toml"
        if re.fullmatch(r"[\w-]+", name) and path.is_file():
            return path
    known = sorted(path.stem for folder in folders for path in folder.glob("*.toml"))
    raise MarketUnknown(
        f"There is no market {name!r}{_nearest(name, known)}. Known markets: {', '.join(known)}. "
        f"A market is one TOML file in {' or '.join(str(folder) for folder in folders)}."
    )


def load_market(name: str, folders: tuple[Path, ...]) -> Market:
    """Read and check a market's TOML, following `like`; raises MarketUnknown or MarketInvalid."""
    return _load(name, folders, ())


def _load(name: str, folders: tuple[Path, ...], seen: tuple[str, ...]) -> Market:
    path = find_market(name, folders)
    tables = dict(_parse(path.read_bytes(), path))
    if "like" in tables:
        like = tables.pop("like")
        if not isinstance(like, str) or like in (*seen, name):
            raise MarketInvalid(f"{path}: `like` must name another market, not {like!r}.")
        base = msgspec.to_builtins(_load(like, folders, (*seen, name)))
        tables = _merge(base, tables)
    return _check(msgspec.json.encode(tables), path)


@lru_cache(maxsize=64)
def _parse(content: bytes, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MarketInvalid(f"{path} is not valid TOML: {error}.") from None


@lru_cache(maxsize=64)
def _check(content: bytes, path: Path) -> Market:
    tables = msgspec.json.decode(content)
    columns = tables.get("columns")
    for name, table in columns.items() if isinstance(columns, dict) else ():
        _convert(table, Column, f"{path}: [columns.{name}] ")  # by itself: msgspec does not say which column is wrong
    market: Market = _convert(tables, Market, f"{path}: ")
    for problem in _problems(market):
        raise MarketInvalid(f"{path}: {problem}")
    return market


def _convert(table: Any, kind: Any, where: str) -> Any:
    try:
        return msgspec.convert(table, kind, strict=True)
    except msgspec.ValidationError as error:
        raise MarketInvalid(f"{where}{error}{_nearest_key(str(error))}.") from None


def _problems(market: Market) -> list[str]:
    problems = []
    for name in listing.ALWAYS_REQUIRED:
        if name not in market.columns:
            problems.append(f"[columns.{name}] is missing; every market needs it.")
    problems.extend(f"[files] {problem}" for problem in _files_problems(market.files))
    for name, column in market.columns.items():
        problems.extend(f"[columns.{name}] {problem}" for problem in _column_problems(name, column))
    for name in market.identity.twins:
        if name not in market.canonical_columns():
            problems.append(f"[identity] twins names {name!r}, which no column gives{_nearest(name, list(market.columns))}.")
    problems.extend(_header_problems(market))
    for rule in market.reject:
        problems.extend(f"[[reject]] {rule.reason!r} {problem}" for problem in _rule_problems(rule, market))
    return problems


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
            problems.append(f"names {name!r}, which is no column of this market{_nearest(name, list(market.columns))}.")
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
    return [f"asks for {word!r}, which {name} never says{_nearest(str(word), known)}." for word in words if word not in known]


def _between_problems(name: str, bounds: tuple[float, float], market: Market) -> list[str]:
    (low, high), limits = bounds, market.columns[name].limits
    if market.kind(name) != "number":
        return [f"asks for a number of {name}, which is a {market.kind(name)}."]
    if low > high:
        return [f"has {name} upside down: the low one comes first in {[low, high]}."]
    if limits and (high < limits[0] or low > limits[1]):
        return [f"can never meet a {name} of {[low, high]}: its limits are {list(limits)}."]
    return []


def _files_problems(files: Files) -> list[str]:
    problems = [f"separators holds {text!r}, which is not one character." for text in files.separators if len(text) != 1]
    for encoding in files.encodings:
        try:
            codecs.lookup(encoding)
        except LookupError:
            problems.append(f"encodings names {encoding!r}, which is no encoding.")
    return problems


def _column_problems(name: str, column: Column) -> list[str]:
    problems = []
    if column.kind is None and name not in listing.COLUMNS:
        problems.append(f"needs a `kind`: it is not a canonical column{_nearest(name, list(listing.COLUMNS))}.")
    if column.kind is not None and column.kind != listing.COLUMNS.get(name, column.kind):
        problems.append(f"cannot be a {column.kind}: in every market it is a {listing.COLUMNS[name]}.")
    if bool(column.headers) == bool(column.file_name):
        problems.append("needs either `headers` or `file_name`.")
    problems.extend(_number_problems(column, column.kind or listing.COLUMNS.get(name, "number")))
    problems.extend(_words_clash(column))
    if not _tells_days(column.date_format):
        problems.append(f"date_format {column.date_format!r} does not tell one day from another; %Y-%m-%d would.")
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


def _number_problems(column: Column, kind: str) -> list[str]:
    problems: list[str] = []
    if kind != "number":
        told = {"limits": column.limits, "unit": column.unit, "large_unit": column.large_unit}
        problems.extend(f"{key} is for numbers, and this is a {kind}." for key, value in told.items() if value)
        if column.parser == "range":
            problems.append(f"parser 'range' is for numbers, and this is a {kind}.")
    elif column.values:
        problems.append("values is for words, and this is a number.")
    if column.limits is not None and column.limits[0] > column.limits[1]:
        problems.append(f"limits {list(column.limits)} are upside down: the low one comes first.")
    for unit in (column.unit, column.large_unit.unit if column.large_unit else ""):
        if unit and unit not in listing.UNITS:
            problems.append(f"unit {unit!r} is not known{_nearest(unit, list(listing.UNITS))}.")
    if column.large_unit and column.limits:
        highest = column.limits[1] / listing.UNITS.get(column.unit, 1.0)
        if column.large_unit.above < highest:
            problems.append(
                f"large_unit and limits overlap: {column.large_unit.above:g} to {highest:g} could be either "
                f"{column.unit or 'as it is'} or {column.large_unit.unit}."
            )
    return problems


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


@cache
def _all_keys() -> list[str]:
    tables = (Market, Files, Rows, LargeUnit, Column, Rule, Identity, Demands)
    return sorted({field for table in tables for field in table.__struct_fields__} | {"like"})


def _nearest_key(message: str) -> str:
    found = re.search(r"unknown field `(.*?)`", message)
    return _nearest(found.group(1), _all_keys()) if found else ""


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
