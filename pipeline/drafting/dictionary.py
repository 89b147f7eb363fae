"""What headers and cells are called in many languages, as the TOML files beside this one say."""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.stages.parse import clean_text

_CAMEL = re.compile(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Þ])")
_NO_LETTERS = re.compile(r"[^\w]+|_+")
# Units that stand in headers and say nothing of what is measured: "Kilometerstand (km)".
_UNITS = frozenset(
    re.findall(r"\w+", "km kms mi miles kw ps hp ch cc ccm cm3 l eur usd gbp mad cad inr pln try rub tl dh zl in en w h")
)
_LIKENESS = 0.86  # how like two names must be (difflib's ratio) for one to be the other's misspelling


def fold(text: str) -> str:
    """Return a text without accents, letter case, punctuation and the humps of a camel.

    >>> fold("Boîte de  vitesses"), fold("fuelType"), fold("YILI"), fold("Erstzulassung_(MM/JJJJ)")
    ('boite de vitesses', 'fuel type', 'yili', 'erstzulassung mm jjjj')
    """
    spaced = _CAMEL.sub(" ", clean_text(text)).replace("ı", "i").replace("İ", "i").replace("ł", "l").replace("Ł", "l")
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", spaced.casefold()) if not unicodedata.combining(letter))
    return " ".join(_NO_LETTERS.sub(" ", bare).split())


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def header_names() -> dict[str, dict[str, str]]:
    """Return for each canonical column, and "other", the folded names with their languages."""
    return {
        column: {fold(name): language for language, names in reversed(languages.items()) for name in names}
        for column, languages in _read("headers").items()
    }


def header_score(header: str, column: str) -> float:
    """Say how well a header names a column: 1 its very name, less where it only holds it or resembles it, 0 where it does not.

    >>> header_score("Prix", "price"), header_score("Kilometerstand (km)", "mileage_km"), header_score("colour", "price")
    (1.0, 1.0, 0.0)
    """
    folded, names = fold(header), header_names()[column]
    if not folded:
        return 0.0
    tokens = folded.split()
    bare = [token for token in tokens if token not in _UNITS]
    if folded in names or " ".join(bare) in names:
        return 1.0
    held = [len(name.split()) for name in names if set(name.split()) <= set(tokens) and (set(name.split()) - _UNITS)]
    if held:
        return float(0.9 * (min(max(held) / max(len(bare), 1), 1.0)) ** 0.5)
    return 0.75 if len(folded) >= 4 and difflib.get_close_matches(folded, names, n=1, cutoff=_LIKENESS) else 0.0


def language_of(headers: list[str]) -> str:
    """Return the language that most headers are in, or ""."""
    votes: dict[str, int] = {}
    for header in headers:
        folded = fold(header)
        for column, languages in _read("headers").items():
            if folded in header_names()[column]:
                for language, names in languages.items():
                    votes[language] = votes.get(language, 0) + any(folded == fold(name) for name in names)
    return max(votes, key=lambda language: votes[language], default="")


@cache
def vocabulary(column: str) -> dict[str, Any]:
    """Return the folded spellings of a column's words and what they mean."""
    if column == "make":
        makes = _read("makes")
        spelt = {fold(name): name for name in makes["names"]}
        return spelt | {fold(word): name for name, words in makes["spellings"].items() for word in words}
    meanings = {fold(word): name for name, words in _read("words").get(column, {}).items() for word in words}
    if column == "boolean":
        return {word: meaning == "true" for word, meaning in meanings.items()}
    return meanings


@cache
def missing_marks() -> frozenset[str]:
    """Return the words for "not given", small letters."""
    return frozenset(clean_text(word).casefold() for word in _read("words")["missing"]["anywhere"])


@cache
def currencies() -> dict[str, str]:
    """Return the marks of money, small letters, and the currency of each."""
    return {mark.casefold(): currency for currency, marks in _read("words")["currency"].items() for mark in marks}


def currency_of(language: str) -> str:
    """Return the currency that a language makes likely, or ""."""
    return str(_read("words")["currency_of"].get(language, ""))


@cache
def unit_words(kind: str) -> dict[str, str | float]:
    """Return the words beside numbers of a kind (mileage, power, engine, factor), small letters, and what each means."""
    table = _read("words")["units"][kind]
    return {word.casefold(): (float(name) if kind == "factor" else name) for name, words in table.items() for word in words}
