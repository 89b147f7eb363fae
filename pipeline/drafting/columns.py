"""Columns: what the TOML must say of a placed column, and what of it a person should check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from pipeline import listing
from pipeline.drafting.amounts import Amounts
from pipeline.drafting.dictionary import currencies, fold, header_score, meaning_of, unit_words, vocabulary
from pipeline.drafting.looks import LITRES, TWO_POWERS, YEAR, Look, make_in
from pipeline.stages.parse import parse_number

WORDS = ("fuel", "gearbox", "drive", "body", "color", "condition")  # columns of which the dictionary has the words
_LIMITS: dict[str, tuple[float, float]] = {
    "mileage_km": (0, 1_000_000),
    "engine_l": (0, 10),
    "power_hp": (1, 2_000),
    "fiscal_power_cv": (1, 60),
    "cylinders": (1, 16),
    "doors": (1, 9),
    "seats": (1, 60),
}
_FIRST_YEAR = 1930
_NEVER_ZERO = ("price", "mileage_km", "engine_l", "power_hp", "fiscal_power_cv", "cylinders", "doors", "seats")
_UNITS_OF = {"mileage_km": ("mileage", "km"), "power_hp": ("power", "hp"), "engine_l": ("engine", "l")}
_PLAIN_WORDS = ("cyl", "cyl.", "cv", "door", "seat", "seater", "pl", "pl.", "p")  # that say again what is counted
_SHOWN = 8  # words in a comment
_RARE = 0.0005
_FEW = 0.02  # of the cells: what is rarer is a slip
_MOST_KNOWN = 0.5


@dataclass
class Table:
    """What [columns.NAME] says: its keys in their order, a comment, and what a person should check."""

    keys: dict[str, Any]
    comment: str = ""
    checks: list[str] = field(default_factory=list)


def describe_column(name: str, look: Look, *, strays: frozenset[str] | None = None, miles: bool = False) -> Table:
    """Return the table of a canonical column.

    `strays` are the cells that slid here from others where a file's cells do that, `miles` says that bare distances are miles rather than kilometres.
    """
    kind = listing.COLUMNS[name]
    table = Table({"headers": [look.header]}, _show_words(look))
    if kind == "number":
        _describe_number(name, look, table, miles=miles)
    elif kind == "date":
        _describe_date(look, table)
    elif kind == "boolean":
        _describe_boolean(look, table)
    elif name == "advert_id":
        _describe_identity(look, table)
    elif name == "vin":
        table.keys["pattern"] = r"^(?i:([0-9A-HJ-NPR-Z]{17}))$"
    elif name in ("make", *WORDS):
        _describe_words(name, look, table, strays=strays)
    return table


def describe_titles(look: Look, *, named_make: bool) -> dict[str, Table]:
    """Return the tables of make, model and trim where one column holds them all: "ford f-150", "Opel Astra 1.6 Elegance"."""
    long = sorted({make for word in look.words if (make := make_in(word)) and " " in make}, key=lambda make: (-len(make), make))
    year = r"(?:\d{4} )?" if any(YEAR.match(word) for word in look.words) else ""
    first = "|".join([*(re.escape(make).replace("\\ ", " ") for make in long), r"\S+"])
    rests = Counter[str]()
    for word, count in look.words.items():
        if make := make_in(word):
            rests[word.partition(make)[2].strip()] += count
    is_long = sum(len(rest.split()) > 2 for rest in rests) > 0.3 * max(len(rests), 1)
    tables = (
        {}
        if named_make
        else {"make": Table({"headers": [look.header], "pattern": f"^{year}({first})(?: |$)"}, "the first words name it")}
    )
    if not named_make:
        heads = Counter({make: count for word, count in look.words.items() if (make := make_in(word))})
        _take_spellings("make", heads, tables["make"], all_known=False)
    model = r"(\S+)" if is_long else r"(.+)$"
    tables["model"] = Table({"headers": [look.header], "pattern": f"^{year}(?:{first}) {model}"}, "what stands behind the make")
    tables["model"].checks.append(f"the model is taken from {look.header!r}, {'one word' if is_long else 'all'} behind the make")
    if is_long:
        trim = Table(
            {"headers": [look.header], "pattern": rf"^{year}(?:{first}) \S+ (.+)$", "feature": False}, "the rest of the title"
        )
        tables["trim"] = trim
    return tables


def tell_currency(look: Look) -> str:
    """Return the currency that the cells or the header of the price tell, or ""."""
    votes: Counter[str] = Counter()
    for affix, count in look.amounts.affixes.items():
        for mark in (affix, affix.strip(". "), *affix.split()):
            if mark in currencies():
                votes[currencies()[mark]] += count
                break
    votes.update(_tell_header(look.header))
    return votes.most_common(1)[0][0] if votes else ""


def _tell_header(header: str) -> list[str]:
    tokens = re.findall(r"[€£$₽₺₹₴₸]|[^\W_]+", header.casefold())
    return [currencies()[token] for token in tokens if token in currencies() and (len(token) != 2 or token in ("tl", "dh", "zł"))]


def tell_currency_beside(looks: Sequence[Look]) -> str:
    """Return the currency that any header tells, or ""."""
    votes = Counter(currency for look in looks for currency in _tell_header(look.header))
    return votes.most_common(1)[0][0] if votes else ""


def _show_words(look: Look) -> str:
    most = [word for word, _ in look.words.most_common(3)]
    return "such as " + ", ".join(repr(word[:30]) for word in most) if most else "empty"


def _describe_number(name: str, look: Look, table: Table, *, miles: bool) -> None:
    is_counted = name not in ("engine_l", "power_hp") or _tells_cc(look)
    amounts = look.amounts if is_counted else look.measures
    if name == "year":
        _describe_year(look, table)
        return
    if name == "power_hp" and look.share(lambda word: bool(TWO_POWERS.search(word))) > 0.5:
        table.keys["pattern"] = r"(?i)([\d.,]+) ?(?:ps|hp|ch|cv|km|bhp|л\.? ?с\.?)(?![a-z/])"
        return
    if name == "engine_l" and amounts.share < 0.5 < look.share(lambda word: bool(LITRES.search(word))):
        table.keys |= {"pattern": r"(?i)(?<![\d.,])(\d{1,2}(?:[.,]\d+)?) ?(?:l|litres?|liters?|л)\b", "limits": [0, 10]}
        return
    if amounts.share_of_ranges > 0.5:
        table.keys["parser"] = "range"
    if amounts.mark == ",":
        table.keys["decimal_mark"] = ","
    _take_units(name, look, amounts, table, miles=miles)
    _take_missing(name, look, amounts, table)
    table.keys["limits"] = _limits_of(name, amounts)
    if name == "price":
        low, high = table.keys["limits"]
        table.checks.append(f"prices outside {low:,} to {high:,} are rejected as slips: between which is a car's price?")


def _tells_cc(look: Look) -> bool:
    """Say whether engines are in whole cubic centimetres, by the words beside them or in the header."""
    words = unit_words("engine")
    beside = any(words.get(affix) == "cc" for affix in look.amounts.affixes)
    return beside or _unit_of_header(look.header, words) == "cc"


def _describe_year(look: Look, table: Table) -> None:
    if look.share(lambda word: bool(re.fullmatch(r"\d{4}(\.0)?", word))) < 1 - _FEW:
        table.keys["pattern"] = r"((?:19|20)\d{2})(?!\d)"
        unread = [word for word in look.words if not YEAR.search(word)]
        if unread:
            table.checks.append(f"no year is found in {', '.join(map(repr, unread[:3]))}")
    if any(word in ("0", "0000") for word in look.words):
        table.keys["missing"] = [word for word in ("0", "0000") if word in look.words]
    table.keys["limits"] = [_FIRST_YEAR, date.today().year + 1]  # noqa: DTZ011  # the year is the user's


def _take_units(name: str, look: Look, amounts: Amounts, table: Table, *, miles: bool) -> None:
    """Say what stands beside the numbers, and in which unit bare ones are."""
    kind, usual = _UNITS_OF.get(name, ("", ""))
    known = dict(unit_words(kind)) if kind else {}
    header_unit = _unit_of_header(look.header, known)
    units, unknown = _sort_affixes(amounts.affixes, known, is_money=name == "price")
    bare = float(amounts.counts.sum()) - sum(amounts.affixes.values())
    if kind:
        is_cc = name == "engine_l" and look.amounts.median > 100
        unit = header_unit or ("cc" if is_cc else usual)
        table.keys["unit"] = "l" if unit == "cc" and name == "engine_l" else unit
        if name == "engine_l":
            table.keys["large_unit"] = {"unit": "cc", "above": 100}
        if name == "mileage_km" and not header_unit and not units and bare:
            if miles:
                table.keys["unit"] = "mile"
            table.checks.append(f"are the distances in {look.header!r} kilometres or miles?")
    for affix, count in unknown.most_common():
        if count > _FEW * look.given and affix.strip("., "):
            units[affix] = 1
            if header_score(affix, name) < 1 and affix not in _PLAIN_WORDS:
                table.checks.append(f"{affix!r} stands beside {count:,} numbers of {name}, and is taken to mean nothing")
    if units:
        table.keys["units"] = dict(sorted(units.items()))
    if name == "mileage_km" and amounts.median < 1_000 and not any(isinstance(unit, float) for unit in units.values()):
        table.checks.append(f"half of the distances in {look.header!r} are below {amounts.median:,.0f}: are they thousands?")


def _sort_affixes(
    affixes: Mapping[str, int], known: Mapping[str, str | float], *, is_money: bool
) -> tuple[dict[str, str | float], Counter[str]]:
    """Return what is known of the words beside numbers, and those that are not."""
    units: dict[str, str | float] = {}
    unknown: Counter[str] = Counter()
    for affix, count in affixes.items():
        words = _split_affix(affix, known, is_money=is_money)
        if words is None:
            unknown[affix] += count
        else:
            units |= words
    return units, unknown


def _unit_of_header(header: str, known: Mapping[str, str | float]) -> str:
    for token in re.split(r"[^\w³]+|_", header.casefold()):
        if token in known:
            return str(known[token])
    return ""


def _split_affix(affix: str, known: Mapping[str, str | float], *, is_money: bool) -> dict[str, str | float] | None:
    """Return the words of an affix and what each means; None where one is unknown."""
    meanings: dict[str, str | float] = {}
    factors = unit_words("factor")
    signs = {"£", "$", "€"}  # the reader knows these
    for word in (affix, *affix.split()):
        bare = word.strip(",;:/-")
        found: dict[str, str | float] | None = None
        if not bare or bare in signs:
            found = {}
        elif bare in known:
            found = {bare: known[bare]}
        elif is_money and (bare in currencies() or bare.strip(".") in currencies()):
            found = {bare: 1}
        elif bare in factors and not (bare == "l" and known):
            found = {bare: factors[bare]}
        if word == affix and found is not None:
            return found
        if word != affix or " " not in affix:
            if found is None:
                return None
            meanings |= found
    return meanings


def _take_missing(name: str, look: Look, amounts: Amounts, table: Table) -> None:
    """Name what stands where a number should and comes again and again: "price on request"."""
    missing = [word for word, count in amounts.others.most_common(_SHOWN) if count > 1]
    if name in _NEVER_ZERO and any(parse_number(word, amounts.mark) == 0 for word in look.words):
        missing.append("0")
    if name == "price" and look.words["1"] > 0.002 * look.given:
        missing.append("1")
    if missing:
        table.keys["missing"] = missing


def _limits_of(name: str, amounts: Amounts) -> list[float]:
    if name in _LIMITS:
        return [_tidy(limit) for limit in _LIMITS[name]]
    real = amounts.above(1)
    return [_tidy(_round_down(real.quantile(0.01) / 5)), _tidy(_round_up(real.quantile(0.99) * 5))]


def _round_down(value: float) -> float:
    """Return the nearest 1, 2 or 5 with zeros below."""
    if not value > 1:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step for step in (1, 2, 5) if step * power <= value) * power)


def _round_up(value: float) -> float:
    if not value > 1:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(min(step for step in (1, 2, 5, 10) if step * power >= value) * power)


def _tidy(value: float) -> float:
    return int(value) if float(value).is_integer() else float(value)


def _describe_date(look: Look, table: Table) -> None:
    found = look.dates
    if found.has_time:
        digits = max((word for word in look.words), key=lambda word: look.words[word])
        table.keys["pattern"] = r"^([A-Za-z]+ \d+,? \d{4})" if digits[:1].isalpha() else r"^(\S+?)(?:[T ,]|$)"
    table.keys["date_format"] = found.formats[0] if len(found.formats) == 1 else list(found.formats)
    if found.doubt:
        table.checks.append(f"{look.header!r}: {found.doubt}")


def _describe_boolean(look: Look, table: Table) -> None:
    known = vocabulary("boolean")
    usual = {"true", "false", "yes", "no", "y", "n", "1", "0", "1 0", "0 0"}
    values = {word: known[fold(word)] for word in look.words if fold(word) in known and fold(word) not in usual}
    said = {known[fold(word)] for word in look.words if fold(word) in known}
    if len(said) == 1 and look.missing[""]:  # a box that was ticked or not
        (only,) = said
        values |= {word: only for word in look.words if fold(word) in known} | {"": not only}
        table.checks.append(
            f"{look.header!r} says {next(iter(look.words))!r} or nothing, which is taken for {'no' if only else 'yes'}"
        )
    if values:
        table.keys["values"] = values


def _describe_identity(look: Look, table: Table) -> None:
    """Take the number out of an address where every address has one."""
    is_address = look.share(lambda word: "://" in word or word.startswith("/")) > 0.9
    if is_address:
        for pattern in (r"(\d{4,})(?:\.\w+)?/?(?:\?.*)?$", r"[/_-](?:id|ID)?-?(\d{4,})"):
            numbers = Counter(found[1] for word in look.words if (found := re.search(pattern, word)))
            if sum(numbers.values()) == len(look.words) and len(numbers) == len(look.words):
                table.keys["pattern"] = pattern
                table.comment = f"the number in its address, as in {next(iter(look.words))[:60]!r}"
                return
    if look.share(str.isdecimal) == 1 and look.amounts.quantile(1.0) <= 2 * look.total and look.distinct_share > 0.99:
        table.checks.append(
            f"{look.header!r} may only number the rows: if another file counts from 1 again, move it to [rows] unused"
        )


def _describe_words(name: str, look: Look, table: Table, *, strays: frozenset[str] | None) -> None:
    unknown = _take_spellings(name, look.words, table, all_known=name != "make")
    share = sum(unknown.values()) / look.given if look.given else 0.0
    if name == "make":
        if share > _MOST_KNOWN:
            table.checks.append(f"{share:.0%} of the makes are not known: is {look.header!r} the make?")
        return
    if strays is not None:  # a closed vocabulary sends them home
        _keep_own_words({word: count for word, count in unknown.items() if word not in strays}, look, table)
        return
    table.keys["others"] = "keep"  # the next file may say something else
    if unknown:
        most = ", ".join(repr(word[:30]) for word, _ in unknown.most_common(_SHOWN))
        table.checks.append(f"words of {name} that are kept as they are ({len(unknown):,}, in {share:.1%} of the cells): {most}")


def _keep_own_words(unknown: Mapping[str, int], look: Look, table: Table) -> None:
    """Add what comes too often for a slip."""
    own = [word for word, count in unknown.items() if count > max(3, _RARE * look.given)]
    table.keys.setdefault("values", {}).update({word: word.casefold() for word in own})
    if own:
        table.checks.append(f"words of {look.header!r} that are not known: {', '.join(map(repr, own[:_SHOWN]))}")


def _take_spellings(name: str, words: Mapping[str, int], table: Table, *, all_known: bool) -> Counter[str]:
    """Map the words that the dictionary knows, all of them or those that need it; return the others."""
    spellings: dict[str, tuple[str, str]] = {}  # of several that differ by letter case alone the most frequent
    for word in sorted(words, key=lambda word: (-words[word], word)):
        if (meaning := meaning_of(word, name)) is not None:
            spellings.setdefault(word.casefold(), (word, meaning))
    shared = Counter(meaning for _, meaning in spellings.values())
    values = {
        word: meaning
        for word, meaning in spellings.values()
        if all_known or (word != meaning and (shared[meaning] > 1 or not word.isascii() or word.islower()))
    }
    if values:
        table.keys["values"] = values
        if not all_known:
            table.keys["others"] = "keep"
    return Counter({word: count for word, count in words.items() if meaning_of(word, name) is None})
