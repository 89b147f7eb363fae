"""Looks: what the cells of a column look like, and how well they would do as a canonical column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from pipeline.drafting import dates
from pipeline.drafting.amounts import Amounts, look_at_amounts
from pipeline.drafting.dictionary import currencies, fold, missing_marks, unit_words, vocabulary
from pipeline.stages.parse import clean_text

YEAR = re.compile(r"(?<!\d)(19[2-9]\d|20[0-4]\d)(?!\d)")
_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_MIN_TITLE = 0.6  # of the cells must begin with a make for it to be taken from there


@dataclass(frozen=True)
class Look:
    """A column of a stranger's file: its header, its distinct cells with their counts, and how many cells are given."""

    header: str
    words: Counter[str]
    missing: Counter[str]
    total: int

    @cached_property
    def given(self) -> int:
        """How many cells are given."""
        return sum(self.words.values())

    @cached_property
    def amounts(self) -> Amounts:
        """The cells as numbers of whole things."""
        return look_at_amounts(self.words)

    @cached_property
    def measures(self) -> Amounts:
        """The cells as numbers that may have decimals."""
        return look_at_amounts(self.words, counted=False)

    @cached_property
    def dates(self) -> dates.Dates:
        """The cells as dates."""
        return dates.look_at_dates(self.words)

    def share(self, is_one: Callable[[str], bool]) -> float:
        """Return which share of the given cells a question is true of."""
        return sum(count for word, count in self.words.items() if is_one(word)) / self.given if self.given else 0.0

    def known_share(self, column: str) -> float:
        """Return which share of the given cells the vocabulary of a column knows."""
        known = vocabulary(column)
        return self.share(lambda word: fold(word) in known)

    @cached_property
    def distinct_share(self) -> float:
        """How many distinct cells there are for one that is given."""
        return len(self.words) / self.given if self.given else 0.0

    @cached_property
    def title_share(self) -> float:
        """Of the cells, which share begins with a make and goes on."""
        return self.share(lambda word: make_in(word) is not None)

    @property
    def has_titles(self) -> bool:
        """Whether the cells name make and model."""
        return self.title_share >= _MIN_TITLE


def look_at_column(header: str, cells: pd.Series) -> Look:
    """Count a column's distinct cells, those for "not given" apart."""
    counted = cells.value_counts(sort=False, dropna=False)
    words: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for cell, count in counted.items():
        text = clean_text(str(cell))
        if not text or text.casefold() in missing_marks():
            missing[text] += int(count)
        else:
            words[text] += int(count)
    return Look(header, words, missing, len(cells))


def make_in(text: str) -> str | None:
    """Return the words that name a make at the beginning of a title, as they stand there; None where there is none, or nothing else."""
    tokens = clean_text(text).split()
    for size in (3, 2, 1):
        if len(tokens) > size and fold(" ".join(tokens[:size])) in vocabulary("make"):
            return " ".join(tokens[:size])
    return None


def plausibility(look: Look, column: str) -> float:
    """Say how well the cells would do as a canonical column (0–1)."""
    if not look.given:
        return 0.0
    return _QUESTIONS[column](look)


def _between(amounts: Amounts, low: float, high: float) -> float:
    share = min(amounts.share + amounts.share_of_ranges, 1.0)
    return share if low <= amounts.median <= high else share * 0.2


def _has_affix(amounts: Amounts, words: Container[str]) -> bool:
    return sum(count for affix, count in amounts.affixes.items() if affix in words) > 0.3 * float(amounts.counts.sum() or 1)


def _price(look: Look) -> float:
    if look.amounts.share < 0.3 or look.known_share("fuel") > 0.5:
        return 0.0
    if YEAR.fullmatch(f"{look.amounts.median:.0f}") and look.share(lambda word: bool(YEAR.fullmatch(word))) > 0.9:
        return 0.1
    return _between(look.amounts, 50, 1e9)


def _mileage(look: Look) -> float:
    if _has_affix(look.amounts, unit_words("mileage")):
        return _between(look.amounts, 50, 1e6)
    economy = any("pl" in affix or "/" in affix or affix == "mpg" for affix in look.amounts.affixes)
    return 0.0 if economy else _between(look.amounts, 1_000, 800_000)


def _engine(look: Look) -> float:
    return max(_between(look.measures, 0.5, 9), _between(look.amounts, 500, 9_000))


def _identity(look: Look) -> float:
    is_address = look.share(lambda word: "://" in word or word.startswith("/"))
    return max(is_address, 1.0 if look.distinct_share > 0.5 else look.distinct_share) if look.given > 0.5 * look.total else 0.0


def _text(look: Look) -> float:
    is_text = look.share(lambda word: any(letter.isalpha() for letter in word))
    return 0.7 * is_text if len(look.words) > 1 else 0.1


def _model(look: Look) -> float:
    if look.has_titles:
        return 0.9
    return 0.0 if look.distinct_share > 0.9 and look.given > 50 else max(_text(look), 0.5 if len(look.words) > 5 else 0.0)


_QUESTIONS: dict[str, Callable[[Look], float]] = {
    "price": _price,
    "make": lambda look: look.known_share("make"),
    "model": _model,
    "trim": _text,
    "year": lambda look: look.share(lambda word: len(word) <= 25 and bool(YEAR.search(word))),
    "mileage_km": _mileage,
    **{
        column: (lambda look, column=column: look.known_share(column))  # type: ignore[misc]
        for column in ("fuel", "gearbox", "drive", "body", "color", "condition")
    },
    "origin": _text,
    "city": _text,
    "district": _text,
    "engine_l": _engine,
    "power_hp": lambda look: max(_between(look.measures, 20, 1_000), 0.9 if _tells_power_twice(look) else 0.0),
    "fiscal_power_cv": lambda look: _between(look.amounts, 1, 60),
    "cylinders": lambda look: _between(look.amounts, 2, 12),
    "doors": lambda look: max(_between(look.amounts, 2, 7), _between_ranges(look)),
    "seats": lambda look: _between(look.amounts, 2, 20),
    "first_owner": lambda look: look.known_share("boolean"),
    "advert_id": _identity,
    "vin": lambda look: look.share(lambda word: bool(_VIN.fullmatch(word.upper()))),
    "posted_on": lambda look: look.dates.share,
}


def _tells_power_twice(look: Look) -> bool:
    return look.share(lambda word: bool(TWO_POWERS.search(word))) > 0.5


def _between_ranges(look: Look) -> float:
    return look.amounts.share_of_ranges if 2 <= look.amounts.median <= 5 else 0.0


TWO_POWERS = re.compile(
    r"kw\D{0,4}\d+\s*(ps|hp|ch|cv|km|bhp|л)|\d\s*(?:ps|hp|ch|cv|km|bhp|л\.?с\.?)\D{0,4}\d+\s*(?:kw|квт)", re.IGNORECASE
)


def tells_money(look: Look) -> bool:
    """Say whether most cells carry a mark of money."""
    return _has_affix(look.amounts, currencies()) and look.amounts.median >= 50


def tells_distance(look: Look) -> bool:
    """Say whether most cells carry a unit of distance."""
    return _has_affix(look.amounts, unit_words("mileage")) and look.amounts.median >= 500
