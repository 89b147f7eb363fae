"""Models: pictures of how well models price, of whom they met, and of what they rest on."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.frame import BAND, BLUE, EDGE, GREEN, GREY, ORANGE, SKY, VERMILION, layered, night_axis
from dashboard.words import Words

_BAR, _STEP = 14, 24


def draw_rivals(points: pd.DataFrame, who: list[str], outcomes: list[str], title: str, words: Words, *, is_share: bool) -> Any:
    """Draw the error of champion and challenger (`who`, in that order) by night, the challenger's marked with its verdict.

    `points`: x (a date, or a version where nights have none), who, error, outcome, version, told.
    """
    is_dated = pd.api.types.is_datetime64_any_dtype(points["x"])
    x = alt.X("x:T", axis=night_axis(points["x"])) if is_dated else alt.X("x:O", title=words.say("Version"), sort=None)
    axis = alt.Axis(title=title, format=".1%" if is_share else ",.0f", tickCount=5)
    y = alt.Y("error:Q", axis=axis, scale=alt.Scale(zero=False))
    # One above and one below, the longer names one under the other: beside each other they are cut on a phone.
    legend = alt.Legend(title=None, orient="bottom", direction="vertical", labelLimit=320, symbolOpacity=1)
    color = alt.Color("who:N", scale=alt.Scale(domain=who, range=[BLUE, ORANGE]), legend=legend)
    shape = alt.Shape(
        "outcome:N",
        scale=alt.Scale(domain=outcomes, range=["triangle-up", "cross", "circle"]),
        legend=alt.Legend(title=None, orient="top", symbolFillColor=GREY, symbolStrokeColor=GREY),
    )
    told = [
        alt.Tooltip("night:N", title=words.say("Night")),
        alt.Tooltip("who:N", title=words.say("Model")),
        alt.Tooltip("version:N", title=words.say("Version")),
        alt.Tooltip("told:N", title=title),
        alt.Tooltip("outcome:N", title=words.say("Verdict")),
    ]
    base = alt.Chart().encode(x=x, y=y, color=color)
    lines = base.mark_line(strokeWidth=2).encode(detail=alt.Detail("who:N"))
    champions = base.transform_filter(alt.datum.who == who[0]).mark_point(size=30, filled=True).encode(tooltip=told)
    challengers = base.transform_filter(alt.datum.who == who[1]).mark_point(size=110, filled=True, opacity=1)
    return layered(lines, champions, challengers.encode(shape=shape, tooltip=told), data=points, height=300, words=words)


def draw_errors(segments: pd.DataFrame, title: str, words: Words) -> Any:
    """Draw the median error of each segment as a bar; `segments`: label, median_ape, told, n."""
    base = alt.Chart().encode(y=_rows(segments))
    reach = float(segments["median_ape"].max()) * 1.25 or 1
    bars = base.mark_bar(height=_BAR, color=BLUE).encode(
        x=alt.X("median_ape:Q", title=title, axis=alt.Axis(format=".0%", tickCount=4), scale=alt.Scale(domain=[0, reach])),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("told:N", title=title)],
    )
    labels = base.mark_text(align="left", dx=5, color=GREY).encode(x=alt.X("median_ape:Q"), text=alt.Text("told:N"))
    return layered(bars, labels, data=segments, height=alt.Step(_STEP), words=words)


def draw_coverage(segments: pd.DataFrame, level: float, title: str, words: Words) -> Any:
    """Draw coverage on the band in which it lies by chance; `segments`: label, interval_coverage, chance_low, chance_high, is_off, told."""
    low = max(0.0, min(float(segments["interval_coverage"].min()), float(segments["chance_low"].min()), level) - 0.02)
    x = alt.X(
        "chance_low:Q", title=title, axis=alt.Axis(format=".0%", tickCount=5), scale=alt.Scale(domain=[low, 1.0], nice=False)
    )
    base = alt.Chart(segments).encode(y=_rows(segments))
    bands = base.mark_bar(height=_BAR, color=SKY, opacity=0.4).encode(x=x, x2=alt.X2("chance_high:Q"))
    meant = alt.Chart(pd.DataFrame({"level": [level]})).mark_rule(color=GREY, strokeWidth=2).encode(x=alt.X("level:Q"))
    dots = base.mark_point(filled=True, size=100, opacity=1, stroke=EDGE, strokeWidth=1).encode(
        x=alt.X("interval_coverage:Q"),
        color=alt.Color("is_off:N", scale=alt.Scale(domain=[False, True], range=[BLUE, VERMILION]), legend=None),
        shape=alt.Shape("is_off:N", scale=alt.Scale(domain=[False, True], range=["circle", "diamond"]), legend=None),
        tooltip=[alt.Tooltip("label:N", title=" "), alt.Tooltip("told:N", title=title)],
    )
    return layered(bands, meant, dots, height=alt.Step(_STEP), words=words)


def draw_cloud(points: pd.DataFrame, ends: tuple[float, float], statuses: tuple[str, str], words: Words) -> Any:
    """Draw estimates over prices, on a line where they are equal and in a band where they differ by 10 %; `statuses` name `status`."""
    scale = alt.Scale(type="log", domain=list(ends), nice=False, clamp=False)
    low, high = ends
    line = pd.DataFrame({"price": [low, high], "estimate": [low, high], "less": [low * 0.9, high * 0.9]})
    line["more"] = line["price"] * 1.1
    x = alt.X("price:Q", scale=scale, axis=_log_axis(words, words.say("Price asked")))
    y = alt.Y("estimate:Q", scale=scale, axis=_log_axis(words, words.say("Estimate")))
    base = alt.Chart(line).encode(x=x)
    band = base.mark_area(color=GREEN, opacity=BAND, clip=True).encode(y=alt.Y("less:Q", scale=scale), y2=alt.Y2("more:Q"))
    same = base.mark_line(color=GREY, strokeWidth=1.5, clip=True).encode(y=y)
    dots = _dots(points, statuses, words).encode(x=x, y=y)
    return layered(band, same, dots, height=360, words=words)


def draw_residuals(
    points: pd.DataFrame,
    medians: pd.DataFrame,
    ends: tuple[float, float],
    reach: float,
    statuses: tuple[str, str],
    words: Words,
) -> Any:
    """Draw by what share, up to `reach`, prices lie above their estimates, over the estimate, with the running median."""
    scale = alt.Scale(type="log", domain=list(ends), nice=False)
    x = alt.X("estimate:Q", scale=scale, axis=_log_axis(words, words.say("Estimate")))
    y = alt.Y(
        "position:Q",
        scale=alt.Scale(domain=[-min(reach, 1), reach], nice=False),
        axis=alt.Axis(title=words.say("Price against its estimate"), format="+.0%"),
    )
    zero = alt.Chart(pd.DataFrame({"position": [0.0]})).mark_rule(color=GREY, strokeWidth=1.5).encode(y=y)
    layers = [zero, _dots(points, statuses, words).encode(x=x, y=y)]
    if len(medians):
        line = alt.Chart(medians).mark_line(color=VERMILION, strokeWidth=3, strokeDash=[6, 3], clip=True)
        layers.append(line.encode(x=x, y=y))
    return layered(*layers, height=360, words=words)


def draw_importance(features: pd.DataFrame, title: str, words: Words) -> Any:
    """Draw how much each feature matters, with its spread over several shuffles; `features`: label, share, low, high, told."""
    base = alt.Chart().encode(y=_rows(features))
    told = [alt.Tooltip("label:N", title=" "), alt.Tooltip("told:N", title=title)]
    bars = base.mark_bar(height=_BAR, color=BLUE).encode(
        x=alt.X("share:Q", title=title, axis=alt.Axis(format=".0%", tickCount=5)), tooltip=told
    )
    spread = base.mark_rule(color=ORANGE, strokeWidth=2.5).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    return layered(bars, spread, data=features, height=alt.Step(_STEP), words=words)


def draw_baselines(errors: pd.DataFrame, model: str, title: str, words: Words) -> Any:
    """Draw the mean error of the model beside those of the baselines; `errors`: label, mae, told."""
    base = alt.Chart().encode(y=_rows(errors))
    reach = float(errors["mae"].max()) * 1.25 or 1
    bars = base.mark_bar(height=20).encode(
        x=alt.X("mae:Q", axis=alt.Axis(title=title, format=",.0f", tickCount=5), scale=alt.Scale(domain=[0, reach])),
        color=alt.condition(alt.datum.label == model, alt.value(BLUE), alt.value(GREY)),
    )
    labels = base.mark_text(align="left", dx=5, color=GREY).encode(x=alt.X("mae:Q"), text=alt.Text("told:N"))
    return layered(bars, labels, data=errors, height=alt.Step(32), words=words)


def _rows(frame: pd.DataFrame) -> alt.Y:
    return alt.Y("label:N", sort=list(frame["label"]), axis=alt.Axis(title=None, labelLimit=190, labelOverlap=False))


def _log_axis(words: Words, title: str) -> alt.Axis:
    named = f"{title} ({words.currency})" if words.currency else title
    return alt.Axis(title=named, format="~s", tickCount=5, grid=False, labelOverlap=True)


def _dots(points: pd.DataFrame, statuses: tuple[str, str], words: Words) -> Any:
    legend = alt.Legend(title=None, orient="bottom", direction="vertical", labelLimit=320)
    return (
        alt.Chart(points)
        .mark_point(size=28, filled=False, opacity=0.85, strokeWidth=1.3, clip=True)
        .encode(
            color=alt.Color("kind:N", scale=alt.Scale(domain=list(statuses), range=[BLUE, ORANGE]), legend=legend),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=list(statuses), range=["circle", "cross"]), legend=legend),
            tooltip=[
                alt.Tooltip("car:N", title=words.say("Car")),
                alt.Tooltip("price_told:N", title=words.say("Price asked")),
                alt.Tooltip("estimate_told:N", title=words.say("Estimate")),
            ],
        )
    )
