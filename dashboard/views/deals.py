"""Deals: which cars are for sale too cheap, and whether to believe it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import deals, page, reading
from dashboard.charts import counts as count_charts
from dashboard.charts import deals as charts
from dashboard.charts import prices as price_charts
from dashboard.charts.frame import RATING_COLORS
from dashboard.reading import MarketState
from dashboard.words import UNKNOWN, Words, mark
from pipeline.listing import NOT_RATED, RATINGS
from pipeline.stages.deals import DEAL_RATINGS, find_url
from pipeline.stages.score import MIN_LIKE_IT

SHOWN = 300  # rows of the table
_BEST = 6  # deals that are drawn
_LIKE_IT = 400  # cars of the same make and model that are drawn
_RANGES = {"year": 1, "price": 1_000, "mileage_km": 10_000, "days_listed": 1}
_WHY_NOT = {
    "few": mark("fewer than {n} like it to learn from"),
    "doubted": mark("estimate far from what cars like it ask"),
    "wide": mark("interval too wide for a rating"),
    "extrapolated": mark("beyond what the model has seen"),
    "refused": mark("refused: no price at all"),
}
_COLUMN_NAMES = {"days_listed": mark("Days listed")}


def choose_listings(scores: pd.DataFrame, told: Words, market: str) -> pd.DataFrame:
    """Draw the filters and return the listings that they leave, in their order."""
    is_wanted = pd.Series(data=True, index=scores.index)
    names = [name for name in ("make", "model", "city") if name in scores]
    for place, name in zip(st.columns(len(names)), names, strict=True):
        is_wanted &= _ask_word(place, scores[is_wanted], name, told, market).reindex(scores.index, fill_value=False)
    priced = scores["rating"].ne(NOT_RATED).any()
    chosen = st.pills(
        told.say("Rated"),
        [*RATINGS, NOT_RATED],
        default=list(DEAL_RATINGS) if priced else [],
        selection_mode="multi",
        format_func=told.rating,
        key=f"rating-{market}",
        help=told.say("None chosen means all."),
    )
    if chosen:
        is_wanted &= scores["rating"].isin(chosen)
    with st.expander(told.say("More filters")):
        is_wanted &= _ask_ranges(scores, told, market)
        if st.toggle(told.say("Only prices below their interval"), key=f"below-{market}"):
            is_wanted &= scores["price"] < scores["low"]
    return scores[is_wanted]


def tell_best(chosen: pd.DataFrame, told: Words) -> None:
    """Draw the listings most below their estimate."""
    best = chosen[chosen["estimate"].notna()].head(_BEST)
    if best.empty:
        st.info(told.say("No listing with an estimate fits these filters."))
        return
    st.markdown("**" + told.say("Cheapest for what they are") + "**")
    cars = [_name_car(row, told) for row in best.to_dict("records")]
    asked = [f"{told.money(row.price)}  {told.signed_share(row.position)}" for row in best.itertuples()]
    page.draw(charts.draw_deals(best.assign(car=cars, told=asked), told))
    st.caption(
        told.say(
            "Diamond: the price. Line: the estimate. Bar: the interval. A diamond left of its bar is cheaper than nearly all such cars."
        )
    )


def tell_rated(scores: pd.DataFrame, told: Words) -> None:
    """Draw how all live listings are rated, and say why some are not."""
    st.markdown("**" + told.say_many("{n} live listing, by rating", "{n} live listings, by rating", len(scores)) + "**")
    ratings = scores["rating"].value_counts()
    bars = [(told.rating(name), int(ratings.get(name, 0)), RATING_COLORS[name]) for name in (*RATINGS, NOT_RATED)]
    page.draw(count_charts.draw_counts(bars, told))
    reasons = deals.find_why_not(scores).value_counts()
    why = [
        told.pair(told.say(text, n=MIN_LIKE_IT) if name == "few" else told.say(text), told.number(int(reasons[name])))
        for name, text in _WHY_NOT.items()
        if name in reasons
    ]
    if why:
        st.caption(told.say("Not rated: {why}.", why="; ".join(why)))


def tell_trust(state: MarketState, told: Words) -> None:
    """Say how well the champion's estimates and intervals held when it was judged."""
    if state.champion is None:
        st.warning(told.say("There is no champion, so nothing is priced."))
        return
    try:
        metrics = reading.read_document(Path(state.champion.seat.evaluation), "metrics.json")
        figures = {
            "n": told.number(metrics["n_test"]),
            "error": told.share(metrics["median_ape"]),
            "share": told.share(metrics["interval_coverage"]),
            "level": told.share(metrics["interval_level"]),
        }
    except (OSError, ValueError, KeyError, TypeError):
        st.caption(told.say("How well the champion's estimates held cannot be read any more."))
        return
    st.caption(
        told.say(
            "Believe it so far: of {n} prices it had never seen, half lay within {error} of their estimate, and {share} in their interval ({level} were meant to). A price far below can also be damage, a deposit or a slip: read the advert.",
            **figures,
        )
    )


def tabulate(shown: pd.DataFrame, told: Words) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table that people see, with numbers that sort, and how its columns are written."""
    urls = shown["listing_id"].map(find_url)
    whole = st.column_config.NumberColumn(format="localized")
    plain_year = st.column_config.NumberColumn(format="%d")
    columns: dict[str, tuple[Any, Any]] = {
        told.say("Car"): (shown["make"] + " " + shown["model"], st.column_config.TextColumn(pinned=True)),
        told.column("year"): (shown["year"], plain_year),
    }
    if "mileage_km" in shown:
        columns[told.say("Mileage (km)")] = (shown["mileage_km"].round(), whole)
    columns |= {
        told.column("price"): (shown["price"].round(), whole),
        told.say("Estimate"): (shown["estimate"].round(), whole),
        told.say("Off by"): (shown["position"] * 100, st.column_config.NumberColumn(format="%+.0f %%")),
        told.say("Rating"): (shown["rating"].map(told.rating), None),
        told.say("From"): (shown["low"].round(), whole),
        told.say("To"): (shown["high"].round(), whole),
    }
    if "city" in shown:
        columns[told.column("city")] = (shown["city"], None)
    if shown["days_listed"].notna().any():
        columns[told.say("Days listed")] = (shown["days_listed"], whole)
        columns[told.say("Price changes")] = (shown["price_changes"], whole)
    if urls.notna().any():
        columns[told.say("Advert")] = (urls, st.column_config.LinkColumn(display_text=told.say("open")))
    if (shown["reason"] != "").any():
        retold = {reason: told.retell(reason) for reason in shown["reason"].unique()}
        columns[told.say("Why")] = (shown["reason"].map(retold), None)
    frame = pd.DataFrame({name: values for name, (values, _) in columns.items()})
    return frame, {name: config for name, (_, config) in columns.items() if config}


def show_table(chosen: pd.DataFrame, told: Words, market: str) -> pd.Series:
    """Draw the first listings, offer all as CSV, and return the one that is looked at: the first until a row is picked."""
    shown = chosen.head(SHOWN)
    n = told.say_many("{n} listing", "{n} listings", len(chosen))
    first = told.say("the first {n} are shown", n=told.number(SHOWN)) if len(chosen) > SHOWN else ""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    left.markdown("**" + ", ".join(filter(None, (n, first))) + "** · " + told.say("pick a row to see its advert below"))
    right.download_button(
        told.say("All as CSV"),
        lambda: deals.write_csv(chosen),
        file_name=f"listings-{market}.csv",
        mime="text/csv",
        on_click="ignore",
        key="csv",
    )
    frame, config = tabulate(shown, told)
    height = min(38 + 35 * len(shown), 320)
    event = page.table(
        frame, config, on_select="rerun", selection_mode="single-row", key=f"table-{market}", height=height, placeholder=UNKNOWN
    )
    picked = [row for row in event.selection.rows if row < len(shown)]
    return shown.iloc[picked[0] if picked else 0]


def show_listing(row: pd.Series, scores: pd.DataFrame, state: MarketState, told: Words) -> None:
    """Draw one listing: its price on its interval, among cars like it, and over the nights; or why it has no price."""
    st.subheader(page.plain(_name_car(row.to_dict(), told)))
    _tell_listing(row, told)
    left, right = st.columns(2, gap="large")
    with left:
        _show_like(row, scores, told)
    with right:
        _show_price_changes(row, state, told)


@page.body
def show(scores: pd.DataFrame, state: MarketState, told: Words) -> None:
    """Draw what a reader can choose in."""
    chosen = choose_listings(scores, told, state.market)
    left, right = st.columns([3, 2], gap="large")
    with left:
        tell_best(chosen, told)
    with right:
        tell_rated(scores, told)
    if not chosen.empty:
        show_listing(show_table(chosen, told, state.market), scores, state, told)


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("Deals"), needs="score")
    told = page.words()
    scores = _order(str(state.place("score")), page.need_rows(state.place("score"), "scores.parquet"))
    if scores.empty:
        page.stop(told.say("No listing is live: the newest night has none."))
    n_deals = int(scores["rating"].isin(DEAL_RATINGS).sum())
    st.markdown(
        told.say_many(
            "**{n} car** is for sale so far below its estimate that its price is rated good or great.",
            "**{n} cars** are for sale so far below their estimates that their prices are rated good or great.",
            n_deals,
        )
    )
    tell_trust(state, told)
    show(scores, state, told)


@st.cache_resource(max_entries=8, show_spinner=False)
def _order(place: str, _scores: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG001  # it is the key
    """Return the listings most below their estimate first, those without one last; shared by all, so nobody may change it."""
    return _scores.sort_values(["position", "listing_id"], ignore_index=True)


def _ask_word(place: Any, scores: pd.DataFrame, name: str, told: Words, market: str) -> pd.Series:
    options = sorted(scores[name].dropna().unique(), key=str.casefold)
    with place:
        word = st.selectbox(told.column(name), options, index=None, placeholder=told.say("all"), key=f"{name}-{market}")
    return pd.Series(data=True, index=scores.index) if word is None else scores[name].eq(word).fillna(value=False)


def _ask_ranges(scores: pd.DataFrame, told: Words, market: str) -> pd.Series:
    """Ask from where to where numbers may lie; what is not known lies in no range."""
    is_wanted = pd.Series(data=True, index=scores.index)
    names = [name for name in _RANGES if name in scores and scores[name].notna().any()]
    for place, name in zip(st.columns(len(names)), names, strict=True):
        label = told.say(_COLUMN_NAMES[name]) if name in _COLUMN_NAMES else told.column(name)
        for end, text in (("from", told.say("{what} from", what=label)), ("to", told.say("{what} up to", what=label))):
            bound = place.number_input(text, value=None, min_value=0, step=_RANGES[name], key=f"{name}-{end}-{market}")
            if bound is not None:
                is_within = scores[name] >= bound if end == "from" else scores[name] <= bound
                is_wanted &= is_within.fillna(value=False).astype(bool)
    return is_wanted


def _name_car(row: dict[Any, Any], told: Words) -> str:
    mileage = told.value("mileage_km", row.get("mileage_km"))
    parts = [f"{row['make']} {row['model']} {told.value('year', row['year'])}", *([] if mileage == UNKNOWN else [mileage])]
    return " · ".join(parts)


def _tell_listing(row: pd.Series, told: Words) -> None:
    price = told.money(row["price"])
    if pd.isna(row["estimate"]):
        st.error(
            told.say("Asked: {price}. No price: {why}.", price=page.plain(price), why=page.plain(told.retell(row["reason"]))),
        )
    else:
        is_below = row["position"] < 0
        below = mark("Asked **{price}**, {share} below the estimate of **{estimate}** · {rating}")
        above = mark("Asked **{price}**, {share} above the estimate of **{estimate}** · {rating}")
        st.markdown(
            told.say(
                below if is_below else above,
                price=page.plain(price),
                share=told.share(abs(row["position"])),
                estimate=page.plain(told.money(row["estimate"])),
                rating=told.rating(row["rating"]),
            )
        )
        page.draw(price_charts.draw_interval(row["low"], row["estimate"], row["high"], told, row["price"]))
        if row["price"] < row["low"]:
            st.warning(
                told.say("Below its whole interval: more often damage, a slip or a fraud than a bargain. Read the advert first.")
            )
        if row["reason"]:
            st.warning(told.say("Take it with care: {why}.", why=page.plain(told.retell(row["reason"]))))
        if deals.find_doubted(row.to_frame().T.infer_objects()).any():
            st.warning(told.say("The estimate is doubtful: it is far from what cars like it ask, and this price is not."))
    identity = str(row["listing_id"])
    url = find_url(identity)
    if url:
        st.link_button(told.say("Open the advert"), url)
    learnt = told.say_many(
        "The model learnt from {n} other like it.", "The model learnt from {n} others like it.", int(row["n_like_it"])
    )
    if pd.notna(typical := row.get("typical_price")):
        half = told.say("Half of those of about its year ask less than {price}.", price=page.plain(told.money(typical)))
        learnt = f"{learnt} {half}"
    st.caption(learnt)
    st.code(identity, language=None, wrap_lines=True)


def _show_like(row: pd.Series, scores: pd.DataFrame, told: Words) -> None:
    columns = [name for name in ("mileage_km", "year") if name in scores and pd.notna(row[name])]
    is_other = (scores["make"] == row["make"]) & (scores["model"] == row["model"]) & (scores["listing_id"] != row["listing_id"])
    others = scores[is_other]
    st.markdown("**" + told.say("Against cars of its make and model") + "**")
    if others.empty:
        st.info(told.say("No other such car is for sale."))
        return
    column = page.pick({name: told.column(name) for name in columns}, "axis") if len(columns) > 1 else columns[0]
    known = others[others[column].notna()]
    drawn = known.sample(min(len(known), _LIKE_IT), random_state=0)
    names = [name for name in ("price", "estimate", "low", "high", column) if pd.notna(row[name])]
    page.draw(charts.draw_like(drawn[["price", column]], {name: float(row[name]) for name in names}, column, told))
    st.caption(told.say_many("{n} other is for sale.", "{n} others are for sale.", len(others)))


def _show_price_changes(row: pd.Series, state: MarketState, told: Words) -> None:
    st.markdown("**" + told.say("Its price over the nights") + "**")
    prices = page.need_rows(state.place("clean"), "prices.parquet")
    own = prices[prices["listing_id"] == row["listing_id"]]
    dated = own[own["seen_on"].notna()]
    if dated.empty:
        st.info(told.say("Its deliveries bear no dates, so nobody knows when it was asked for how much."))
        return
    if len(own) == 1:
        st.info(told.say("{price} since {night}.", price=told.money(row["price"]), night=told.date(dated["seen_on"].iloc[0])))
        return
    steps = pd.DataFrame({"on": pd.to_datetime(dated["seen_on"]), "price": dated["price"]})
    now = pd.DataFrame({"on": [pd.to_datetime(max(state.as_of, dated["seen_on"].iloc[-1]))], "price": [row["price"]]})
    page.draw(charts.draw_price_changes(pd.concat([steps, now], ignore_index=True), told))


main()
