"""Measures: numbers as people write them, with a unit of their own, in thousands, or with another market's marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from pipeline import listing
from pipeline.stages import parse

_LONGEST = 60  # characters of a number with its unit: what is longer is prose
_RANGE = re.compile(r"\s*[-–—]\s*")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}[.,][0-9]{3}")
_BLANK = " \u00a0\u202f\u2009"
# The same within a text: alone, and no part of a longer number.
_THOUSANDS_WITHIN = re.compile(rf"(?<![0-9.,'’])(?<![0-9][{_BLANK}])([0-9]{{1,3}})[.,]([0-9]{{3}})(?![0-9.,'’]|[{_BLANK}][0-9])")
_SIGNS = "£$€"
_MONEY = ("aed", "cad", "chf", "dh", "dhs", "eur", "euro", "euros", "gbp", "mad", "usd", *_SIGNS)
# Words of a unit, small letters, and the factor to the canonical unit, which is how names of columns end.
_WORDS: dict[str, Mapping[str, float]] = {
    "km": {
        **dict.fromkeys(("km", "kms", "kilometer", "kilometers", "kilometre", "kilometres"), listing.UNITS["km"]),
        **dict.fromkeys(("mi", "mile", "miles"), listing.UNITS["mile"]),
    },
    "hp": {
        **dict.fromkeys(("hp", "ps", "ch", "cv"), listing.UNITS["hp"]),
        "kw": listing.UNITS["kw"],
    },
    "l": {
        **dict.fromkeys(("l", "liter", "liters", "litre", "litres"), listing.UNITS["l"]),
        **dict.fromkeys(("cc", "ccm", "cm3", "cm³"), listing.UNITS["cc"]),
    },
    "cv": {"cv": 1.0},
    "mpg": {"mpg": 1.0},
    "money": dict.fromkeys(_MONEY, 1.0),
}
_IN_THOUSANDS = ("km", "money")  # what is counted in thousands, and never to a thousandth


def unit_of(column: str) -> str:
    """Return the unit that a column's name ends in, "money" for a currency, "" for a bare number.

    >>> unit_of("mileage_km"), unit_of("tax_gbp"), unit_of("price"), unit_of("doors")
    ('km', 'money', 'money', '')
    """
    ending = column.rpartition("_")[2]
    return "money" if ending in (*_MONEY, "price") else ending if ending in _WORDS else ""


def join_thousands(text: str, unit: str) -> str:
    """Return text without the mark between a number's thousands, whichever it is, where things of this unit are counted in them.

    A market may read that mark as its decimal one: nobody writes thousandths of a kilometre.

    >>> join_thousands("15.000", "km"), join_thousands("75,000 mi", "km"), join_thousands("110.000 - 119.999", "km")
    ('15000', '75000 mi', '110000 - 119999')
    >>> join_thousands("15.5", "km"), join_thousands("1.200.000", "km"), join_thousands("1.998", "l")
    ('15.5', '1.200.000', '1.998')
    """
    return _THOUSANDS_WITHIN.sub(r"\1\2", text) if unit in _IN_THOUSANDS else text


def parse_measure(
    text: str, unit: str, decimal_mark: str = ".", *, bare_factor: float = 1.0, needs_unit: bool = False
) -> float | None:
    """Read a number with or without a unit of the same kind, and return it in `unit`; None if it is none or could mean two things.

    `bare_factor` converts a number that names no unit. "k" means thousands where things are counted in them. There a
    mark before exactly three digits groups thousands, whichever the market's mark: nobody writes thousandths of a
    kilometre. With `needs_unit`, a number alone is refused.

    >>> parse_measure("120k", "km"), parse_measure("75,000 mi", "km"), parse_measure("120 000 km", "km"), parse_measure("90 hp", "km")
    (120000.0, 120700.8, 120000.0, None)
    >>> parse_measure("€15.000", "money"), parse_measure("1.650,- EUR", "money"), parse_measure("1600 cc", "l"), parse_measure("1,6", "l")
    (15000.0, 1650.0, 1.6, 1.6)
    >>> parse_measure("1.2k", "l")
    """
    folded = parse.clean_text(text).casefold()
    found = _pattern(unit).fullmatch(folded) if len(folded) <= _LONGEST else None
    if found is None:
        return None
    written, in_thousands = found["unit"] or found["sign"], bool(found["thousand"])
    if needs_unit and not (written or in_thousands):
        return None
    number = _read_number(found["number"].strip(), decimal_mark, is_counted=unit in _IN_THOUSANDS and not in_thousands)
    if number is None:
        return None
    factor = _WORDS[unit][written] if written else bare_factor
    return number * (1000.0 if in_thousands else 1.0) * factor


def parse_measures(
    text: str, unit: str, decimal_mark: str = ".", *, bare_factor: float = 1.0, needs_unit: bool = False
) -> tuple[float, float] | None:
    """Read one measure, or two with a dash between and the unit after both or the second alone, as ends of a range.

    >>> parse_measures("5 000 - 9 999 km", "km"), parse_measures("60-70k miles", "km"), parse_measures("120k", "km")
    ((5000.0, 9999.0), (96560.64, 112654.08), (120000.0, 120000.0))
    """

    def read(part: str) -> float | None:
        return parse_measure(part, unit, decimal_mark, bare_factor=bare_factor, needs_unit=needs_unit)

    single = read(text)
    if single is not None:
        return single, single
    ends = _RANGE.split(text.strip())
    if len(ends) != 2 or not ends[0]:
        return None
    tail = re.sub(r"^[^a-z]*", "", ends[1].casefold())
    high = read(ends[1])
    low = read(f"{ends[0]} {tail}") if ends[0][-1].isdecimal() else read(ends[0])
    return None if low is None or high is None or low > high else (low, high)


def _read_number(text: str, decimal_mark: str, *, is_counted: bool) -> float | None:
    """Read a number by the market's decimal mark, else by the other one where that alone makes sense."""
    other = "," if decimal_mark == "." else "."
    if is_counted and _THOUSANDS.fullmatch(text):
        return float(text.replace(",", "").replace(".", ""))
    number = parse.parse_number(text, decimal_mark)
    return parse.parse_number(text, other) if number is None else number


@cache
def _pattern(unit: str) -> re.Pattern[str]:
    words = "|".join(sorted(map(re.escape, _WORDS.get(unit, ())), key=len, reverse=True)) or "(?!)"
    thousand = "k|thousand|tsd|mille" if unit in _IN_THOUSANDS else "(?!)"
    sign = f"[{_SIGNS}]" if unit == "money" else "(?!)"
    return re.compile(
        rf"(?P<sign>{sign})?\s*(?P<number>[+-]?[0-9](?:[0-9.,'’ ]*[0-9])?(?:[.,]{parse.NO_CENTS})?)\s*(?P<thousand>{thousand})?\.?\s*(?P<unit>{words})?\.?"
    )
