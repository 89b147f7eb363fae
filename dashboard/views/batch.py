"""Batch: price every row of a table of cars by the champion."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import batch, page
from dashboard.batch import Batch
from dashboard.charts import counts as charts
from dashboard.charts.frame import BLUE, GREY, ORANGE, SKY
from dashboard.reading import MarketState
from dashboard.words import UNKNOWN, Words, mark
from pipeline.car_pricing import fill_record
from pipeline.errors import UserError
from pipeline.market import Market
from pipeline.serving import ChampionUnusable, ServedModel

_COLORS = {"priced": BLUE, "extrapolated": SKY, "refused": ORANGE, "unreadable": GREY}
_REASONS = 8  # that are listed


def load_champion(state: MarketState, told: Words) -> ServedModel:
    """Return the market's champion; stop where there is none that can price."""
    if state.champion is None:
        page.stop(told.say("There is no champion, so nothing is priced."), page.command(state.market))
    try:
        return page.served(state.champion.seat)
    except ChampionUnusable as error:
        page.stop(page.plain(told.retell(str(error))))


def offer_template(served: ServedModel, terms: Market, market: str, told: Words) -> None:
    """Offer a table to fill in."""
    st.download_button(
        told.say("A table to fill in"),
        lambda: batch.write_template(served.model, terms),
        file_name=f"cars-{market}.csv",
        mime="text/csv",
        on_click="ignore",
        key="template",
    )


def price_once(upload: Any, served: ServedModel, terms: Market, market: str, told: Words) -> Batch | None:
    """Price an upload with a bar of progress, once for each model; write what is wrong where it cannot be priced."""
    key = (market, upload.file_id, served.fingerprint, served.stale)
    if st.session_state.get("batch-key") == key:
        return _show_kept(told)
    bar = st.progress(0.0, text=told.say("Reading {name}", name=page.plain(upload.name)))

    def advance(done: int, total: int) -> None:
        text = told.say("{done} of {total} rows priced", done=told.number(done), total=told.number(total))
        bar.progress(min(done / max(total, 1), 1.0), text=text)

    kept: Batch | str
    try:
        kept = batch.price_upload(upload.getvalue(), upload.name, served, terms, advance)
    except UserError as error:
        kept = str(error)
    bar.empty()
    st.session_state["batch-key"], st.session_state["batch"] = key, kept
    return _show_kept(told)


def show_batch(priced: Batch, served: ServedModel, terms: Market, told: Words) -> None:
    """Draw what became of the rows, and offer them all as CSV."""
    _warn_unknown(priced, terms, told)
    left, right = st.columns([2, 3], gap="large")
    total = sum(priced.counts.values())
    with left:
        st.markdown("**" + told.say_many("{n} row", "{n} rows", total) + "**")
        bars = [(told.status(status), n, _COLORS[status]) for status, n in priced.counts.items()]
        page.draw(charts.draw_counts(bars, told))
        st.download_button(
            told.say("All rows with their prices as CSV"),
            priced.priced,
            file_name=f"priced-{priced.name.split('.')[0]}.csv",
            mime="text/csv",
            on_click="ignore",
            type="primary",
            key="priced",
        )
        page.origin(served)
    with right:
        _show_reasons(priced, told)
    frame, config = tabulate(priced, told)
    page.table(frame, config, height=min(38 + 35 * len(frame), 460), placeholder=UNKNOWN)
    if total > len(frame):
        st.caption(told.say("The first {n} rows are shown; the CSV holds all.", n=told.number(len(frame))))


def tabulate(priced: Batch, told: Words) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the first rows as people see them: the outcome, then the row's own cells."""
    outcomes = [outcome for _, outcome in priced.first]
    retold = {outcome.reason: told.retell(outcome.reason) for outcome in outcomes}
    ours: dict[str, Any] = {
        told.say("Status"): [told.status(outcome.status) for outcome in outcomes],
        told.say("Estimate"): pd.array([outcome.estimate for outcome in outcomes], dtype="Int64"),
        told.say("From"): pd.array([outcome.low for outcome in outcomes], dtype="Int64"),
        told.say("To"): pd.array([outcome.high for outcome in outcomes], dtype="Int64"),
        told.say("Why"): [retold[outcome.reason] for outcome in outcomes],
    }
    named = {_unlike(name, priced.headers): values for name, values in ours.items()}
    cells = [fill_record(record, len(priced.headers)) for record, _ in priced.first]
    own = pd.DataFrame(cells, columns=priced.headers, dtype="str")
    config = {name: st.column_config.NumberColumn(format="localized") for name in list(named)[1:4]}
    return pd.concat([pd.DataFrame(named), own], axis=1), config


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("Batch"), needs="evaluate")
    told, terms = page.words(), state.terms
    if terms is None:
        st.stop()
    served = load_champion(state, told)
    st.markdown(
        told.say(
            "A CSV, packed with gzip or not, in the market's columns or ours, with at least make, model and year. At most 25 MB, 200 MB unpacked, and {rows} rows. Nothing of it is kept.",
            rows=told.number(batch.MAX_ROWS),
        )
    )
    offer_template(served, terms, state.market, told)
    upload = st.file_uploader(told.say("Cars to price"), type=["csv", "gz"], key=f"upload-{state.market}")
    if upload is None:
        st.session_state.pop("batch", None)
        st.session_state.pop("batch-key", None)
        return
    priced = price_once(upload, served, terms, state.market, told)
    if priced:
        show_batch(priced, served, terms, told)


def _show_kept(told: Words) -> Batch | None:
    kept: Batch | str = st.session_state["batch"]
    if isinstance(kept, Batch):
        return kept
    st.error(page.plain(told.retell(kept)))
    return None


def _warn_unknown(priced: Batch, terms: Market, told: Words) -> None:
    if not priced.unknown:
        return
    names = [
        told.say("{name} (did you mean {near}?)", name=page.plain(header[:80]), near=page.plain(near))
        if near
        else page.plain(header[:80])
        for header, near in priced.unknown.items()
    ]
    st.warning(
        told.say(
            "Not used, as {market} has no such column: {names}.", market=page.plain(terms.title), names=told.listed(names[:20])
        )
    )


def _show_reasons(priced: Batch, told: Words) -> None:
    if not priced.reasons:
        st.success(told.say("Every row has its price."))
        return
    st.markdown("**" + told.say("Why rows have no price") + "**")
    listed = priced.reasons.most_common(_REASONS)
    frame = pd.DataFrame(
        {told.say("Rows"): [n for _, n in listed], told.say("Why"): [told.retell(reason) for reason, _ in listed]}
    )
    page.table(frame, {told.say("Rows"): st.column_config.NumberColumn(format="localized", width="small")})
    if len(priced.reasons) > _REASONS:
        more = len(priced.reasons) - _REASONS
        st.caption(told.say_many("{n} more reason stands in the CSV.", "{n} more reasons stand in the CSV.", more))


def _unlike(name: str, taken: list[str]) -> str:
    """Return a name for a column of ours that the table has not got itself."""
    while name in taken:
        name += " "
    return name


main()
