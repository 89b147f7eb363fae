"""Counts: how many there are of each kind, as bars with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.frame import GREY, localize
from dashboard.words import Words


def draw_counts(counts: Sequence[tuple[str, int, str]], words: Words) -> Any:
    """Draw (name, number, colour) as bars in their order, the number behind each."""
    frame = pd.DataFrame(counts, columns=["name", "n", "color"])
    frame["told"] = [words.number(n) for n in frame["n"]]
    scale = alt.Scale(domain=[0, max(frame["n"].max() * 1.25, 1)], nice=False)
    base = alt.Chart(frame).encode(
        x=alt.X("n:Q", scale=scale, axis=None),
        y=alt.Y("name:N", sort=list(frame["name"]), axis=alt.Axis(title=None, labelLimit=170, ticks=False, domain=False)),
    )
    bars = base.mark_bar(height=14, cornerRadius=2).encode(color=alt.Color("color:N", scale=None, legend=None))
    numbers = base.mark_text(align="left", dx=5, color=GREY, fontWeight=600).encode(text="told:N")
    return localize((bars + numbers).properties(height=alt.Step(24)), words)
