"""Runs: pictures of what a run did, of what was delivered, and of two runs side by side."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.frame import BLUE, GREY, ORANGE, PINK, SKY, VERMILION, layered, localize
from dashboard.words import Words

# What ran stands out, what was reused recedes, what waits is lighter still.
STATE_COLORS = {
    "built": BLUE,
    "running": ORANGE,
    "failed": VERMILION,
    "not finished": PINK,
    "waiting": SKY,
    "not run": SKY,
    "reused": GREY,
}
_FAINT = {"waiting": 0.3, "not run": 0.3, "reused": 0.5}
_ROW, _PAIR, _AROUND = 26, 34, 90  # pixels of a row, of a row with two bars, of axis and legend
_ROOM = 1.9  # how much longer than the longest bar the axis is: its text stands behind it
_BLANK = alt.Axis(title=None, labelLimit=130, labelOverlap=False, ticks=False, domain=False)


def draw_stages(stages: pd.DataFrame, names: dict[str, str], words: Words) -> Any:
    """Draw a bar of seconds for each stage in the order of the graph.

    `stages` has a row per stage and state: stage, state, seconds, and on the first row of each stage `total` and `text`. `names` tells the
    states as the legend names them.
    """
    order = list(dict.fromkeys(stages["stage"]))
    longest = max(float(stages.groupby("stage")["seconds"].sum().max()), 0.1)
    x = alt.X(
        "seconds:Q",
        axis=alt.Axis(title=words.say("Seconds"), tickCount=6),
        scale=alt.Scale(domain=[0, longest * _ROOM], nice=False),
    )
    y = alt.Y("stage:N", sort=order, axis=_BLANK)
    shown = [state for state in STATE_COLORS if state in set(stages["state"])]
    told = stages.assign(
        name=stages["state"].map(names), faint=stages["state"].map(lambda state: _FAINT.get(state, 0.95)), rank=stages.index
    )
    bars = (
        alt.Chart(told)
        .mark_bar(cornerRadius=2, height=15)
        .encode(
            x=x,
            y=y,
            order=alt.Order("rank:Q"),
            color=alt.Color(
                "name:N",
                title=None,
                scale=alt.Scale(domain=[names[state] for state in shown], range=[STATE_COLORS[state] for state in shown]),
                legend=alt.Legend(orient="top"),
            ),
            opacity=alt.Opacity("faint:Q", scale=None, legend=None),
            tooltip=[
                alt.Tooltip("stage:N", title=words.say("Stage")),
                alt.Tooltip("name:N", title=words.say("State")),
                alt.Tooltip("seconds:Q", title=words.say("Seconds"), format=",.1f"),
            ],
        )
    )
    texts = (
        alt.Chart(told.dropna(subset=["text"]))
        .mark_text(align="left", dx=6, color=GREY, fontSize=12)
        .encode(x=alt.X("total:Q"), y=y, text=alt.Text("text:N"))
    )
    return layered(bars, texts, height=_AROUND + _ROW * len(order), words=words)


def draw_deliveries(deliveries: pd.DataFrame, kinds: dict[str, str], words: Words) -> Any:
    """Draw the rows of each delivery as a bar, the newest last; `kinds` names the columns that are counted, accepted first."""
    told = deliveries.melt(["delivery", "night"], list(kinds), "kind", "n")
    told["name"] = told["kind"].map(kinds)
    told["rank"] = told["kind"].map(list(kinds).index)
    colors = dict(zip(kinds, (BLUE, ORANGE, VERMILION), strict=False))
    chart = (
        alt.Chart(told)
        .mark_bar()
        .encode(
            x=alt.X(
                "delivery:N",
                sort=list(deliveries["delivery"]),
                axis=alt.Axis(title=None, labels=len(deliveries) <= 20, ticks=False),
            ),
            y=alt.Y("n:Q", title=words.say("Rows")),
            order=alt.Order("rank:Q"),
            color=alt.Color(
                "name:N",
                title=None,
                scale=alt.Scale(domain=list(kinds.values()), range=list(colors.values())),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("delivery:N", title=words.say("Delivery")),
                alt.Tooltip("name:N", title=words.say("State")),
                alt.Tooltip("n:Q", title=words.say("Rows"), format=",.0f"),
            ],
        )
        .properties(height=200)
    )
    return localize(chart, words)


def draw_two_runs(seconds: pd.DataFrame, names: tuple[str, str], words: Words) -> Any:
    """Draw what two runs spent on each stage, side by side; `seconds` has stage, run (one of `names`) and seconds, in the graph's order."""
    order = list(dict.fromkeys(seconds["stage"]))
    base = alt.Chart(seconds).encode(
        x=alt.X("seconds:Q", axis=alt.Axis(title=words.say("Seconds"), tickCount=6), scale=alt.Scale(domainMin=0)),
        y=alt.Y("stage:N", sort=order, axis=_BLANK),
        yOffset=alt.YOffset("run:N", sort=list(names)),
        tooltip=[
            alt.Tooltip("stage:N", title=words.say("Stage")),
            alt.Tooltip("run:N", title=words.say("Run")),
            alt.Tooltip("seconds:Q", title=words.say("Seconds"), format=",.1f"),
        ],
    )
    bars = base.mark_bar(cornerRadius=2).encode(
        color=alt.Color(
            "run:N",
            title=None,
            sort=list(names),
            scale=alt.Scale(domain=list(names), range=[BLUE, ORANGE]),
            legend=alt.Legend(orient="top", columns=1, labelLimit=320),
        )
    )
    return localize(bars.properties(height=_AROUND + _PAIR * len(order)), words)
