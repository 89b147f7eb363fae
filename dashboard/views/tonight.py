"""Tonight: what the market's newest run did and why, what was delivered, what is wrong, and a run in progress as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import luigi
import pandas as pd
import streamlit as st

from dashboard import page, reading, running
from dashboard.charts import runs as charts
from dashboard.reading import MarketState
from dashboard.words import Words, mark
from pipeline import alerts, paths, settings
from pipeline.incremental import ledger
from pipeline.services.deliveries import night_of

PARTS = {
    "stages": mark("Stages"),
    "deliveries": mark("Deliveries"),
    "alerts": mark("Alerts"),
    "more": mark("Reports and servers"),
}
_LOOKED_AT = 200  # newest runs of all markets
_EVERY_S = 2
_MOST_DELIVERIES, _MOST_REASONS, _MOST_NIGHTS, _MOST_SET_ASIDE = 500, 100, 5, 5
_KINDS = {"accepted": mark("rows accepted"), "rejected": mark("rows rejected"), "unreadable": mark("rows unreadable")}
_VERDICTS = {
    "promoted": mark("Version {version} was promoted."),
    "refused": mark("Version {version} was refused."),
    "kept": mark("Version {version} stays the champion: no other model was made."),
}


def find_newest(market: str) -> dict[str, Any] | None:
    """Return the record of the market's newest run."""
    return next((record for record in reading.list_runs(_LOOKED_AT) if record["subject"] == market), None)


def mark_of(record: Mapping[str, Any] | None) -> str:
    """Return what changes when another run is the newest, or it ends, or its plan is made."""
    return f"{record['run']} {record['state']} {bool(record['tasks'])}" if record else ""


def follow(market: str, drawn: str) -> None:
    """Draw how far the market's run is; draw the page again as soon as its newest run is another, or over."""
    record = find_newest(market)
    if mark_of(record) != drawn:
        st.rerun()
    if record and record["state"] == ledger.RUNNING:
        show_progress(record, page.words())


def show_progress(record: Mapping[str, Any], told: Words) -> None:
    """Draw a run in progress: the share done, by the seconds that the same tasks took before, and what it is at."""
    tasks = reading.watch_run(record)
    progress = reading.measure_progress(record, tasks, datetime.now(UTC))
    if not tasks:
        st.progress(0.0, told.say("A run has begun: it looks at what there is to do."))
        return
    left = told.say("about {time} left", time=told.seconds(progress.left_s)) if progress.left_s >= 1 else told.say("nearly done")
    now = (
        told.say("now {task}", task=page.plain(", ".join(progress.running)))
        if progress.running
        else told.say("between two tasks")
    )
    done = told.say("{done} of {all} tasks done", done=sum(map(_is_done, tasks)), all=len(tasks))
    st.progress(progress.share, f"**{told.share(progress.share)}** · {now} · {done} · {left}")
    st.caption(told.say("Measured in the seconds that the same tasks took before; a task that never ran counts as one second."))


def show_headline(record: Mapping[str, Any], state: MarketState, told: Words) -> None:
    """Write what the newest run came to, in a line of figures and the verdict."""
    figures = [(told.say("Run"), running.tell_run_state(record, told))]
    if record["state"] != ledger.RUNNING:  # the bar above tells what is done by now
        tasks = reading.watch_run(record)
        figures.extend(
            [
                (told.say("Took"), told.seconds(running.seconds_of(record))),
                (told.say("Built"), told.number(running.count(tasks, "built"))),
                (told.say("Reused"), told.number(running.count(tasks, "reused"))),
            ]
        )
    with st.container(horizontal=True, gap="large"):
        for label, value in figures:
            st.metric(label, value, width="content")
    started = told.say("{task}, started {when}", task=page.plain(record["root"]), when=told.moment(record["started_at"]))
    ended = told.say("ended with exit code {code}", code=record["exit"]) if record["exit"] is not None else ""
    st.caption(" · ".join(filter(None, (started, ended))))
    st.code(record["command"], language=None, wrap_lines=True)  # it says of which night, where that is none of tonight's
    if sentence := tell_verdict(state, told):
        night = told.date(state.as_of) if state.as_of else told.say("undated deliveries")
        st.markdown(told.say("**Verdict of {night}:** {sentence}", night=night, sentence=page.plain(sentence)))


def tell_verdict(state: MarketState, told: Words) -> str:
    """Return the newest verdict in one sentence, "" where there is none that can be read."""
    report = reading.find_document(state.place("report"), "report.json") or {}
    if sentence := (report.get("verdict") or {}).get("sentence"):
        return told.retell(sentence)
    verdict = reading.find_document(state.place("promote"), "verdict.json") or {}
    outcome = str(verdict.get("outcome"))
    return told.say(_VERDICTS[outcome], version=verdict["challenger"]["version"]) if outcome in _VERDICTS else ""


def show_others(market: str, told: Words) -> None:
    """Write in a line how the newest run of every other market ended."""
    newest: dict[str, dict[str, Any]] = {}
    for record in reading.list_runs(_LOOKED_AT):
        newest.setdefault(record["subject"].partition("/")[0], record)
    lines = [
        told.say(
            "{market} {state}, {when}",
            market=name,
            state=running.tell_run_state(record, told),
            when=told.moment(record["started_at"]),
        )
        for name, record in sorted(newest.items())
        if name != market
    ]
    if lines:
        st.caption(page.plain(told.say("Other markets: {runs}", runs=" · ".join(lines))))


def show_stages(market: str) -> None:
    """Draw what became of each stage, and list why."""
    told, record = page.words(), find_newest(market)
    tasks = reading.watch_run(record) if record else []
    if not tasks:
        st.info(told.say("This run has no plan: it stopped before it knew what to do, or has just begun."))
        return
    names = {state: running.tell_state(state, told) for state in charts.STATE_COLORS}
    page.draw(charts.draw_stages(running.sum_stages(tasks, told), names, told))
    st.caption(
        told.say("Each bar is what a stage took, what waits is expected to take, or what was reused took when it was made.")
    )
    show_why(tasks, told)


def show_why(tasks: list[dict[str, Any]], told: Words) -> None:
    """List the tasks with their state, why, seconds and when their results were made; many of one kind in one line."""
    folded = running.fold_tasks(tasks, told)
    frame = pd.DataFrame(
        {
            told.say("Task"): folded["task"],
            told.say("State"): folded["state"].map(lambda state: running.tell_state(state, told)),
            told.say("Why"): folded["why"],
            told.say("Seconds"): folded["seconds"],
            told.say("Made"): running.read_moments(folded["made_at"]),
            told.say("Result"): folded["place"],
        }
    )
    page.table(
        frame,
        {
            told.say("Why"): st.column_config.TextColumn(width="large"),
            told.say("Seconds"): st.column_config.NumberColumn(format="%.1f"),
            told.say("Made"): st.column_config.DatetimeColumn(format="localized"),
        },
        height="content",
    )


def show_deliveries(state: MarketState, told: Words) -> None:
    """Draw the rows of each delivery, and list what was rejected and set aside, and why."""
    tell_waiting_nights(state, told)
    account = reading.find_document(state.place("check"), "account.json")
    if account is None:
        st.info(told.say("No account of the deliveries is there: they were not judged yet, or its file is gone."))
        return
    deliveries = list_deliveries(account)
    kinds = {name: told.say(text) for name, text in _KINDS.items()}
    st.markdown(
        told.say(
            "**{rows}** rows in {deliveries}: {accepted} accepted, {rejected} rejected, {unreadable} unreadable.",
            deliveries=told.say_many("{n} delivery", "{n} deliveries", len(deliveries)),
            **{name: told.number(account[name]) for name in ("rows", *_KINDS)},
        )
    )
    shown = deliveries.tail(_MOST_DELIVERIES)
    page.draw(charts.draw_deliveries(shown, kinds, told))
    st.caption(told.say("One bar per delivery, the newest on the right: what is not accepted stands on top."))
    for row in deliveries[deliveries["set_aside"] != ""].tail(_MOST_SET_ASIDE).to_dict("records"):
        st.warning(
            told.say(
                "Set aside: {delivery}: {why}",
                delivery=page.plain(row["delivery"]),
                why=page.plain(told.retell(row["set_aside"])),
            )
        )
    show_reasons(account, told)
    list_all_deliveries(shown[::-1], kinds, told)


def list_deliveries(account: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row per delivery in order of its night: delivery, night, rows, accepted, rejected, unreadable, set_aside ("" for not)."""
    rows = [
        {
            "delivery": name,
            "night": night_of(name),
            **{key: told[key] for key in ("rows", *_KINDS)},
            "set_aside": told["set_aside"] or "",
        }
        for name, told in account["deliveries"].items()
    ]
    columns = ["delivery", "night", "rows", *_KINDS, "set_aside"]
    return pd.DataFrame(rows, columns=columns).sort_values(["night", "delivery"], ignore_index=True)


def list_all_deliveries(deliveries: pd.DataFrame, kinds: dict[str, str], told: Words) -> None:
    """List the deliveries, the newest first."""
    frame = pd.DataFrame(
        {
            told.say("Night"): pd.to_datetime(deliveries["night"].replace("", None)),
            told.say("Delivery"): deliveries["delivery"],
            told.say("Rows"): deliveries["rows"],
            **{text.capitalize(): deliveries[name] for name, text in kinds.items()},
            told.say("Set aside because"): deliveries["set_aside"].map(told.retell),
        }
    )
    number = st.column_config.NumberColumn(format="localized")
    numbers = dict.fromkeys([told.say("Rows"), *(text.capitalize() for text in kinds.values())], number)
    page.table(frame, {**numbers, told.say("Night"): st.column_config.DateColumn(format="localized")})


def show_reasons(account: Mapping[str, Any], told: Words) -> None:
    """List why rows were rejected, the most frequent reason first, each with an example."""
    reasons = sorted(account["reasons"].items(), key=lambda reason: -reason[1])[:_MOST_REASONS]
    if not reasons:
        return
    examples = account.get("examples", {})
    frame = pd.DataFrame(
        [
            {
                told.say("Rejected because"): told.retell(name),
                told.say("Rows"): n,
                told.say("Example"): str(examples.get(name, "")),
            }
            for name, n in reasons
        ]
    )
    page.table(frame, {told.say("Rows"): st.column_config.NumberColumn(format="localized")})


def tell_waiting_nights(state: MarketState, told: Words) -> None:
    """Say which nights have a delivery and no results, and how to build them."""
    nights = reading.list_waiting_nights(state)
    if not nights:
        return
    shown = ", ".join(told.date(night) if night else told.say("undated deliveries") for night in nights[-_MOST_NIGHTS:])
    st.info(
        told.say_many(
            "{n} night has a delivery and no results yet: {nights}",
            "{n} nights have a delivery and no results yet, the newest: {nights}",
            len(nights),
            nights=shown,
        )
    )
    st.code(page.command(state.market), language="sh")


def show_alerts(state: MarketState, told: Words) -> None:
    """List what is open with since when, what it means and what to do, and what could not be delivered."""
    try:
        incidents = reading.list_incidents(state.market)
    except alerts.AlertsDamaged as error:
        st.error(page.plain(told.retell(str(error))))
        incidents = []
    else:
        if not incidents:
            st.info(told.say("Nothing is open."))
    for incident in incidents:
        with st.container(border=True):
            st.markdown(f"**{page.plain(told.retell(incident.text))}**")
            st.caption(tell_since(incident, told))
            st.markdown(told.say("Means for prices: {meaning}", meaning=page.plain(told.retell(incident.means))))
            st.markdown(told.say("What to do: {remedy}", remedy=page.plain(told.retell(incident.do))))
    for line in alerts.tell_undelivered():
        st.warning(told.say("Undelivered: {line}", line=page.plain(told.retell(line))))


def tell_since(incident: Any, told: Words) -> str:
    """Say since when an incident is open, whether it came back, and whether it is no longer found."""
    parts = [told.say("Since {night}", night=told.date(incident.since))]
    if incident.times > 1:
        parts.append(told.say_many("it opened {n} time", "it opened {n} times", incident.times))
    if incident.quiet:
        parts.append(told.say("not found since {night}", night=told.date(incident.quiet[0])))
    return " · ".join(parts)


def show_more(record: Mapping[str, Any] | None, state: MarketState, told: Words) -> None:
    """Offer the night's report and the run's page as files, and lead to luigid and MLflow."""
    offer(
        state.place("report"),
        "report.html",
        f"report-{state.market}-{state.as_of or 'undated'}.html",
        told.say("The night's report"),
        told,
    )
    if record:
        offer(paths.DATA / "runs", f"{record['run']}.html", f"run-{record['run']}.html", told.say("The run's page"), told)
        if record.get("summary"):
            st.caption(told.say("What the run said at its end"))
            st.code("\n".join(record["summary"]), language=None, wrap_lines=True)
    core = luigi.interface.core()
    if reading.answers(core.scheduler_host, core.scheduler_port):
        st.link_button(told.say("Open luigid, the scheduler"), f"http://{core.scheduler_host}:{core.scheduler_port}/")
    else:
        st.caption(
            told.say(
                "luigid, the scheduler, does not answer on port {port}. Nothing needs it; start it to watch many runs:",
                port=core.scheduler_port,
            )
        )
        st.code("python -m pipeline luigid", language="sh")
    evaluation = state.place("evaluate")
    link = reading.link_run(evaluation) if evaluation else None
    if link:
        st.link_button(told.say("Open the training in MLflow"), link)
        st.caption(told.say("It opens where the MLflow server runs; the README says how to start it."))
    elif not settings.pipeline().mlflow_ui:
        st.caption(told.say("No MLflow server is named in luigi.cfg ([pipeline] mlflow_ui)."))


def offer(place: Path | None, name: str, file_name: str, label: str, told: Words) -> None:
    """Offer a page that the pipeline wrote as a file, or say that it is not there."""
    try:
        content = (place / name).read_bytes() if place else None
    except OSError:
        content = None
    if content is None:
        st.caption(told.say("{what}: not there.", what=label))
    else:
        st.download_button(label, content, file_name, "text/html", on_click="ignore")


def show_nothing(state: MarketState, told: Words) -> None:
    """Say that nothing ran yet, and how to begin."""
    st.info(told.say("No run of this market is recorded yet. Run this; the page shows it as it goes."))
    st.code(page.command(state.market), language="sh")


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("Tonight"), needs="")
    told, record = page.words(), find_newest(state.market)
    st.fragment(follow, run_every=_EVERY_S)(state.market, mark_of(record))
    if record:
        show_headline(record, state, told)
    else:
        show_nothing(state, told)
    show_others(state.market, told)
    part = page.pick({name: told.say(text) for name, text in PARTS.items()}, "tonight-part")
    if part == "deliveries":
        show_deliveries(state, told)
    elif part == "alerts":
        show_alerts(state, told)
    elif part == "more":
        show_more(record, state, told)
    elif record and record["state"] == ledger.RUNNING:
        st.fragment(show_stages, run_every=_EVERY_S)(state.market)
    elif record:
        show_stages(state.market)


def _is_done(task: Mapping[str, Any]) -> bool:
    return task["outcome"] in ("built", "reused")


main()
