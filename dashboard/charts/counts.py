"""Counts: how many there are of each kind, as bars with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.frame import GREY, layered
from dashboard.words import Words


def draw_counts(counts: Sequence[tuple[str, int, str]], words: Words) -> Any:
    """Draw (name, number, colour) as bars in their order, the number behind each."""
    return draw_bars([(name, n, words.number(n), color) for name, n, color in counts], words)


def draw_bars(bars: Sequence[tuple[str, float, str, str]], words: Words) -> Any:
    """Draw (name, length, what is written behind it, colour) as bars in their order."""
    frame = pd.DataFrame(bars, columns=["name", "value", "told", "color"])
    scale = alt.Scale(domain=[0, frame["value"].max() * 1.3 or 1], nice=False)
    base = alt.Chart().encode(
        x=alt.X("value:Q", scale=scale, axis=None),
        y=alt.Y("name:N", sort=list(frame["name"]), axis=alt.Axis(title=None, labelLimit=170, ticks=False, domain=False)),
    )
    drawn = base.mark_bar(height=14, cornerRadius=2).encode(color=alt.Color("color:N", scale=None, legend=None))
    numbers = base.mark_text(align="left", dx=5, color=GREY, fontWeight=600).encode(text=alt.Text("told:N"))
    return layered(drawn, numbers, data=frame, height=alt.Step(24), words=words)
