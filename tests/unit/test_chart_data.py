"""A picture's data as Vega-Lite takes them, and its axis of nights."""

import altair as alt
import pandas as pd
import pytest

from dashboard.charts.frame import list_records, night_axis

PLAIN = {
    "shares": [1.5, None, -0.1],
    "counts": pd.array([1, None, 3], dtype="Int64"),
    "words": ["x", None, 'é/"<'],
    "kinds": pd.Categorical(["u", "v", None]),
    "answers": pd.array([True, None, False], dtype="boolean"),
    "endless": [float("inf"), 1e300, 0.0],
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_frame_is_what_altair_itself_would_make_of_it(name):
    frame = pd.DataFrame({name: PLAIN[name]})
    assert list_records(frame) == alt.default_data_transformer(frame)


def test_dates_are_iso_without_a_zone_and_missing_ones_are_missing():
    frame = pd.DataFrame({"on": pd.to_datetime(["2024-02-29", None])})
    assert list_records(frame) == {"values": [{"on": "2024-02-29T00:00:00.000"}, {"on": None}]}


@pytest.mark.parametrize(("count", "ticks"), [(1, 1), (6, 6), (7, None)])
def test_of_few_nights_each_has_its_tick_once(count, ticks):
    nights = pd.Series(pd.date_range("2024-02-28", periods=count)).repeat(2)
    axis = night_axis(nights).to_dict()
    assert len(axis["values"]) == ticks if ticks else "values" not in axis
    assert ticks is None or axis["values"][0] == {"year": 2024, "month": 2, "date": 28}


def test_charts_are_drawn_by_it():
    chart = alt.Chart(pd.DataFrame({"on": pd.to_datetime(["2024-02-29"])})).mark_point().encode(x="on:T")
    (values,) = chart.to_dict()["datasets"].values()
    assert values == [{"on": "2024-02-29T00:00:00.000"}]
