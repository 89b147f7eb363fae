"""Words: every text, number, sum of money and date on the screen, in the reader's language and by the customs of the market."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError, dates, numbers
from babel.messages.pofile import read_po

from dashboard.retold import RETOLD, find_pattern, mark

__all__ = ["COLUMNS", "LANGUAGES", "RATINGS", "STATUSES", "UNKNOWN", "Words", "guess_language", "mark"]

LANGUAGES = {"en": "English", "fr": "Français"}
UNKNOWN = "–"
_LOCALES = Path(__file__).parent / "locale"


COLUMNS = {
    "price": mark("Price"),
    "make": mark("Make"),
    "model": mark("Model"),
    "trim": mark("Trim"),
    "year": mark("Year"),
    "mileage_km": mark("Mileage"),
    "mileage_low_km": mark("Mileage from"),
    "mileage_high_km": mark("Mileage to"),
    "fuel": mark("Fuel"),
    "gearbox": mark("Gearbox"),
    "drive": mark("Drive"),
    "body": mark("Body"),
    "color": mark("Color"),
    "condition": mark("Condition"),
    "origin": mark("Origin"),
    "city": mark("City"),
    "district": mark("District"),
    "engine_l": mark("Engine"),
    "power_hp": mark("Power"),
    "fiscal_power_cv": mark("Fiscal power"),
    "cylinders": mark("Cylinders"),
    "doors": mark("Doors"),
    "seats": mark("Seats"),
    "first_owner": mark("First owner"),
    "advert_id": mark("Advert"),
    "vin": mark("Chassis number"),
    "posted_on": mark("Posted on"),
}
_UNITS = {
    "mileage_km": mark("{number} km"),
    "mileage_low_km": mark("{number} km"),
    "mileage_high_km": mark("{number} km"),
    "engine_l": mark("{number} l"),
    "power_hp": mark("{number} hp"),
    "fiscal_power_cv": mark("{number} CV"),
}
RATINGS = {
    "great price": mark("great price"),
    "good price": mark("good price"),
    "fair price": mark("fair price"),
    "high price": mark("high price"),
    "very high price": mark("very high price"),
    "not enough like it": mark("not enough like it"),
}
STATUSES = {
    "priced": mark("priced"),
    "extrapolated": mark("extrapolated"),
    "refused": mark("refused"),
    "unreadable": mark("unreadable"),
}
# Words of the markets that have a translation; others are shown as they are.
_VALUES = {
    word: word
    for word in (
        mark("petrol"),
        mark("diesel"),
        mark("hybrid"),
        mark("plug-in hybrid"),
        mark("electric"),
        mark("gas"),
        mark("hydrogen"),
        mark("manual"),
        mark("automatic"),
        mark("semi-automatic"),
        mark("front-wheel"),
        mark("rear-wheel"),
        mark("all-wheel"),
        mark("four-wheel"),
        mark("new"),
        mark("like new"),
        mark("excellent"),
        mark("very good"),
        mark("good"),
        mark("used"),
        mark("fair"),
        mark("damaged"),
        mark("salvage"),
        mark("for parts"),
        mark("other"),
    )
}


_REMEMBERED = 10_000  # texts and numbers, which a redraw says again


@dataclass(frozen=True)
class Words:
    """One reader's language and one market's customs; `currency` is "" where no market is meant."""

    language: str = "en"
    currency: str = ""

    @property
    def locale(self) -> Locale:
        """The customs of the language in the currency's country, or those of the language."""
        return _find_locale(self.language, self.currency[:2])

    def say(self, text: str, **values: Any) -> str:
        """Return a text in the reader's language with values in its places; an unknown text stays English."""
        told = _read_catalog(self.language).get(text, (text,))[0]
        return told.format(**values) if values else told

    def say_many(self, one: str, many: str, n: int, **values: Any) -> str:
        """Return the form that goes with `n`, which stands in its place `{n}`."""
        forms = _read_catalog(self.language).get(one, (one, many))
        form = forms[0 if self.locale.plural_form(n) == "one" or len(forms) == 1 else -1]
        return form.format(n=self.number(n), **values)

    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019  # there are few Words, and so many results are kept and no more
    def retell(self, text: str) -> str:
        """Return what the pipeline wrote in English, a sentence or several joined by "; ", in the reader's language and customs.

        What is not known stays as it is.
        """
        if not text:
            return text
        whole = self._retell(text)
        if whole is not None:
            return whole
        parts = text.split("; ")
        for n in range(len(parts) - 1, 0, -1):
            begun = self._retell("; ".join(parts[:n]))
            if begun is not None or n == 1:
                return f"{begun or parts[0]}; {self.retell('; '.join(parts[n:]))}"
        return text

    def retell_list(self, text: str) -> str:
        """Return things that the pipeline listed with commas between, each in the reader's language."""
        return ", ".join(self.retell(part) for part in text.split(", "))

    def _retell(self, text: str) -> str | None:
        for template in RETOLD:
            if found := find_pattern(template).fullmatch(text):
                values = {name: self._retell_value(value) for name, value in found.groupdict().items()}
                return self.say(template, **values)
        return None

    def _retell_value(self, text: str) -> str:
        names = text.split(", ")
        if any(name in COLUMNS for name in names) and all(map(str.isidentifier, names)):
            return ", ".join(self.column(name).lower() for name in names)
        if found := re.fullmatch(r"([+-]?)(\d{1,3}(?:,\d{3})*)(\.\d+)?(%| [A-Z]{3}| km| hp| l| CV)?", text):
            sign, whole, rest, unit = found.groups(default="")
            number = self.number(float(whole.replace(",", "") + rest), max(len(rest) - 1, 0)) if "," in whole or rest else whole
            return sign + number + (_percent(self.locale) if unit == "%" else unit)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return self.date(text)
        known = self._retell(text)
        return known if known is not None else self.say(text)

    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019  # there are few Words, and so many results are kept and no more
    def number(self, value: Any, digits: int = 0) -> str:
        """Return a number with so many digits behind the mark."""
        return _shown(value, lambda known: str(numbers.format_decimal(round(known, digits), _pattern(digits), self.locale)))

    def money(self, value: Any) -> str:
        """Return whole units of the market's money."""
        return _shown(value, lambda known: _format_money(round(known), self.currency, self.locale))

    def change(self, value: Any) -> str:
        """Return a sum of money with its sign."""
        return _shown(value, lambda known: f"{'+' if known >= 0 else '−'}{self.money(abs(known))}")

    def share(self, value: Any, digits: int = 0) -> str:
        """Return a share (0–1) as percent."""
        return _shown(
            value, lambda known: str(numbers.format_percent(known, _pattern(digits) + _percent(self.locale), self.locale))
        )

    def signed_share(self, value: Any, digits: int = 0) -> str:
        """Return a share as percent with its sign."""
        return _shown(value, lambda known: f"{'+' if known >= 0 else '−'}{self.share(abs(known), digits)}")

    def date(self, night: str) -> str:
        """Return an ISO date for a person; "" is an unknown one."""
        return str(dates.format_date(date.fromisoformat(night[:10]), "medium", self.locale)) if night else UNKNOWN

    def moment(self, at: str) -> str:
        """Return an ISO time, which is UTC, in the time of this machine."""
        return (
            str(dates.format_datetime(datetime.fromisoformat(at).astimezone(), "medium", locale=self.locale, tzinfo=None))
            if at
            else UNKNOWN
        )

    def seconds(self, seconds: float | None) -> str:
        """Return how long something takes."""
        if seconds is None:
            return UNKNOWN
        if seconds < 60:
            return self.say("{number} s", number=self.number(seconds, 0 if seconds >= 10 else 1))
        minutes, rest = divmod(round(seconds), 60)
        return self.say("{minutes} min {seconds} s", minutes=self.number(minutes), seconds=rest)

    def days(self, n: int) -> str:
        """Return a number of days."""
        return self.say_many("{n} day", "{n} days", n)

    def column(self, name: str) -> str:
        """Return the name of a canonical column; a market's own column gives up its underscores."""
        known = COLUMNS.get(name)
        return self.say(known) if known else name.removeprefix("has_").replace("_", " ").capitalize()

    def value(self, column: str, value: Any) -> str:
        """Return a value of a column with its unit."""
        if value is None or value != value:  # noqa: PLR0124  # NaN
            return UNKNOWN
        if isinstance(value, bool):
            return self.say("yes") if value else self.say("no")
        if isinstance(value, str):
            return self.say(value) if value in _VALUES else value
        if column == "year":
            return str(round(value))
        if column == "price":
            return self.money(value)
        number = self.number(value, 1 if column == "engine_l" else 0)
        return self.say(_UNITS[column], number=number) if column in _UNITS else number

    def rating(self, rating: str) -> str:
        """Return a rating's name."""
        return self.say(RATINGS.get(rating, rating))

    def status(self, status: str) -> str:
        """Return a status's name."""
        return self.say(STATUSES.get(status, status))

    def pair(self, name: str, value: str) -> str:
        """Return what something is called, and what it is."""
        return self.say("{name}: {value}", name=name, value=value)

    def listed(self, texts: Iterable[str]) -> str:
        """Return texts with commas between."""
        return ", ".join(texts)


def guess_language(accepted: str | None) -> str:
    """Return the language of ours that a browser's locale means, English where it means none."""
    return next((language for language in LANGUAGES if (accepted or "").lower().startswith(language)), "en")


@cache
def _read_catalog(language: str) -> dict[str, tuple[str, ...]]:
    """Return the translations into a language by their English text."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(_LOCALES.glob(f"{language}*.po")):
        with path.open("rb") as stream:
            for message in read_po(stream, language):
                if message.id and message.string:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    found[key] = (message.string,) if isinstance(message.string, str) else tuple(message.string)
    return found


@cache
def _find_locale(language: str, country: str) -> Locale:
    if country:
        try:
            return Locale(language, country)
        except UnknownLocaleError:
            pass
    return Locale(language)


def _shown(value: Any, show: Any) -> str:
    if value is None:
        return UNKNOWN
    known = float(value)
    return str(show(known)) if math.isfinite(known) else UNKNOWN


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "0" * digits if digits else "")


@cache
def _percent(locale: Locale) -> str:
    """Return how the locale writes the percent mark: with a blank before it, or without."""
    return str(locale.percent_formats[None].pattern).rpartition("0")[2]


def _format_money(value: int, currency: str, locale: Locale) -> str:
    if not currency:
        return str(numbers.format_decimal(value, "#,##0", locale))
    pattern = re.sub(r"\.0+", "", locale.currency_formats["standard"].pattern)
    told = str(numbers.format_currency(value, currency, pattern, locale, currency_digits=False))
    return re.sub(r"(?<=[A-Z])(?=\d)", "\u00a0", told)  # a code is no symbol: MAD 172,346
