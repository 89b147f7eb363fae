"""Lineage: from a price back to the deliveries that it rests on, by fingerprints, with what each result was made of."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import page, reading, running, tracing
from dashboard.charts import lineage as charts
from dashboard.reading import MarketState, Result
from dashboard.tracing import Lineage, Node
from dashboard.words import Words, mark

STARTS = {
    "model": mark("The champion's model"),
    "scores": mark("Tonight's prices"),
    "listing": mark("One advert"),
}
PARTS = {
    "results": mark("All results"),
    "made": mark("What one was made of"),
}
SCORED = ["listing_id", "price", "estimate", "rating"]
_MOST_ROWS = 500


def find_start(state: MarketState, start: str, told: Words) -> Result:
    """Return the result to begin with, or stop with why there is none and what to run."""
    command = page.command(state.market)
    if start == "model":
        if state.champion is None:
            page.stop(told.say("This market has no champion: nothing is priced."), command)
        place: Path | None = Path(state.champion.seat.folder)
    else:
        place = state.place("score")
        if place is None:
            page.stop(told.say("Nothing of this market is priced yet."), command)
    result = reading.find_result(place.as_posix()) if place else None
    if result is None:
        page.stop(
            told.say("{place} is gone or damaged: nothing says what it was made of.", place=page.plain(str(place))), command
        )
    return result


def ask_listing(state: MarketState, told: Words) -> str:
    """Let the reader name an advert, and return its listing's id; stop where there is none such."""
    clean = state.place("clean")
    listings = read_listing_ids(clean)
    if listings is None or listings.empty:
        page.stop(told.say("The list of adverts is gone or damaged."), page.command(state.market))
    asked = st.text_input(
        told.say("The advert's number, or its listing's whole name"),
        value=st.query_params.get("listing", ""),
        placeholder=find_example(state, listings),
        key=f"listing-{state.market}",
    ).strip()
    if not asked:
        page.stop(told.say("Type in an advert to see which deliveries mention it."))
    found = listings[(listings == asked) | listings.str.endswith(f":{asked}")]
    if found.empty:
        page.stop(told.say("No advert of this market has that number: {asked}", asked=page.plain(asked)))
    return str(found.iloc[0])


def find_example(state: MarketState, listings: pd.Series) -> str:
    """Return the id of an advert that is for sale, of any where none is."""
    try:
        live = page.rows(state.place("score") or Path(), "scores.parquet", SCORED)["listing_id"]
    except (OSError, ValueError):
        live = listings
    return str((listings if live.empty else live).iloc[-1])


def read_listing_ids(clean: Path | None) -> pd.Series | None:
    """Return the ids of all listings, None where they cannot be read."""
    try:
        return page.rows(clean, "listings.parquet", ["listing_id"])["listing_id"].astype(str) if clean else None
    except (OSError, ValueError):
        return None


def show_listing(state: MarketState, listing_id: str, mentions: pd.DataFrame, told: Words) -> None:
    """Write what an advert is priced at, and list the deliveries that mention it with the price that each gave."""
    try:
        scores = page.rows(state.place("score") or Path(), "scores.parquet", SCORED)
    except (OSError, ValueError):
        scores = pd.DataFrame(columns=["listing_id"])
    for row in scores[scores["listing_id"] == listing_id].head(1).to_dict("records"):
        st.markdown(
            told.say(
                "**{listing}**: asked {price}, estimated {estimate}, {rating}.",
                listing=page.plain(listing_id),
                price=page.plain(told.money(row["price"])),
                estimate=page.plain(told.money(row["estimate"])),
                rating=told.rating(row["rating"]),
            )
        )
        break
    else:
        st.markdown(told.say("**{listing}** was not for sale on this night: it has no price.", listing=page.plain(listing_id)))
    if mentions.empty:
        st.warning(told.say("No delivery that is still there mentions it."))
        return
    page.table(
        pd.DataFrame({told.say("Delivery"): mentions["delivery"], told.say("Price asked"): mentions["price"]}).tail(_MOST_ROWS),
        {told.say("Price asked"): st.column_config.NumberColumn(format="localized")},
    )


def show_graph(lineage: Lineage, marked: Collection[str], told: Words) -> None:
    """Draw the graph, and say which results are damaged or gone."""
    graph = charts.draw_lineage(lineage, marked, told, is_dark=st.context.theme.type == "dark")
    st.graphviz_chart(graph, width="stretch", alt=told.say("From the deliveries to the price"))
    st.caption(
        told.say(
            "From the deliveries on the left to what was asked for; each result carries its fingerprint, by which its folder is named."
        )
    )
    for node in lineage.nodes:
        if node.damage:
            told_of = f"{node.stage} {node.key}"
            st.warning(told.pair(page.plain(told_of), page.plain(tell_damage(node, told))))


def tell_damage(node: Node, told: Words) -> str:
    """Say what is wrong with a result, that it is whole where nothing is."""
    if not node.damage:
        return told.say("whole")
    return told.say("gone; run the pipeline again to rebuild it") if node.result is None else told.retell(node.damage)


def show_results(lineage: Lineage, told: Words) -> None:
    """List all results of a lineage, the one asked for first."""
    nodes = lineage.nodes[:_MOST_ROWS]
    results = [node.result for node in nodes]
    frame = pd.DataFrame(
        {
            told.say("Stage"): [node.stage for node in nodes],
            told.say("Of"): [node.name for node in nodes],
            told.say("Fingerprint"): [result.fingerprint[:16] if result else "" for result in results],
            told.say("Made"): running.read_moments(result.started_at if result else "" for result in results),
            told.say("Seconds"): [result.duration_s if result else None for result in results],
            told.say("State"): [tell_damage(node, told) for node in nodes],
            told.say("Folder"): [result.folder if result else "" for result in results],
            told.say("Files (sha256)"): [tell_files(result) for result in results],
            told.say("Run"): [result.run if result else "" for result in results],
        }
    )
    page.table(
        frame,
        {
            told.say("Made"): st.column_config.DatetimeColumn(format="localized"),
            told.say("Seconds"): st.column_config.NumberColumn(format="%.1f"),
        },
    )
    st.caption(told.say_many("{n} result", "{n} results", len(lineage.nodes)))


def tell_files(result: Result | None) -> str:
    """Return the files of a result in a line, each with the first digits of its sha256."""
    return ", ".join(f"{name} {sha}" for name, sha in tracing.list_files(result)) if result else ""


def show_made(lineage: Lineage, told: Words) -> None:
    """Let the reader choose a result, and show what it was made of."""
    there = {node.key: node for node in lineage.nodes if node.result}
    key = st.selectbox(
        told.say("Result"), list(there), format_func=lambda key: f"{there[key].stage} {there[key].name} · {key}", key="made-of"
    )
    manifest = reading.read_manifest(key) if key else None
    if manifest is None:
        st.info(told.say("Nothing says any more what it was made of."))
        return
    recipe = manifest.recipe
    left, right = st.columns(2)
    with left:
        show_pairs(told.say("Parameters"), recipe.get("parameters", {}), told)
        show_pairs(told.say("Libraries"), {"python": recipe.get("python"), **recipe.get("libraries", {})}, told)
        show_pairs(told.say("Files read"), recipe.get("files", {}), told)
    with right:
        show_pairs(told.say("Code"), recipe.get("code", {}), told)
    with st.expander(told.say("Settings")):
        st.code(json.dumps(recipe.get("settings"), indent=1, ensure_ascii=False), language="json", height=300)


def show_pairs(title: str, pairs: dict[str, object], told: Words) -> None:
    """List names with values, of digests the first digits."""
    if not pairs:
        return
    st.markdown(f"**{title}**")
    values = [str(value)[:16] if len(str(value)) == 64 else str(value) for value in pairs.values()]
    page.table(pd.DataFrame({told.say("Name"): list(pairs), told.say("Value"): values}))


@page.body
def show(state: MarketState, told: Words) -> None:
    """Draw what a reader can choose in."""
    start = page.pick({name: told.say(text) for name, text in STARTS.items()}, "lineage-start")
    result = find_start(state, start, told)
    listing_id = ask_listing(state, told) if start == "listing" else ""
    lineage = tracing.trace(result, state.market)
    marked: Collection[str] = ()
    if listing_id:
        mentions = find_mentions(lineage, tuple(node.key for node in lineage.of_stage("Ingest")), listing_id)
        marked = set(mentions["key"])
        show_listing(state, listing_id, mentions, told)
    show_graph(lineage, marked, told)
    part = page.pick({name: told.say(text) for name, text in PARTS.items()}, "lineage-part")
    if part == "results":
        show_results(lineage, told)
    else:
        show_made(lineage, told)


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("Lineage"), needs="evaluate")
    told = page.words()
    show(state, told)


@st.cache_data(max_entries=32, show_spinner=False)
def find_mentions(_lineage: Lineage, folders: tuple[str, ...], listing_id: str) -> pd.DataFrame:  # noqa: ARG001  # they are the key
    """Return the deliveries that mention a listing, by the folders of their rows, which never change."""
    return tracing.list_mentions(_lineage, listing_id)


main()
