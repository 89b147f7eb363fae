"""Reads a market's TOML file and refuses, with the key and the remedy, what it must not hold."""

from __future__ import annotations

import codecs
import difflib
import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from pipeline import listing
from pipeline.errors import MarketInvalid, MarketUnknown
from pipeline.market import Column, Demands, Files, Identity, Market, Rows, fold_header


def find_market(name: str, folders: tuple[Path, ...]) -> Path:
    """Return the TOML file of a market; raises MarketUnknown with the nearest name."""
    for folder in folders:
        path = folder / f"{name}.toml"
        if re.fullmatch(r"\w+", name) and path.is_file():
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
    try:
        market = msgspec.json.decode(content, type=Market)
    except msgspec.ValidationError as error:
        raise MarketInvalid(f"{path}: {error}{_nearest_key(str(error))}.") from None
    for problem in _problems(market):
        raise MarketInvalid(f"{path}: {problem}")
    return market


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
    claimed: dict[str, str] = {}
    for name, column in market.columns.items():
        for header in column.headers:
            other = claimed.setdefault(fold_header(header), name)
            if other != name:
                problems.append(f"[columns.{name}] and [columns.{other}] both claim the header {header!r}.")
    return problems


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
    if column.limits is not None and column.limits[0] > column.limits[1]:
        problems.append(f"limits {list(column.limits)} are upside down: the low one comes first.")
    if column.unit and column.unit not in listing.UNITS:
        problems.append(f"unit {column.unit!r} is not known{_nearest(column.unit, list(listing.UNITS))}.")
    for key in ("pattern", "file_name"):
        problems.extend(_pattern_problems(key, getattr(column, key)))
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
    tables = (Market, Files, Rows, Column, Identity, Demands)
    return sorted({field for table in tables for field in table.__struct_fields__} | {"like"})


def _nearest_key(message: str) -> str:
    found = re.search(r"unknown field `(.*?)`", message)
    return _nearest(found.group(1), _all_keys()) if found else ""


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
