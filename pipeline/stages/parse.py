"""Parsers of single cells: from text as sellers and scrapers write it to a number, a date or a word."""

from __future__ import annotations

import contextlib
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime

# Blanks that group thousands: plain, no-break, narrow no-break and thin.
_BLANKS = " \u00a0\u202f\u2009"
_CURRENCY = "£$€"
# Arabic and Persian digits and marks, which a market may well write.
_DIGITS = {ord(digit): str(value) for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹") for value, digit in enumerate(digits)}
_RANGE = re.compile(r"\s*(?:-|–|—)\s*")
NO_CENTS = "(?:--?|[–—])"  # what stands for them behind the decimal mark of a round price, as a pattern
_TRUE = frozenset({"true", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "no", "n", "0", "0.0"})


def clean_text(text: str) -> str:
    r"""Return text in Unicode's composed form, every run of blanks made one space, none at the ends.

    >>> clean_text("  Serie\u00a03 ")
    'Serie 3'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def usual_digits(text: str) -> str:
    """Return text with Arabic and Persian digits written as the usual ones.

    >>> usual_digits("٢٠١٥ كم")
    '2015 كم'
    """
    return text if text.isascii() else text.translate(_DIGITS)


def parse_number(text: str, decimal_mark: str = ".") -> float | None:
    """Read a number with its thousands grouped by blanks, apostrophes or the other mark; None if it is none.

    A currency sign may stand before or after it, a dash for the cents. Groups must have three digits and one mark throughout, so that a
    misplaced mark is refused instead of read as a number a thousand times too large; lakhs and crores are grouped by two.

    >>> parse_number("£8,000"), parse_number("5 000"), parse_number("1.5"), parse_number("12,34"), parse_number("many")
    (8000.0, 5000.0, 1.5, None, None)
    >>> parse_number("4,50,000"), parse_number("٢٠١٥"), parse_number("€ 1.650,-", ","), parse_number("12'900.–")
    (450000.0, 2015.0, 1650.0, 12900.0)
    """
    if not text.isascii():
        text = usual_digits(text).replace("\u066b", decimal_mark).replace("\u066c", "," if decimal_mark == "." else ".")
    match = _PATTERNS[decimal_mark].fullmatch(text.strip().strip(_CURRENCY).strip())
    if match is None:
        return None
    whole, fraction = match.group("whole"), match.group("fraction") or ""
    digits = "".join(character for character in whole if character.isdecimal() or character in "+-")
    number = float(f"{digits}.{fraction}" if fraction else digits)
    return number if math.isfinite(number) else None


def parse_range(text: str, decimal_mark: str = ".") -> tuple[float, float] | None:
    """Read "5 000 - 9 999" as its ends, and a plain number as a range of no width; None if it is neither.

    >>> parse_range("5 000 - 9 999"), parse_range("7 500"), parse_range("9 - 5"), parse_range("-")
    ((5000.0, 9999.0), (7500.0, 7500.0), None, None)
    """
    single = parse_number(text, decimal_mark)
    if single is not None:
        return single, single
    ends = [parse_number(end, decimal_mark) for end in _RANGE.split(text.strip())]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[0] > ends[1]:
        return None
    return ends[0], ends[1]


def parse_date(text: str, *date_formats: str) -> str | None:
    """Read a date in the first of strptime's formats that fits and return it as an ISO date; None if it is none.

    >>> parse_date("6/23/18", "%m/%d/%y"), parse_date("23.6.", "%m/%d/%y"), parse_date("2018-06-23", "%m/%d/%y", "%Y-%m-%d")
    ('2018-06-23', None, '2018-06-23')
    """
    for date_format in date_formats:
        with contextlib.suppress(ValueError):
            return datetime.strptime(text.strip(), date_format).date().isoformat()  # noqa: DTZ007  # a date has no zone
    return None


def parse_boolean(text: str, values: Mapping[str, object] | None = None) -> bool | None:
    """Read yes or no, by the market's own words first; None if it is neither.

    >>> parse_boolean("Oui", {"Oui": True}), parse_boolean("False"), parse_boolean("perhaps")
    (True, False, None)
    """
    folded = clean_text(text).casefold()
    for word, meaning in (values or {}).items():
        if clean_text(word).casefold() == folded and isinstance(meaning, bool):
            return meaning
    return True if folded in _TRUE else False if folded in _FALSE else None


def word_reader(values: Mapping[str, object], *, keeps_others: bool = False) -> Callable[[str], str | None]:
    """Return a reader of words: through the market's vocabulary where it has one, else as they are.

    >>> word_reader({"Essence": "petrol"})(" essence "), word_reader({"Essence": "petrol"})("GPL"), word_reader({})("Golf ")
    ('petrol', None, 'Golf')
    >>> word_reader({"vw": "Volkswagen"}, keeps_others=True)("Audi")
    'Audi'
    """
    vocabulary = {clean_text(raw).casefold(): str(word) for raw, word in values.items()}

    def read(text: str) -> str | None:
        word = clean_text(text)
        return vocabulary.get(word.casefold(), word if keeps_others or not vocabulary else "") or None

    return read


def _compile(decimal_mark: str) -> re.Pattern[str]:
    group = "[" + _BLANKS + "'’" + ("," if decimal_mark == "." else ".") + "]"
    mark = re.escape(decimal_mark)
    # ASCII digits alone: \d would also take digits that float() reads but no market writes.
    grouped = rf"[0-9]{{1,3}}(?P<group>{group})[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*"
    lakhs = r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}" if decimal_mark == "." else "(?!)"
    return re.compile(rf"(?P<whole>[+-]?(?:{grouped}|{lakhs}|[0-9]+))(?:{mark}(?:(?P<fraction>[0-9]*)|{NO_CENTS}))?")


_PATTERNS = {mark: _compile(mark) for mark in ".,"}
