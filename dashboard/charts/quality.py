"""Quality: pictures of what was rejected or lost, and of how far a night lies from those before it."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.frame import BLUE, GREEN, GREY, ORANGE, PINK, SKY, VERMILION, layered, localize, night_axis
from dashboard.words import Words

_STEP, _BAR = 24, 14
_REASONS = [BLUE, ORANGE, SKY, PINK, GREEN]  # the last in order is grey: all others


def draw_rejections(shares: pd.DataFrame, reasons: list[str], title: str, words: Words) -> Any:
    """Draw the share of a delivery's rows that each reason rejects, by night; `shares`: x (a date or a name), reason, share, n, told."""
    is_dated = pd.api.types.is_datetime64_any_dtype(shares["x"])
    x = (
        alt.X("yearmonthdate(x):O", title=None, axis=alt.Axis(format="%-d %b", labelOverlap=True, labelAngle=0))
        if is_dated
        else alt.X("x:N", title=None, sort=None, axis=alt.Axis(labelLimit=90, labelOverlap=True))
    )
    bars = (
        alt.Chart(shares)
        .mark_bar()
        .encode(
            x=x,
            y=alt.Y("share:Q", title=title, axis=alt.Axis(format="%", tickCount=5)),
            color=alt.Color(
                "reason:N",
                scale=alt.Scale(domain=reasons, range=[*_REASONS[: len(reasons) - 1], GREY]),
                legend=alt.Legend(title=None, orient="bottom", columns=2, labelLimit=150),
            ),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("delivery:N", title=words.say("Delivery")),
                alt.Tooltip("reason:N", title=words.say("Why")),
                alt.Tooltip("told:N", title=words.say("Rows")),
            ],
        )
    )
    return localize(bars.properties(height=300), words)


def draw_counts(counts: pd.DataFrame, title: str, words: Words) -> Any:
    """Draw a count per line, as bars with their number; `counts`: label, n, told."""
    reach = float(counts["n"].max()) * 1.25 or 1
    base = alt.Chart().encode(y=_rows(counts))
    x = alt.X("n:Q", title=title, axis=alt.Axis(format=",.0f", tickCount=4, tickMinStep=1), scale=alt.Scale(domain=[0, reach]))
    bars = base.mark_bar(height=_BAR, color=BLUE).encode(x=x)
    labels = base.mark_text(align="left", dx=5, color=GREY).encode(x=alt.X("n:Q"), text=alt.Text("told:N"))
    return layered(bars, labels, data=counts, height=alt.Step(_STEP), words=words)


def draw_drift(columns: pd.DataFrame, kinds: tuple[str, str, str], title: str, words: Words) -> Any:
    """Draw how far each column moved as a bar and its noise floor as a line; `kinds` name within, beyond and not told.

    `columns`: label, psi, noise_floor, kind, told. The axis is the index's root, which grows as a distance does.
    """
    shown = {kind: color for kind, color in zip(kinds, (SKY, VERMILION, GREY), strict=True) if kind in set(columns["kind"])}
    x = alt.X("psi:Q", title=title, scale=alt.Scale(type="sqrt", domainMin=0), axis=alt.Axis(format="~g", tickCount=5))
    base = alt.Chart().encode(y=_rows(columns))
    told = [alt.Tooltip("label:N", title=" "), alt.Tooltip("told:N", title=title), alt.Tooltip("kind:N", title=" ")]
    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(shown), range=list(shown.values())),
        legend=alt.Legend(title=None, orient="top", labelLimit=260),
    )
    bars = base.mark_bar(height=_BAR).encode(x=x, color=color, tooltip=told)
    floors = base.mark_tick(thickness=3, size=22, color=ORANGE).encode(x=alt.X("noise_floor:Q"), tooltip=told)
    marks = base.transform_filter(alt.datum.kind == kinds[1]).mark_text(text="▲", dx=10, color=VERMILION).encode(x=alt.X("psi:Q"))
    return layered(bars, floors, marks, data=columns, height=alt.Step(_STEP), words=words)


def draw_past(nights: pd.DataFrame, names: tuple[str, str], title: str, words: Words) -> Any:
    """Draw one column's distance and its floor by night, with a mark where it lies beyond; `nights`: night, name, value, told, is_finding."""
    x = alt.X("night:T", axis=night_axis(nights["night"]))
    y = alt.Y("value:Q", title=title, axis=alt.Axis(format="~g", tickCount=5), scale=alt.Scale(domainMin=0))
    color = alt.Color(
        "name:N", scale=alt.Scale(domain=list(names), range=[BLUE, ORANGE]), legend=alt.Legend(title=None, orient="top")
    )
    dash = alt.StrokeDash("name:N", scale=alt.Scale(domain=list(names), range=[[1, 0], [5, 3]]), legend=None)
    told = [alt.Tooltip("date:N", title=words.say("Night")), alt.Tooltip("name:N", title=" "), alt.Tooltip("told:N", title=title)]
    base = alt.Chart().encode(x=x, y=y)
    lines = base.mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=2).encode(color=color, strokeDash=dash, tooltip=told)
    marks = base.transform_filter("datum.is_finding").mark_point(shape="triangle-up", size=130, filled=True, color=VERMILION)
    return layered(lines, marks.encode(tooltip=told), data=nights, height=240, words=words)


def draw_findings(nights: pd.DataFrame, title: str, words: Words) -> Any:
    """Draw how many findings each night has; `nights`: night, date, n."""
    bars = (
        alt.Chart(nights)
        .mark_bar(color=VERMILION)
        .encode(
            x=alt.X("yearmonthdate(night):O", title=None, axis=alt.Axis(format="%-d %b", labelOverlap=True, labelAngle=0)),
            y=alt.Y(
                "n:Q",
                title=title,
                axis=alt.Axis(format="d", tickMinStep=1),
                scale=alt.Scale(domain=[0, max(3, int(nights["n"].max()))]),
            ),
            tooltip=[alt.Tooltip("date:N", title=words.say("Night")), alt.Tooltip("n:Q", title=title)],
        )
    )
    return localize(bars.properties(height=160), words)


def _rows(frame: pd.DataFrame) -> alt.Y:
    return alt.Y("label:N", sort=list(frame["label"]), axis=alt.Axis(title=None, labelLimit=220, labelOverlap=False))
