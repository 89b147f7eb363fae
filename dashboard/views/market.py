"""Market: what cars are asked for, how many are for sale, how long they stay, and how prices are cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import page, trends
from dashboard.charts import counts as count_charts
from dashboard.charts import market as charts
from dashboard.charts.frame import BLUE, ORANGE
from dashboard.reading import MarketState
from dashboard.trends import LISTING_COLUMNS
from dashboard.words import Words, mark
from pipeline.stages.score import select_live

_SHOWN = 20  # makes, models or years in a picture
PARTS = {
    "levels": mark("Price levels"),
    "time": mark("Over time"),
    "days": mark("Days for sale"),
    "cuts": mark("Price cuts"),
}


def choose_cars(listings: pd.DataFrame, told: Words, market: str) -> tuple[str, str]:
    """Let the reader choose a make, and a model of it; "" is all of them."""
    left, right = st.columns(2)
    with left:
        make = st.selectbox(
            told.column("make"), list_words(listings["make"]), index=None, placeholder=told.say("all"), key=f"make-of-{market}"
        )
    models = list_words(listings.loc[listings["make"] == make, "model"]) if make else []
    with right:
        model = st.selectbox(
            told.column("model"),
            models,
            index=None,
            placeholder=told.say("all"),
            key=f"model-of-{market}-{make}",
            disabled=not make,
        )
    return make or "", model or ""


def list_words(words: pd.Series) -> list[str]:
    """Return the distinct words, those with the most listings first."""
    return [str(word) for word in words.value_counts().index]


def show_levels(live: pd.DataFrame, by: str, told: Words) -> None:
    """Draw the prices of all makes, of a make's models, or of a model's years."""
    levels = trends.rank_levels(live, by)
    if by != "year":
        levels = levels[levels["n"] >= min(trends.MIN_CARS, int(levels["n"].max()))]
    shown = levels.head(_SHOWN)
    if by == "year":
        shown = shown.sort_values("name", ascending=False)
    shown = shown.assign(name=[told.value(by, name) for name in shown["name"]])
    page.draw(charts.draw_levels(shown, told))
    st.caption(
        told.say("Bar: the middle half of the prices asked now. Line: the median.")
        + " "
        + told.say_many("{n} car is for sale.", "{n} cars are for sale.", len(live))
    )
    n_more = int(live[by].nunique()) - len(shown)
    if n_more:
        st.caption(told.say_many("{n} with fewer cars is not drawn.", "{n} with fewer cars are not drawn.", n_more))
    _show_numbers(shown, told, by)


def show_time(nights: pd.DataFrame, told: Words) -> None:
    """Draw how many cars were for sale on each night, and at which prices."""
    if len(nights) < 2:
        st.info(told.say("One night says nothing of time: this shows from the second on."))
        return
    st.markdown("**" + told.say("Median price and the middle half") + "**")
    page.draw(charts.draw_prices(nights, told))
    st.caption(told.say("The median also moves when other cars are offered, not only when prices change."))
    st.markdown("**" + told.say("Cars for sale") + "**")
    page.draw(charts.draw_volume(nights, told))
    st.caption(told.say("A car counts from the first to the last night that it was seen, nights between without it too."))


def show_days(chosen: trends.Survival, whole: trends.Survival | None, told: Words) -> None:
    """Draw how long cars stay for sale, and say what is not known of it."""
    if not chosen.gone:
        st.info(told.say("No car that came after the first night is gone yet: how long they stay cannot be said."))
        return
    median = chosen.median_days
    st.metric(
        told.say("Half are gone after"),
        told.days(round(median)) if median is not None else told.say("more than {days}", days=_longest(chosen, told)),
    )
    page.draw(charts.draw_survival(chosen.curve, whole.curve if whole else None, told))
    if whole:
        st.caption(told.say("Blue: the cars chosen. Grey: the whole market."))
    st.caption(
        told.say(
            "{gone} are gone, sold or withdrawn. {still} are still for sale: their time goes on, and is counted as far as it was seen (Kaplan–Meier). {left_out} were there on the first night, nobody knows since when, and are left out.",
            gone=told.number(chosen.gone),
            still=told.number(chosen.still),
            left_out=told.number(chosen.left_out),
        )
    )


def show_cuts(cuts: trends.Cuts, told: Words) -> None:
    """Draw how many listings were cut in price, by how much, and where."""
    left, middle, right = st.columns(3)
    left.metric(told.say("Listings with a cut"), told.share(cuts.with_cut / cuts.listings, 1))
    middle.metric(told.say("Typical cut"), told.share(cuts.median_cut, 1))
    right.metric(told.say("Cuts / rises"), f"{told.number(cuts.cuts)} / {told.number(cuts.rises)}")
    if not cuts.cuts:
        st.info(told.say("No price of these cars was cut while it was watched."))
        return
    one, other = st.columns(2, gap="large")
    with one:
        st.markdown("**" + told.say("Cuts by their size") + "**")
        sizes = [(_name_size(row, told), int(row["n"]), BLUE) for row in cuts.sizes.to_dict("records")]
        page.draw(count_charts.draw_counts(sizes, told))
    with other:
        st.markdown("**" + told.say("Share of listings with a cut") + "**")
        shown = cuts.shares.head(_SHOWN).to_dict("records")
        bars = [(str(row["name"]), row["share"], told.share(row["share"]), ORANGE) for row in shown]
        if bars:
            page.draw(count_charts.draw_bars(bars, told))
        st.caption(told.say("Those with at least {n} listings, the most frequent first.", n=told.number(trends.MIN_CARS)))
    st.caption(told.say("Of all listings ever seen; one seen on a single night could not be cut."))


@page.body
def show(listings: pd.DataFrame, newest: str, state: MarketState, told: Words) -> None:
    """Draw what a reader can choose in."""
    make, model = choose_cars(listings, told, state.market)
    by = "year" if model else "model" if make else "make"
    chosen = select(listings, make, model)
    if not newest or listings["first_seen_on"].isna().all():
        st.info(told.say("The deliveries of this market bear no dates: there are price levels, and nothing over time."))
        show_levels(chosen, by, told)
        return
    part = page.pick({name: told.say(text) for name, text in PARTS.items()}, "market-part")
    if part == "levels":
        live = select(select_live(listings, newest), make, model)
        if live.empty:
            st.info(told.say("No such car is for sale now."))
        else:
            show_levels(live, by, told)
        return
    _show_dated(part, state, (make, model, by), told)


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("The market"), needs="clean")
    told = page.words()
    listings = page.need_rows(state.place("clean"), "listings.parquet", LISTING_COLUMNS)
    newest = str(page.need_document(state.place("check"), "account.json").get("newest", "")) if state.place("check") else ""
    if listings.empty:
        page.stop(told.say("The deliveries hold no listing."))
    show(listings, newest, state, told)


def select(listings: pd.DataFrame, make: str, model: str) -> pd.DataFrame:
    """Return the listings of a make and a model, "" being all."""
    if not make:
        return listings
    is_chosen = listings["make"] == make
    return listings[is_chosen & (listings["model"] == model) if model else is_chosen]


def _show_dated(part: str, state: MarketState, cars: tuple[str, str, str], told: Words) -> None:
    place, (make, model, by) = str(state.place("clean")), cars
    page.need_rows(state.place("clean"), "prices.parquet")
    if part == "time":
        show_time(_gather(place, "time", make, model, by, state), told)
    elif part == "days":
        whole = _gather(place, "days", "", "", "make", state) if make else None
        show_days(_gather(place, "days", make, model, by, state), whole, told)
    else:
        show_cuts(_gather(place, "cuts", make, model, "model" if make else "make", state), told)


@st.cache_data(max_entries=64, show_spinner=False)
def _gather(place: str, part: str, make: str, model: str, by: str, _state: MarketState) -> Any:  # noqa: ARG001  # `place` is the key
    """Return what one part shows of some cars; results never change, so it is gathered once."""
    listings = page.need_rows(_state.place("clean"), "listings.parquet", LISTING_COLUMNS)
    prices = page.need_rows(_state.place("clean"), "prices.parquet")
    nights = trends.list_nights(listings, prices)
    chosen = select(listings, make, model)
    gathered: dict[str, Callable[[], Any]] = {
        "time": lambda: trends.follow_market(chosen, prices, nights),
        "days": lambda: trends.follow_survival(chosen, nights),
        "cuts": lambda: trends.count_cuts(chosen, prices, by),
    }
    return gathered[part]()


def _show_numbers(levels: pd.DataFrame, told: Words, by: str) -> None:
    frame = pd.DataFrame(
        {
            told.column(by): levels["name"],
            told.say("For sale"): levels["n"],
            told.say("Median price"): levels["median"].round(),
            told.say("From"): levels["low"].round(),
            told.say("To"): levels["high"].round(),
        }
    )
    whole = st.column_config.NumberColumn(format="localized")
    with st.expander(told.say("In numbers")):
        page.table(frame, {str(name): whole for name in frame.columns[1:]})


def _longest(survival: trends.Survival, told: Words) -> str:
    return told.days(int(survival.curve["day"].max()))


def _name_size(row: dict[Any, Any], told: Words) -> str:
    low, high = (told.share(row[end], 1 if row[end] == 0.025 else 0) for end in ("low", "high"))
    if row["low"] == 0:
        return told.say("up to {share}", share=high)
    return told.say("more than {share}", share=low) if row["high"] == float("inf") else f"{low} – {high}"


main()
