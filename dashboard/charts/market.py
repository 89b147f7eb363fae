"""Market: pictures of price levels, of how many cars are for sale, and of how long they stay."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.frame import BAND, BLUE, GREY, SKY, layered, localize, money_axis, night_axis
from dashboard.words import Words


def draw_levels(levels: pd.DataFrame, words: Words) -> Any:
    """Draw the middle half of the prices of each name as a bar, the median as a line on it."""
    frame = levels.assign(
        told=[words.money(value) for value in levels["median"]],
        half=[f"{words.money(low)} – {words.money(high)}" for low, high in zip(levels["low"], levels["high"], strict=True)],
        count=[words.number(n) for n in levels["n"]],
    )
    base = alt.Chart().encode(
        y=alt.Y("name:N", sort=list(frame["name"]), axis=alt.Axis(title=None, labelLimit=130, ticks=False, domain=False)),
        tooltip=[
            alt.Tooltip("name:N", title=words.say("Car")),
            alt.Tooltip("told:N", title=words.say("Median price")),
            alt.Tooltip("half:N", title=words.say("Middle half")),
            alt.Tooltip("count:N", title=words.say("For sale")),
        ],
    )
    axis = alt.Axis(title=words.currency, format=",.0f", tickCount=5, labelOverlap=True)
    bars = base.mark_bar(height=12, color=SKY, opacity=0.45, cornerRadius=3).encode(
        x=alt.X("low:Q", axis=axis, scale=alt.Scale(zero=True)), x2=alt.X2("high:Q")
    )
    lines = base.mark_tick(thickness=3, size=18, color=BLUE).encode(x=alt.X("median:Q"))
    return layered(bars, lines, data=frame, height=alt.Step(24), words=words)


def draw_volume(nights: pd.DataFrame, words: Words) -> Any:
    """Draw how many cars were for sale on each night; `nights` has night and n."""
    frame = nights.assign(on=pd.to_datetime(nights["night"]), told=[words.date(night) for night in nights["night"]])
    area = (
        alt.Chart(frame)
        .mark_area(color=SKY, opacity=0.45, line={"color": BLUE, "strokeWidth": 2})
        .encode(
            x=alt.X("on:T", axis=night_axis(frame["on"])),
            y=alt.Y("n:Q", axis=alt.Axis(title=words.say("For sale"), format=",.0f", tickMinStep=1)),
            tooltip=[
                alt.Tooltip("told:N", title=words.say("Night")),
                alt.Tooltip("n:Q", title=words.say("For sale"), format=",.0f"),
            ],
        )
    )
    return localize(area.properties(height=200), words)


def draw_prices(nights: pd.DataFrame, words: Words) -> Any:
    """Draw the median price of each night and the band of the middle half; `nights` has night, low, median and high."""
    frame = nights.assign(
        on=pd.to_datetime(nights["night"]),
        told=[words.date(night) for night in nights["night"]],
        asked=[words.money(value) for value in nights["median"]],
    )
    base = alt.Chart().encode(x=alt.X("on:T", axis=night_axis(frame["on"])))
    scale = alt.Scale(zero=False)
    band = base.mark_area(color=SKY, opacity=BAND).encode(
        y=alt.Y("low:Q", scale=scale, axis=money_axis(words)), y2=alt.Y2("high:Q")
    )
    line = base.mark_line(color=BLUE, strokeWidth=2.5, point=len(frame) < 15).encode(
        y=alt.Y("median:Q", scale=scale),
        tooltip=[alt.Tooltip("told:N", title=words.say("Night")), alt.Tooltip("asked:N", title=words.say("Median price"))],
    )
    return layered(band, line, data=frame, height=260, words=words)


def draw_survival(chosen: pd.DataFrame, whole: pd.DataFrame | None, words: Words) -> Any:
    """Draw the share of cars still for sale after so many days, and that of the whole market in grey behind it."""
    x = alt.X("day:Q", title=words.say("Days for sale"), axis=alt.Axis(format=",.0f", tickMinStep=1))
    y = alt.Y(
        "share:Q", title=words.say("Still for sale"), scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%", tickCount=5)
    )
    tips = [
        alt.Tooltip("day:Q", title=words.say("Days for sale")),
        alt.Tooltip("share:Q", title=words.say("Still for sale"), format=".0%"),
    ]
    half = alt.Chart(pd.DataFrame([{"share": 0.5}])).mark_rule(color=GREY, strokeDash=[4, 4]).encode(y=y)
    layers: list[Any] = [half]
    if whole is not None:
        layers.append(
            alt.Chart(whole).mark_line(interpolate="step-after", color=GREY, opacity=0.7, strokeWidth=1.5).encode(x=x, y=y)
        )
    layers.append(
        alt.Chart(chosen).mark_line(interpolate="step-after", color=BLUE, strokeWidth=2.5).encode(x=x, y=y, tooltip=tips)
    )
    return layered(*layers, height=300, words=words)
