"""Frame: what all charts have in common: colours that people with any colour vision tell apart, axes, the reader's numbers and dates."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import pandas as pd
from babel import Locale

from dashboard.words import Words

# Okabe and Ito, 2008: seen apart by the colour-blind, and on white as on near black.
BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A8A8A"
EDGE = "#FFFFFF"  # of a mark that lies on a band of its own hue: by it the two are told apart, on white as on near black
# Cheap is blue and dear is orange: red and green say nothing to one man in twelve.
RATING_COLORS = {
    "great price": "#0072B2",
    "good price": "#56B4E9",
    "fair price": "#A8A8A8",
    "high price": "#E69F00",
    "very high price": "#D55E00",
    "not enough like it": "#6E6E6E",
}
BAND = 0.22  # how much of a band's colour shows
_TICKS = 6  # of an axis of nights: as many dates as a phone has room for


def money_axis(words: Words, title: str = "") -> alt.Axis:
    """Return an axis of money."""
    return alt.Axis(title=title or words.currency, format="~s" if words.currency in ("", "JPY") else ",.0f", labelLimit=120)


def night_axis(nights: pd.Series) -> alt.Axis:
    """Return an axis of nights (dates): of few each has its tick, since between them ticks would repeat a day."""
    known = nights.dropna().drop_duplicates().sort_values()
    ticks = (
        {"values": [alt.DateTime(year=night.year, month=night.month, date=night.day) for night in known]}
        if len(known) <= _TICKS
        else {"tickCount": _TICKS}
    )
    return alt.Axis(title=None, format="%-d %b", labelOverlap=True, **ticks)


def localize(chart: Any, words: Words) -> Any:
    """Return a chart whose axes and tooltips write numbers and dates as the reader's language does."""
    return chart.configure(locale=_locale(words))


def layered(*layers: Any, height: Any, words: Words, data: Any = alt.Undefined) -> Any:
    """Return charts over each other, localized; of layers that share `data` none has its own.

    All is said at once: each of Altair's methods copies the whole chart, and it names layers that share data by a digest of them.
    """
    return alt.layer(*layers, data=data, height=height, config=alt.Config(locale=_locale(words)))


def list_records(data: Any) -> Any:
    """Return a picture's data as Vega-Lite takes them: Altair looks at each column again and again, which is a quarter of a redraw."""
    if not isinstance(data, pd.DataFrame):
        return alt.default_data_transformer(data)
    return {"values": json.loads(data.to_json(orient="records", date_format="iso", double_precision=15))}


alt.data_transformers.register("records", list_records)
alt.data_transformers.enable("records")


def _locale(words: Words) -> alt.Locale:
    return alt.Locale(number=alt.NumberLocale(**_number_locale(words.locale)), time=alt.TimeLocale(**_time_locale(words.locale)))


def _number_locale(locale: Locale) -> dict[str, Any]:
    symbols = locale.number_symbols["latn"]
    return {
        "decimal": symbols["decimal"],
        "thousands": symbols["group"],
        "grouping": [3],
        "currency": ["", ""],
        "percent": "\u00a0%" if locale.language == "fr" else "%",
    }


def _time_locale(locale: Locale) -> dict[str, Any]:
    days, months = locale.days["format"], locale.months["format"]
    return {
        "dateTime": "%x %X",
        "date": "%d/%m/%Y",
        "time": "%H:%M:%S",
        "periods": ["AM", "PM"],
        "days": [days["wide"][(day + 6) % 7] for day in range(7)],
        "shortDays": [days["abbreviated"][(day + 6) % 7] for day in range(7)],
        "months": [months["wide"][month] for month in range(1, 13)],
        "shortMonths": [months["abbreviated"][month] for month in range(1, 13)],
    }
