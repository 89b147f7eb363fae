"""Prices: pictures of one car's price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.frame import BAND, BLUE, EDGE, GREY, ORANGE, SKY, VERMILION, layered, money_axis
from dashboard.words import Words


def draw_interval(low: float, estimate: float, high: float, words: Words, price: float | None = None) -> Any:
    """Draw an interval as a bar, the estimate as a line on it, and a price asked as a dot."""
    ends = pd.DataFrame([{"low": low, "high": high, "estimate": estimate, "price": price}])
    scale = alt.Scale(zero=False, nice=False, padding=24)
    # A blank title makes room below the numbers: without, the comma of 30,000 was cut to a point.
    axis = alt.Axis(title=" ", titleFontSize=5, titlePadding=0, format=",.0f", tickCount=5, grid=False)
    base = alt.Chart()
    bar = base.mark_bar(height=22, color=SKY, opacity=0.45, cornerRadius=4).encode(
        x=alt.X("low:Q", scale=scale, axis=axis), x2=alt.X2("high:Q")
    )
    line = base.mark_tick(thickness=6, size=34, color=BLUE, stroke=EDGE, strokeWidth=1).encode(x=alt.X("estimate:Q", scale=scale))
    layers = [bar, line]
    if price is not None:
        layers.append(
            base.mark_point(filled=True, size=160, color=VERMILION, shape="diamond", opacity=1).encode(
                x=alt.X("price:Q", scale=scale)
            )
        )
    return layered(*layers, data=ends, height=52, words=words)


def draw_contributions(
    start: tuple[str, float], end: tuple[str, float], changes: Sequence[tuple[str, float]], words: Words
) -> Any:
    """Draw how a price comes about: from the typical car's, by what each feature adds or takes, to the car's own."""
    steps: list[dict[str, Any]] = [_step(start[0], 0.0, start[1], "end", words)]
    level = start[1]
    for name, amount in changes:
        steps.append(_step(name, level, level + amount, "up" if amount >= 0 else "down", words))
        level += amount
    steps.append(_step(end[0], 0.0, end[1], "end", words))
    frame = pd.DataFrame(steps)
    lows = [min(step["from"], step["to"]) for step in steps if step["kind"] != "end"]
    floor = max(0.0, min([start[1], end[1], *lows]) * 0.8)
    frame.loc[frame["kind"] == "end", "from"] = floor
    order = list(frame["name"])
    color = alt.Color("kind:N", scale=alt.Scale(domain=["up", "down", "end"], range=[BLUE, ORANGE, GREY]), legend=None)
    base = alt.Chart().encode(y=alt.Y("name:N", sort=order, axis=alt.Axis(title=None, labelLimit=260)))
    bars = base.mark_bar(height=18).encode(
        x=alt.X("from:Q", scale=alt.Scale(domainMin=floor, nice=False), axis=money_axis(words)),
        x2=alt.X2("to:Q"),
        color=color,
        tooltip=["name:N", "told:N"],
    )
    labels = base.mark_text(align="left", dx=6, color=GREY, fontWeight=600).encode(x=alt.X("right:Q"), text=alt.Text("told:N"))
    return layered(bars, labels, data=frame, height=alt.Step(26), words=words)


def draw_curve(points: pd.DataFrame, here: tuple[float, float] | None, x_title: str, words: Words) -> Any:
    """Draw estimates with their intervals over one number, and where the car itself is; `points` has x, estimate, low, high."""
    x = alt.X(
        "x:Q", title=x_title, scale=alt.Scale(zero=False), axis=alt.Axis(format="d" if points["x"].max() < 3000 else ",.0f")
    )
    y = alt.Y("estimate:Q", scale=alt.Scale(zero=False), axis=money_axis(words))
    told = [alt.Tooltip("x:Q", title=x_title), alt.Tooltip("told:N", title=words.say("Estimate"))]
    points = points.assign(told=[words.money(value) for value in points["estimate"]])
    base = alt.Chart(points).encode(x=x)
    band = base.mark_area(color=SKY, opacity=BAND).encode(y=alt.Y("low:Q", axis=money_axis(words)), y2=alt.Y2("high:Q"))
    line = base.mark_line(color=BLUE, strokeWidth=2.5).encode(y=y, tooltip=told)
    layers = [band, line]
    if here:
        place = pd.DataFrame([{"x": here[0], "estimate": here[1]}])
        layers.append(
            alt.Chart(place)
            .mark_point(filled=True, size=160, color=VERMILION, shape="diamond", opacity=1)
            .encode(x=alt.X("x:Q"), y=alt.Y("estimate:Q"))
        )
    return layered(*layers, height=260, words=words)


def _step(name: str, start: float, end: float, kind: str, words: Words) -> dict[str, Any]:
    told = words.money(end) if kind == "end" else words.change(end - start)
    return {"name": name, "from": start, "to": end, "right": max(start, end), "kind": kind, "told": told}
