"""Dates: in which format a column's dates are written, also where the order of day and month must be told from the cells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.stages.parse import clean_text, parse_date

_TIME = r"(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?(?:Z|[+-]\d{2}:?\d{2})?)?"
# The part that is the date, and its possible formats; of each pair the one with the day first stands first.
_FORMS = (
    (r"\d{4}-\d{1,2}-\d{1,2}", ("%Y-%m-%d",)),
    (r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)),
    (r"\d{4}\.\d{1,2}\.\d{1,2}\.?", ("%Y.%m.%d",)),
    (r"\d{8}", ("%Y%m%d",)),
    (r"\d{1,2}/\d{1,2}/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"\d{1,2}/\d{1,2}/\d{2}", ("%d/%m/%y", "%m/%d/%y")),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", ("%d.%m.%Y",)),
    (r"\d{1,2}\.\d{1,2}\.\d{2}", ("%d.%m.%y",)),
    (r"\d{1,2}-\d{1,2}-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", ("%d %b %Y",)),
    (r"\d{1,2} [A-Za-z]{4,9} \d{4}", ("%d %B %Y",)),
    (r"[A-Za-z]{3} \d{1,2},? \d{4}", ("%b %d, %Y", "%b %d %Y")),
    (r"[A-Za-z]{4,9} \d{1,2},? \d{4}", ("%B %d, %Y", "%B %d %Y")),
)


@dataclass(frozen=True)
class Dates:
    """How a column's dates are written: the formats, the best first; whether a time of day stands behind; what is in doubt."""

    share: float
    formats: tuple[str, ...]
    has_time: bool
    doubt: str


def look_at_dates(words: Mapping[str, int]) -> Dates:
    """Find the form that most cells have, and which order of day and month reads them."""
    total = sum(words.values()) or 1
    best = Dates(0.0, (), has_time=False, doubt="")
    for form, formats in _FORMS:
        whole, timed = re.compile(f"({form}){_TIME}"), False
        found: dict[str, int] = {}
        for word, count in words.items():
            if match := whole.fullmatch(clean_text(word)):
                found[match[1]] = found.get(match[1], 0) + count
                timed = timed or match[1] != clean_text(word)
        read = {one: {text for text in found if parse_date(text, one)} for one in formats}
        share = sum(count for text, count in found.items() if any(text in texts for texts in read.values())) / total
        if share > best.share:
            chosen, doubt = _choose_order(found, read)
            best = Dates(share, chosen, has_time=timed, doubt=doubt)
    return best


def _choose_order(found: Mapping[str, int], read: Mapping[str, set[str]]) -> tuple[tuple[str, ...], str]:
    """Order the formats by what they alone can read; both are kept where each reads what the other cannot."""
    if len(read) == 1:
        return tuple(read), ""
    (first, these), (second, those) = read.items()
    if second.startswith(("%b", "%B")):
        return tuple(one for one in read if read[one]), ""
    only_first = sum(found[text] for text in these - those)
    only_second = sum(found[text] for text in those - these)
    if not only_first and not only_second:
        return (first,), f"all dates could be {first} or {second}"
    if only_first and only_second:
        order = (first, second) if only_first >= only_second else (second, first)
        return (
            order,
            f"{min(only_first, only_second):,} cells have day and month the other way round; those with both up to 12 could be either",
        )
    return ((first,) if only_first else (second,)), ""
