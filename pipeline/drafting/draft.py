"""Drafts: the whole TOML of a stranger's market, with a comment on what each column is and what a person should check."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import listing
from pipeline.drafting.columns import Table, describe_column, describe_titles, tell_currency, tell_currency_beside
from pipeline.drafting.dictionary import currency_of, fold, header_score, language_of, vocabulary
from pipeline.drafting.looks import Look, look_at_column
from pipeline.drafting.placing import Placement, place_columns
from pipeline.drafting.sources import Source, choose_files, join_rows
from pipeline.market import Files

NO_CURRENCY = "XXX"  # ISO 4217: no currency is meant
NOT_FOUND = "?"  # stands for the header of a column that could not be placed
_WORDS = ("fuel", "gearbox", "drive", "body", "color", "condition")
_WIDTH = 118
_FEW_WORDS = 40
_MOST_OPTIONS = 60


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
    placed = place_columns([look for look in looks if look.header.strip()])
    tables = _describe(placed, looks, [source.path.stem.split(".")[0] for source in sources])
    used = {header for table in tables.values() for header in table.keys.get("headers", ())}
    absent = [column for column in listing.ALWAYS_REQUIRED if column not in tables]
    for column in absent:
        tables[column] = Table({"headers": [NOT_FOUND]}, "NOT FOUND: name its header")
    options = _find_options([look for look in looks if look.header not in used])
    tables = {column: tables[column] for column in [*listing.COLUMNS, *tables] if column in tables} | options
    used |= {header for table in options.values() for header in table.keys["headers"]}
    left = [look for look in looks if look.header not in used]
    money, doubt = _find_currency(currency, tables, looks)
    checks = [doubt] if doubt else []
    checks += [f"no column was found for {column}: put its header instead of {NOT_FOUND!r}" for column in absent]
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
    strays = _find_strays({name: placement.look for name, placement in placed.items() if name in (*_WORDS, "vin")})
    miles = _are_miles(placed, looks)
    tables = {
        name: describe_column(name, placement.look, strays=strays.get(name, frozenset()), miles=miles)
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
    money = tell_currency(placed["price"].look) if "price" in placed else ""
    if not money and _is_american(looks):
        return True
    by_gallon = any("mpg" in fold(look.header).split() for look in looks)
    return by_gallon or (money or tell_currency_beside(looks)) in ("GBP", "USD")


def _is_american(looks: Sequence[Look]) -> bool:
    """Say whether dates have the month first."""
    return any(look.dates.share > 0.9 and look.dates.formats[0].startswith("%m") for look in looks)


def _find_title(placed: Mapping[str, Placement], looks: Sequence[Look]) -> Look | None:
    """Return the column whose cells begin with the make, where make or model has no column of its own."""
    model = placed.get("model")
    if model and model.look.has_titles and "make" not in placed:
        return model.look
    if "model" in placed:
        return None
    used = {placement.look.header for placement in placed.values()}
    return next((look for look in looks if look.has_titles and look.header not in used), None)


def _find_strays(looks: Mapping[str, Look]) -> dict[str, frozenset[str]]:
    """Return for each column the words that are another's, where cells slid: those are most of what columns do not know."""
    unknown = {
        name: {word: count for word, count in look.words.items() if fold(word) not in vocabulary(name)}
        for name, look in looks.items()
        if name != "vin"
    }
    strays = {
        name: frozenset(
            word
            for word, count in words.items()
            if any(
                look.words[word] > count or (other != "vin" and fold(word) in vocabulary(other))
                for other, look in looks.items()
                if other != name
            )
        )
        for name, words in unknown.items()
    }
    slid = sum(words[word] for name, words in unknown.items() for word in strays[name])
    return strays if slid > 0.5 * sum(sum(words.values()) for words in unknown.values()) else {}


def _find_options(looks: Sequence[Look]) -> dict[str, Table]:
    """Make a column of everything that says yes or no."""
    options: dict[str, Table] = {}
    for look in looks:
        slug = re.sub(r"[^a-z0-9]+", "_", fold(look.header)).strip("_").removeprefix("is_").removeprefix("has_")
        is_option = len(look.words) <= 4 and look.known_share("boolean") == 1 and header_score(look.header, "other") < 1
        if is_option and slug and f"has_{slug}" not in options and len(options) < _MOST_OPTIONS:
            table = describe_column("first_owner", look)
            options[f"has_{slug}"] = Table({"kind": "boolean", **table.keys}, table.comment)
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
