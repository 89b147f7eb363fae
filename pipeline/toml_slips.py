"""Says what msgspec found wrong in a TOML file by the file's own keys: the key, what it must be, and what stands there."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator
from datetime import date, time
from functools import reduce
from typing import Any

from msgspec import inspect

_MESSAGE = re.compile(r"(?P<found>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_SHOWN = 60  # characters of a value


def explain_slip(message: str, table: Any, kind: type, table_name: str = "") -> str:
    """Return a sentence for a message of msgspec about `table`, which should be a struct of `kind`.

    `table_name` is what the file calls the table, "columns.price", or nothing for the file as a whole.
    """
    match = _MESSAGE.fullmatch(message)
    found, path = (match["found"], match["path"] or "") if match else (message, "")
    steps = re.findall(r"\.([^.\[]+)|\[(\d+)\]", path.partition("[...]")[0])  # [...] is a value of a vocabulary
    while steps and not steps[-1][0]:  # an item of a list: the whole list is shown
        steps.pop()
    names = [name for name, _ in steps if name]
    unknown = re.search(r"unknown field `(.*)`", found)
    if unknown:
        known = sorted(_all_keys(inspect.type_info(kind)) | ({"like"} if not table_name else set()))
        return f"{_write_place([*names, ''], table_name) or 'the file'} has no key {unknown[1]!r}{nearest(unknown[1], known)}."
    missing = re.search(r"missing required field `(.*)`", found)
    if missing:
        return f"{_write_place([*names, ''], table_name) or 'the file'} lacks the key {missing[1]!r}."
    value = reduce(lambda inner, step: inner[step[0] or int(step[1])], steps, table)
    wanted = reduce(_field, names, inspect.type_info(kind))
    return f"{_write_place(names, table_name)} must be {_describe(wanted)}, not {write_value(value)}."


def find_endless(table: Any, names: tuple[str, ...] = ()) -> Iterator[str]:
    """Name every number that is none, or has no end: TOML can say nan and inf, and no limit means either."""
    if isinstance(table, dict):
        for name, value in table.items():
            yield from find_endless(value, (*names, name))
    elif any(isinstance(value, float) and not math.isfinite(value) for value in _flatten(table)):
        depth = 2 if names[0] == "columns" else 1
        place = f"[{'.'.join(names[:depth])}] {'.'.join(names[depth:])}".strip()
        yield f"{place} must be of finite numbers, not {write_value(table)}."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a question that proposes the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def write_value(value: Any) -> str:
    """Write a value much as the file does, cut where it is long."""
    text = str(value) if isinstance(value, date | time) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _write_place(names: list[str], table_name: str) -> str:
    """Write [columns.price] limits, [files] separators, [[reject]] words, or title."""
    table = [table_name] if table_name else names[:-1][:1]
    rest = ".".join(name for name in (names if table_name else names[len(table) :]) if name)
    brackets = [f"[[{name}]]" if name == "reject" else f"[{name}]" for name in table]
    return " ".join(filter(None, [*brackets, rest]))


def _field(kind: inspect.Type, name: str) -> inspect.Type:
    """Return what a key of a table must be, a list of tables being as good as one."""
    match kind:
        case inspect.StructType():
            return next(field.type for field in kind.fields if field.encode_name == name)
        case inspect.VarTupleType():
            return _field(kind.item_type, name)
        case inspect.DictType():
            return kind.value_type
        case inspect.UnionType():
            return _field(kind.types[0], name)
    return kind


def _all_keys(kind: inspect.Type) -> set[str]:
    match kind:
        case inspect.StructType():
            inner = (_all_keys(field.type) for field in kind.fields)
            return {field.encode_name for field in kind.fields}.union(*inner)
        case inspect.VarTupleType():
            return _all_keys(kind.item_type)
        case inspect.DictType():
            return _all_keys(kind.value_type)
        case inspect.UnionType():
            return set().union(*map(_all_keys, kind.types))
    return set()


def _describe(kind: inspect.Type) -> str:  # noqa: C901, PLR0911  # one line per kind of value
    """Say what a value must be."""
    match kind:
        case inspect.StrType(pattern="^[A-Z]{3}$"):
            return "three capital letters, like EUR"
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least):
            return "a whole number" if least is None else f"a whole number of at least {least}"
        case inspect.FloatType(ge=None):
            return "a number"
        case inspect.FloatType():
            return f"a share from {kind.ge} to {kind.le}"
        case inspect.LiteralType():
            return " or ".join(map(repr, kind.values))
        case inspect.UnionType():
            return " or ".join(_describe(one) for one in kind.types if not isinstance(one, inspect.NoneType))
        case inspect.TupleType():
            return "a pair of numbers, the low one first"
        case inspect.VarTupleType():
            return "a list of tables" if isinstance(kind.item_type, inspect.StructType) else "a list of texts"
        case inspect.DictType():
            return f"a table in which each value is {_describe(kind.value_type)}"
    return "a table"


def _flatten(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flatten(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _flatten(item)
    else:
        yield value
