"""Runs: what ran when and how it ended, and any two runs side by side: what ran and why, seconds, metrics, and what went in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import comparing, page, reading, running
from dashboard.charts import runs as charts
from dashboard.reading import MarketState
from dashboard.words import Words, mark

_LOOKED_AT = 200  # newest runs
_MOST_DIFFERENCES = 500
SCOPES = {"market": mark("This market"), "all": mark("All markets")}
PARTS = {
    "metrics": mark("Metrics"),
    "seconds": mark("Seconds"),
    "fates": mark("What ran and why"),
    "recipes": mark("What went in"),
}
Tasks = Sequence[Mapping[str, Any]]
Record = Mapping[str, Any]


def list_runs(market: str, scope: str) -> list[Record]:
    """Return the newest runs of a market, or of all."""
    return [record for record in reading.list_runs(_LOOKED_AT) if scope == "all" or record["subject"] == market]


def show_runs(records: list[Record], told: Words) -> None:
    """List runs, the newest first."""
    tasks = [reading.watch_run(record) for record in records]
    frame = pd.DataFrame(
        {
            told.say("Started"): running.read_moments(record["started_at"] for record in records),
            told.say("Market"): [record["subject"] for record in records],
            told.say("Asked for"): [record["root"] for record in records],
            told.say("State"): [running.tell_run_state(record, told) for record in records],
            told.say("Exit"): pd.array([record["exit"] for record in records], dtype="Int64"),
            told.say("Built"): [running.count(members, "built") for members in tasks],
            told.say("Reused"): [running.count(members, "reused") for members in tasks],
            told.say("Seconds"): pd.array([running.seconds_of(record) for record in records], dtype="Float64"),
            told.say("Run"): [record["run"] for record in records],
            told.say("Command"): [record["command"] for record in records],  # it says of which night
            told.say("Message"): [" ".join(map(told.retell, record["messages"])) for record in records],
        }
    )
    if not any(record["messages"] for record in records):
        frame = frame.drop(columns=told.say("Message"))
    page.table(
        frame,
        {
            told.say("Started"): st.column_config.DatetimeColumn(format="localized"),
            told.say("Seconds"): st.column_config.NumberColumn(format="%.0f"),
            told.say("Message"): st.column_config.TextColumn(width="large"),
        },
        height=min(36 * (len(records) + 1) + 2, 400),
    )
    if len(records) >= _LOOKED_AT:
        st.caption(told.say("The newest {n} runs are looked at; data/runs has them all.", n=_LOOKED_AT))


def choose_two(records: list[Record], told: Words) -> tuple[Record, Record]:
    """Let the reader choose two runs, the newest two by default: the earlier on the left."""
    by_name = {record["run"]: record for record in records}
    names = list(by_name)
    left, right = st.columns(2)
    first = left.selectbox(
        told.say("Compare"), names, index=1, format_func=lambda run: tell_run(by_name[run], told), key="run-left"
    )
    second = right.selectbox(
        told.say("with"), names, index=0, format_func=lambda run: tell_run(by_name[run], told), key="run-right"
    )
    return by_name[first], by_name[second]


def tell_run(record: Record, told: Words) -> str:
    """Return a run in a line."""
    return (
        f"{told.moment(record['started_at'])} · {record['subject']} · {record['root']} · {running.tell_run_state(record, told)}"
    )


def show_metrics(left: Tasks, right: Tasks, names: tuple[str, str], told: Words) -> None:
    """List the metrics of the evaluations that two runs ended with, and by how much they differ."""
    places = [comparing.place_of(tasks, "Evaluate") for tasks in (left, right)]
    both = [reading.find_document(place, "metrics.json") for place in places]
    if both[0] is None or both[1] is None:
        missing = " · ".join(name for name, found in zip(names, both, strict=True) if found is None)
        st.info(told.say("No metrics to compare: no evaluation is there of {runs}.", runs=page.plain(missing)))
        return
    if places[0] == places[1]:
        st.info(told.say("Both runs ended with the same evaluation: the model is the same."))
    own = Words(told.language, str(both[1].get("currency", "")))
    right_aligned = st.column_config.TextColumn(alignment="right")
    page.table(
        pd.DataFrame(list_metrics(both[0], both[1], own)),
        dict.fromkeys(["1", "2", told.say("Difference")], right_aligned),
        height="content",
    )
    if both[0].get("currency") != both[1].get("currency"):
        st.warning(told.say("The two markets have different currencies: sums of money cannot be compared."))
    st.caption(told.say("Each model was judged on the test cars of its own night, so small differences may be chance."))


def list_metrics(left: Mapping[str, Any], right: Mapping[str, Any], told: Words) -> list[dict[str, str]]:
    """Return a row for each metric that both have, written for a person."""
    return [
        {
            told.say("Metric"): told.say(text),
            "1": write(left[name], kind, told),
            "2": write(right[name], kind, told),
            told.say("Difference"): write_change(right[name] - left[name], kind, told),
        }
        for name, (text, kind) in comparing.METRICS.items()
        if isinstance(left.get(name), int | float) and isinstance(right.get(name), int | float)
    ]


def write(value: float, kind: str, told: Words) -> str:
    """Return a metric as its kind is written."""
    if kind == "money":
        return told.money(value)
    if kind == "share":
        return told.share(value, 1)
    return told.number(value, 3 if kind == "number" else 0)


def write_change(change: float, kind: str, told: Words) -> str:
    """Return a difference with its sign; of shares in points of percent."""
    size = (
        told.say("{number} points", number=told.number(abs(change) * 100, 1))
        if kind == "share"
        else write(abs(change), kind, told)
    )
    return f"{'+' if change >= 0 else '−'}{size}"


def show_seconds(left: Tasks, right: Tasks, names: tuple[str, str], told: Words) -> None:
    """Draw what two runs spent on each stage."""
    seconds = comparing.sum_seconds(left, right, names)
    if seconds.empty or not seconds["seconds"].sum():
        st.info(told.say("Neither run built anything: all was reused."))
        return
    page.draw(charts.draw_two_runs(seconds, names, told))
    st.caption(told.say("What was reused took no time and has no bar."))


def show_fates(left: Tasks, right: Tasks, told: Words) -> None:
    """List what became of each task in both runs, and why."""
    fates = comparing.list_fates(left, right, told)
    if fates.empty:
        st.info(told.say("Neither run has a plan: both stopped before they knew what to do."))
        return
    page.table(
        pd.DataFrame(
            {
                told.say("Task"): fates["task"],
                "1": fates["left"].map(lambda state: running.tell_state(state, told) if state else ""),
                "2": fates["right"].map(lambda state: running.tell_state(state, told) if state else ""),
                told.say("Why (1)"): fates["left_why"],
                told.say("Why (2)"): fates["right_why"],
            }
        )
    )


def show_recipes(left: Tasks, right: Tasks, told: Words) -> None:
    """List in what the recipes of the tasks of both runs differ: parameters, settings, code, libraries, files and inputs."""
    differences, gone = comparing.compare_recipes(left, right)
    for place in gone:
        st.warning(told.say("{place} is gone or damaged: what it was made of cannot be compared.", place=page.plain(place)))
    if not differences:
        st.info(told.say("Nothing differs in what the tasks of both runs were made of."))
        return
    kinds = [kind for kind in comparing.KINDS if any(found.kind == kind for found in differences)]
    chosen = st.pills(
        told.say("Show"),
        kinds,
        default=kinds,
        selection_mode="multi",
        format_func=lambda kind: told.say(comparing.KINDS[kind]),
        key=f"kinds-{'-'.join(kinds)}",
    )
    shown = [found for found in differences if found.kind in chosen]
    page.table(
        pd.DataFrame(
            {
                told.say("Task"): [found.task for found in shown],
                told.say("Kind"): [told.say(comparing.KINDS[found.kind]) for found in shown],
                told.say("What"): [found.what for found in shown],
                "1": [found.left for found in shown],
                "2": [found.right for found in shown],
            }
        ).head(_MOST_DIFFERENCES)
    )
    st.caption(
        told.say_many(
            "{n} difference; of code and files the first 16 digits of their sha256, of lists what only one has.",
            "{n} differences; of code and files the first 16 digits of their sha256, of lists what only one has.",
            len(shown),
        )
    )


def compare(records: list[Record], told: Words) -> None:
    """Let the reader choose two runs and a part of their comparison."""
    st.subheader(told.say("Two runs side by side"))
    if len(records) < 2:
        st.info(told.say("There is one run: from the second on, any two can be compared here."))
        return
    left, right = choose_two(records, told)
    if left["run"] == right["run"]:
        st.info(told.say("That is the same run twice: choose another."))
        return
    names = (f"1 · {tell_run(left, told)}", f"2 · {tell_run(right, told)}")
    tasks = reading.watch_run(left), reading.watch_run(right)
    part = page.pick({name: told.say(text) for name, text in PARTS.items()}, "runs-part")
    if part == "metrics":
        show_metrics(*tasks, names, told)
    elif part == "seconds":
        show_seconds(*tasks, names, told)
    elif part == "fates":
        show_fates(*tasks, told)
    else:
        show_recipes(*tasks, told)


@page.body
def show(state: MarketState, told: Words) -> None:
    """Draw what a reader can choose in."""
    scope = page.pick({name: told.say(text) for name, text in SCOPES.items()}, "runs-scope")
    records = list_runs(state.market, scope)
    for path in reading.list_damaged_runs(_LOOKED_AT):
        st.warning(told.say("{path} cannot be understood and is passed over.", path=page.plain(path)))
    if not records:
        st.info(told.say("No run of this market is recorded yet. Run this; the page shows it as it goes."))
        st.code(page.command(state.market), language="sh")
        return
    show_runs(records, told)
    compare(records, told)


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("Runs"), needs="")
    told = page.words()
    show(state, told)


main()
