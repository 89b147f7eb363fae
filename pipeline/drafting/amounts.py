"""Amounts: what a column of numbers looks like, with the words and marks that its cells carry."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.drafting.dictionary import unit_words
from pipeline.stages import parse

_BODY = r"[+-]?[0-9]+(?:[.,'’\s\u00a0\u202f\u2009\u066b\u066c]?[0-9]+)*"
_ONE = re.compile(rf"(?P<before>[^0-9]*?)(?P<body>{_BODY})(?:[.,]{parse.NO_CENTS})?(?P<after>[^0-9]*|.*[^\W\d_][0-9³])")
_TWO = re.compile(rf"[^0-9]*(?P<low>{_BODY})\D{{0,6}}?\s*[-–—]\s*\D{{0,6}}?(?P<high>{_BODY})\D*")
_GROUPS = {
    ",": re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?|[0-9]+,[0-9]{1,2}"),
    ".": re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{2,3})+(?:\.[0-9]+)?|[0-9]+\.[0-9]{1,2}"),
}
_ONE_GROUP = re.compile(r"[0-9]{1,3}[.,][0-9]{3}")
_LONGEST_AFFIX = 24


@dataclass(frozen=True)
class Amounts:
    """The numbers of a column: each with how many cells hold it; shares are of the cells that are given (0–1)."""

    numbers: np.ndarray
    counts: np.ndarray
    share: float  # of cells that are a number, with words beside it at most
    share_of_ranges: float
    mark: str
    affixes: Counter[str]  # words that stand beside numbers, small letters, and in how many cells
    others: Counter[str]  # cells that are none

    def quantile(self, share: float) -> float:
        """Return the number below which that share of the cells lies; nan where there are none."""
        if not len(self.numbers):
            return float("nan")
        order = np.argsort(self.numbers)
        reached = np.cumsum(self.counts[order])
        return float(self.numbers[order][np.searchsorted(reached, share * reached[-1])])

    def above(self, bound: float) -> Amounts:
        """Return the same with the numbers above a bound alone, where there are any."""
        is_above = self.numbers > bound
        return dataclasses.replace(self, numbers=self.numbers[is_above], counts=self.counts[is_above]) if is_above.any() else self

    @property
    def median(self) -> float:
        """The number in the middle."""
        return self.quantile(0.5)


def look_at_amounts(words: Mapping[str, int], *, counted: bool = True) -> Amounts:
    """Look at a column's distinct cells and how often each stands there.

    `counted` says that it holds whole things, kilometres or money: a mark before exactly three digits groups them.
    """
    bodies: Counter[tuple[str, float]] = Counter()  # with what a word beside them multiplies them by
    affixes: Counter[str] = Counter()
    others: Counter[str] = Counter()
    n_ranges = 0
    for word, count in words.items():
        text = parse.usual_digits(parse.clean_text(word))
        single, pair = _ONE.fullmatch(text), _TWO.fullmatch(text)
        if single and all(len(single[part]) <= _LONGEST_AFFIX for part in ("before", "after")):
            beside = [tidy for part in ("before", "after") if (tidy := single[part].strip(" :()").casefold())]
            bodies[single["body"], _factor_of(beside) if counted else 1.0] += count
            affixes.update(dict.fromkeys(beside, count))
        elif pair:
            n_ranges += count
            bodies[pair["low"], 1.0] += count
        else:
            others[word] += count
    total = sum(words.values()) or 1
    mark = _choose_mark({body: count for (body, _), count in bodies.items()}, counted=counted)
    read = {key: parse.parse_number(key[0], mark) for key in bodies}
    known = [(number * key[1], bodies[key]) for key, number in read.items() if number is not None]
    numbers, counts = np.array([pair[0] for pair in known], dtype=float), np.array([pair[1] for pair in known], dtype=float)
    share = (float(counts.sum()) - n_ranges) / total if len(counts) else 0.0
    return Amounts(numbers, counts, share, n_ranges / total, mark, affixes, others)


def _factor_of(affixes: Sequence[str]) -> float:
    words = {word.strip(".") for affix in affixes for word in affix.split()} - {"l"}
    return math.prod(float(unit_words("factor")[word]) for word in words if word in unit_words("factor"))


def _choose_mark(bodies: Mapping[str, int], *, counted: bool) -> str:
    votes: Counter[str] = Counter()
    for body, count in bodies.items():
        if _ONE_GROUP.fullmatch(body):
            is_comma = "," in body
            votes["." if is_comma == counted else ","] += count
            continue
        for mark, pattern in _GROUPS.items():
            if pattern.fullmatch(body):
                votes[mark] += count
    return "," if votes[","] > votes["."] else "."
