"""Deals: pictures of listings that are cheap for what they are, and of one listing among its like."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.frame import BLUE, EDGE, GREY, SKY, VERMILION, layered, money_axis, night_axis
from dashboard.words import Words

_REACH = (-0.7, 0.8)  # of an interval that is drawn, as a share of the estimate: wider ones are cut


def draw_deals(deals: pd.DataFrame, words: Words) -> Any:
    """Draw each price on its interval, all by their own estimate; `deals` has car, told, price, estimate, low, high."""
    shares = {name: (deals[name] / deals["estimate"] - 1).clip(*_REACH) for name in ("low", "high", "price")}
    frame = deals.assign(**{f"{name}_share": share for name, share in shares.items()}, place=range(len(deals)), zero=0.0)
    left = min(frame["low_share"].min(), frame["price_share"].min()) - 0.03
    right = max(frame["high_share"].max(), frame["price_share"].max()) + 0.03
    scale = alt.Scale(zero=False, nice=False)  # from left to right, which are drawn too
    frame = frame.assign(left=left, right=right, asked=frame["price"].map(words.money), worth=frame["estimate"].map(words.money))
    x_axis = alt.Axis(title=None, format="+.0%", grid=False, tickCount=5)
    base = alt.Chart().encode(
        y=alt.Y("place:O", axis=None),
        tooltip=[
            alt.Tooltip("car:N", title=words.say("Car")),
            alt.Tooltip("asked:N", title=words.column("price")),
            alt.Tooltip("worth:N", title=words.say("Estimate")),
        ],
    )
    bar = base.mark_bar(height=10, color=SKY, opacity=0.45, cornerRadius=3, yOffset=8).encode(
        x=alt.X("low_share:Q", scale=scale, axis=x_axis), x2=alt.X2("high_share:Q")
    )
    line = base.mark_tick(thickness=5, size=18, color=BLUE, stroke=EDGE, strokeWidth=1, yOffset=8).encode(
        x=alt.X("zero:Q", scale=scale)
    )
    dot = base.mark_point(filled=True, size=110, color=VERMILION, shape="diamond", opacity=1, yOffset=8).encode(
        x=alt.X("price_share:Q", scale=scale)
    )
    names = base.mark_text(align="left", dy=-9, color=GREY, limit=240, fontWeight=600).encode(
        x=alt.X("left:Q", scale=scale), text=alt.Text("car:N")
    )
    told = base.mark_text(align="right", dy=-9, color=GREY).encode(x=alt.X("right:Q", scale=scale), text=alt.Text("told:N"))
    return layered(bar, line, dot, names, told, data=frame, height=alt.Step(42), words=words)


def draw_like(others: pd.DataFrame, this: dict[str, float], column: str, words: Words) -> Any:
    """Draw the prices of cars of one make and model over their year or mileage, and this car among them with its interval."""
    is_year = column == "year"
    told = others.assign(asked=others["price"].map(words.money), at=[words.value(column, value) for value in others[column]])
    x = alt.X(
        f"{column}:Q",
        title=words.column(column),
        scale=alt.Scale(zero=False),
        axis=alt.Axis(format="d" if is_year else ",.0f", tickMinStep=1, tickCount=6),
    )
    y = alt.Y("price:Q", scale=alt.Scale(zero=False), axis=money_axis(words))
    tips = [alt.Tooltip("at:N", title=words.column(column)), alt.Tooltip("asked:N", title=words.column("price"))]
    layers = [alt.Chart(told).mark_circle(size=45, color=GREY, opacity=0.55).encode(x=x, y=y, tooltip=tips)]
    here = alt.Chart(pd.DataFrame([this]))
    if "estimate" in this:
        layers.append(here.mark_rule(color=SKY, strokeWidth=7, opacity=0.5).encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q")))
        layers.append(
            here.mark_tick(color=BLUE, thickness=6, size=20, stroke=EDGE, strokeWidth=1).encode(x=x, y=alt.Y("estimate:Q"))
        )
    layers.append(here.mark_point(filled=True, size=170, color=VERMILION, shape="diamond", opacity=1).encode(x=x, y=y))
    return layered(*layers, height=260, words=words)


def draw_price_changes(steps: pd.DataFrame, words: Words) -> Any:
    """Draw a listing's price over the nights; `steps` has on (a date) and price, the last of them the newest night."""
    told = steps.assign(asked=steps["price"].map(words.money), night=[words.date(f"{on:%Y-%m-%d}") for on in steps["on"]])
    base = alt.Chart().encode(
        x=alt.X("on:T", axis=night_axis(told["on"])),
        y=alt.Y("price:Q", scale=alt.Scale(zero=False), axis=money_axis(words)),
        tooltip=[alt.Tooltip("night:N", title=words.say("Night")), alt.Tooltip("asked:N", title=words.column("price"))],
    )
    line = base.mark_line(interpolate="step-after", color=BLUE, strokeWidth=2.5)
    dots = base.mark_point(filled=True, size=60, color=BLUE, opacity=1)
    return layered(line, dots, data=told, height=260, words=words)
