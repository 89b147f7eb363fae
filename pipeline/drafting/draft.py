"""Drafts: the whole TOML of a stranger's market, with a comment on what each column is and what a person should check."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import listing
from pipeline.drafting.columns import WORDS, Table, describe_column, describe_titles, tell_currency, tell_currency_beside
from pipeline.drafting.dictionary import currency_of, fold, header_score, language_of, meaning_of, vocabulary
from pipeline.drafting.looks import VIN, Look, look_at_column
from pipeline.drafting.placing import Placement, place_columns
from pipeline.drafting.sources import Source, choose_files, join_rows
from pipeline.market import Files
from pipeline.sample import SYNTHETIC_NOTE_NAME
from pipeline.summary import name_sheets

NO_CURRENCY = "XXX"  # ISO 4217: no currency is meant
NOT_FOUND = "? {}"  # stands for the header of a column that could not be placed
_WIDTH = 118
_FEW_WORDS = 40
_MOST_OPTIONS = 60
_SAMPLED = 20


@dataclass(frozen=True)
class Draft:
    """A market's TOML as text, what a person should check in it, and the columns that it could not do without and did not find."""

    text: str
    checks: list[str]
    absent: list[str]


def draft_market(name: str, sources: Sequence[Source], currency: str = "") -> Draft:
    """Write the draft of a market from files that were read."""
    rows = join_rows(sources)
    looks = [look_at_column(str(header), rows[header]) for header in rows.columns]
    placed = _place_models(place_columns([look for look in looks if look.header.strip()]), looks)
    tables = _describe(placed, looks, [source.path.stem.split(".")[0] for source in sources])
    used = {header for table in tables.values() for header in table.keys.get("headers", ())}
    absent = [column for column in listing.ALWAYS_REQUIRED if column not in tables]
    for column in absent:
        tables[column] = Table({"headers": [NOT_FOUND.format(column)]}, "NOT FOUND: name its header")
    options = _find_options([look for look in looks if look.header not in used])
    tables = {column: tables[column] for column in [*listing.COLUMNS, *tables] if column in tables} | options
    used |= {header for table in options.values() for header in table.keys["headers"]}
    left = [look for look in looks if look.header not in used]
    money, doubt = _find_currency(currency, tables, looks)
    checks = [doubt] if doubt else []
    checks += [
        f"{source.path.name} has more than one sheet, of which one was read; not read: {name_sheets(source.table.sheets_unread)}"
        for source in sources
        if source.table.sheets_unread
    ]
    checks += [f"no column was found for {column}: put its header instead of {NOT_FOUND.format(column)!r}" for column in absent]
    checks += [check for table in tables.values() for check in table.checks]
    text = "\n".join(
        [
            *_write_head(name, money, doubt, sources),
            *_write_files(choose_files(sources)),
            *_write_rows(looks, left),
            *(line for column, table in tables.items() for line in _write_column(column, table)),
            *_write_rules(tables),
        ]
    )
    return Draft(text, checks, absent)


def _describe(placed: Mapping[str, Placement], looks: Sequence[Look], stems: Sequence[str]) -> dict[str, Table]:
    strays = _find_strays({name: placement.look for name, placement in placed.items() if name in (*WORDS, "vin")})
    miles = _are_miles(placed, looks)
    tables = {
        name: describe_column(name, placement.look, strays=None if strays is None else strays.get(name, frozenset()), miles=miles)
        for name, placement in placed.items()
    }
    for name, placement in placed.items():
        if not placement.by_name:
            tables[name].checks.append(f"{placement.look.header!r} was taken for {name} by the look of its cells alone")
    title = _find_title(placed, looks)
    if title is not None:
        tables |= describe_titles(title, named_make="make" in placed)
    elif "make" not in tables and stems and all(fold(stem) in vocabulary("make") for stem in stems):
        spelt = {stem: vocabulary("make")[fold(stem)] for stem in stems}
        tables["make"] = Table(
            {"file_name": r"^([\w-]+)$", "values": spelt}, "the only place where the make is named: the file's name"
        )
    return tables


def _are_miles(placed: Mapping[str, Placement], looks: Sequence[Look]) -> bool:
    """Say whether a bare distance is likely in miles: money is told to be pounds or US dollars, or fuel goes by the gallon."""
    money = (tell_currency(placed["price"].look) if "price" in placed else "") or tell_currency_beside(looks)
    by_gallon = any("mpg" in fold(look.header).split() for look in looks)
    in_dollars = money == "USD" and all(word.isascii() for look in looks for word, _ in look.words.most_common(_SAMPLED))
    return by_gallon or money == "GBP" or in_dollars or (not money and _is_american(looks))


def _is_american(looks: Sequence[Look]) -> bool:
    """Say whether dates have the month first."""
    return any(look.dates.share > 0.9 and look.dates.formats[0].startswith("%m") for look in looks)


def _place_models(placed: dict[str, Placement], looks: Sequence[Look]) -> dict[str, Placement]:
    """Take for the model what is called a name or a title and is none; and what is called the make and is none."""
    used = {placement.look.header for placement in placed.values()}
    free = [look for look in looks if look.header not in used and look.given and not look.has_titles]
    for called in ("title", "make") if "model" not in placed else ():
        named = [look for look in free if header_score(look.header, called) == 1 and look.distinct_share < 0.5]
        if "make" in placed and named:
            return placed | {"model": Placement(named[0], 0.0, by_name=False)}
    return placed


def _find_title(placed: Mapping[str, Placement], looks: Sequence[Look]) -> Look | None:
    """Return the column whose cells begin with the make, where make or model has no column of its own."""
    model = placed.get("model")
    if model and model.look.has_titles and "make" not in placed:
        return model.look
    if "model" in placed:
        return None
    used = {placement.look.header for placement in placed.values()}
    return next((look for look in looks if look.has_titles and look.header not in used), None)


def _find_strays(looks: Mapping[str, Look]) -> dict[str, frozenset[str]] | None:
    """Return for each column the words that are another's where cells slid, so that those are most of what columns do not know."""
    unknown = {
        name: {word: count for word, count in look.words.items() if meaning_of(word, name) is None}
        for name, look in looks.items()
        if name != "vin"
    }
    strays = {
        name: frozenset(
            word
            for word, count in words.items()
            if VIN.fullmatch(word)
            or not any(map(str.isalpha, word))
            or any(
                look.words[word] > count or (other != "vin" and meaning_of(word, other) is not None)
                for other, look in looks.items()
                if other != name
            )
        )
        for name, words in unknown.items()
    }
    slid = sum(words[word] for name, words in unknown.items() for word in strays[name])
    return strays if slid > 0.5 * sum(sum(words.values()) for words in unknown.values()) else None


def _find_options(looks: Sequence[Look]) -> dict[str, Table]:
    """Make a column of everything that says yes or no."""
    options: dict[str, Table] = {}
    for look in looks:
        slug = re.sub(r"[^a-z0-9]+", "_", fold(look.header)).strip("_").removeprefix("is_").removeprefix("has_")
        says = {meaning_of(word, "boolean") for word in look.words}
        is_option = len(says | ({""} & set(look.missing))) > 1 and None not in says and header_score(look.header, "other") < 1
        if is_option and slug and f"has_{slug}" not in options and len(options) < _MOST_OPTIONS:
            table = describe_column("first_owner", look)
            options[f"has_{slug}"] = Table({"kind": "boolean", **table.keys}, table.comment, table.checks)
    return options


def _find_currency(asked: str, tables: Mapping[str, Table], looks: Sequence[Look]) -> tuple[str, str]:
    """Return the currency, and what is in doubt about it."""
    if asked:
        return asked, ""
    (header,) = tables["price"].keys["headers"]
    told = next((tell_currency(look) for look in looks if look.header == header), "") or tell_currency_beside(looks)
    beside = [
        look for look in looks if header_score(look.header, "other") == 1 and fold(look.header).endswith(("currency", "devise"))
    ]
    if not told and beside and len(beside[0].words) == 1:
        told = next(iter(beside[0].words)).upper()
    if re.fullmatch("[A-Z]{3}", told):
        return told, "is the currency USD? $ is also that of other dollars" if told == "USD" else ""
    if _is_american(looks):
        return "USD", "currency: USD is a guess from dates that have the month first"
    guess = currency_of(language_of([look.header for look in looks]))
    if guess:
        return guess, f"currency: {guess} is a guess from the language of the headers"
    return NO_CURRENCY, f"currency: nothing tells which; {NO_CURRENCY} stands for none"


def _write_head(name: str, currency: str, doubt: str, sources: Sequence[Source]) -> list[str]:
    files = ", ".join(source.path.name for source in sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")
    lines = textwrap.wrap(f"Drafted from {files}. Lines with CHECK are guesses that a person should look at.", _WIDTH)
    return [
        *(f"# {line}" for line in lines),
        f"title = {write_value(name.replace('_', ' ').title())}",
        *(["synthetic = true"] if all((source.path.parent / SYNTHETIC_NOTE_NAME).exists() for source in sources) else []),
        f"currency = {write_value(currency)}" + (f"  # CHECK: {doubt}" if doubt else ""),
        "",
    ]


def _write_files(files: Files) -> list[str]:
    keys = {"patterns": files.patterns, "encodings": files.encodings, "separators": files.separators}
    return ["[files]", *(f"{key} = {write_value(list(values))}" for key, values in keys.items()), ""]


def _write_rows(looks: Sequence[Look], left: Sequence[Look]) -> list[str]:
    marks = sorted({mark for look in looks for mark in look.missing} | {""})
    lines = ["[rows]", f"missing = {write_value(marks)}"]
    if left:
        lines.append("# Known and left out. A column that says something about a price is better placed: see docs/markets.md.")
        lines += ["unused = [", *(f"  {write_value(look.header)},{_tell_left(look)}" for look in left), "]"]
    return [*lines, ""]


def _tell_left(look: Look) -> str:
    if not look.given:
        return "  # empty"
    shown = " ".join(", ".join(repr(word) for word, _ in look.words.most_common(3)).split())[:70]
    if look.amounts.share > 0.9:
        return f"  # numbers such as {shown}"
    if len(look.words) <= _FEW_WORDS:
        return f"  # {len(look.words)} words such as {shown}"
    return f"  # {len(look.words):,} distinct cells such as {shown}"


def _write_column(name: str, table: Table) -> list[str]:
    lines = [
        f"# CHECK: {line}" if place == 0 else f"#   {line}"
        for check in table.checks
        for place, line in enumerate(textwrap.wrap(check, _WIDTH - 9))
    ]
    comment = f"  # {' '.join(table.comment.split())}" if table.comment else ""
    return [*lines, f"[columns.{name}]{comment}", *(f"{key} = {write_value(value)}" for key, value in table.keys.items()), ""]


def _write_rules(tables: Mapping[str, Table]) -> list[str]:
    """Reject what is no used car that runs."""
    words = set(tables["condition"].keys.get("values", {}).values()) if "condition" in tables else set()
    rules = (("new car", {"new"}), ("damaged or salvage", {"damaged", "salvage", "for parts"}))
    lines: list[str] = []
    for reason, told in rules:
        if found := sorted(told & words):
            lines += ["[[reject]]", f"reason = {write_value(reason)}", f"words = {{ condition = {write_value(found)} }}", ""]
    return lines


def write_value(value: Any) -> str:  # noqa: PLR0911  # a line a type
    """Write a value as TOML.

    >>> write_value(["a", 1.5, True]), write_value({"Très bon": "very good", "km": 5}), write_value(500_000)
    ('["a", 1.5, true]', '{ "Très bon" = "very good", km = 5 }', '500_000')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if "\\" in value and "'" not in value and value.isprintable():
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        pairs = (f"{_write_key(key)} = {write_value(inner)}" for key, inner in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    return "[" + ", ".join(map(write_value, value)) + "]"


def _write_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")
