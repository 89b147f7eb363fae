"""Price a car: the form, the estimate or the refusal, and why: what moved it, comparable adverts, age and mileage, what if."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import page, reading, valuing
from dashboard.charts import prices as charts
from dashboard.reading import MarketState, Version
from dashboard.valuing import Question
from dashboard.words import Words, mark
from pipeline.champion import Seat
from pipeline.market import Market
from pipeline.pricing import Outcome
from pipeline.serving import ChampionUnusable, ServedModel
from pipeline.stages.deals import find_url

FIRST = ("year", "mileage_km", "fuel", "gearbox", "condition")  # asked first; the rest lies folded
_SHOWN = 8  # things that moved a price
_ROLES = {
    reading.CHAMPION: mark("champion"),
    reading.FORMER: mark("former champion"),
    reading.CHALLENGER: mark("challenger, never promoted"),
}
PARTS = {
    "why": mark("What moved it"),
    "near": mark("Comparable adverts"),
    "age": mark("By age and mileage"),
    "if": mark("What if"),
}


def choose_version(state: MarketState, versions: list[Version], told: Words) -> Seat:
    """Let the reader choose among the registered models; the champion by default."""
    named = {
        version.version: told.say(
            "Version {version} ({role}), {night}",
            version=version.version,
            role=told.say(_ROLES[version.role]),
            night=told.date(version.seat.data_as_of) if version.seat.data_as_of else told.say("undated deliveries"),
        )
        for version in versions
    }
    seats = {version.version: version.seat for version in versions}
    champion = state.champion.seat.version if state.champion else next(iter(named))
    order = [champion, *(version for version in named if version != champion)] if champion in named else list(named)
    chosen = st.selectbox(told.say("Priced by"), order, format_func=named.__getitem__, key=f"version-{state.market}")
    if state.champion and chosen != state.champion.seat.version:
        st.warning(
            told.say(
                "Version {version} is not the champion: the market's prices are those of version {champion}.",
                version=chosen,
                champion=champion,
            )
        )
    if state.champion is None:
        st.warning(told.say("This market has no champion: version {version} was judged and not promoted.", version=chosen))
    return seats[chosen]


def ask_car(model: Any, idle: tuple[str, ...], told: Words, market: str) -> dict[str, str]:
    """Draw the form and return the car as text by canonical column."""
    makes = valuing.list_makes(model)
    usual = valuing.usual_make(model)
    make = st.selectbox(told.column("make"), makes, index=makes.index(usual), key=f"make-{market}")
    models = valuing.list_models(model, make)
    name = st.selectbox(
        told.column("model"), models, key=f"model-{market}-{make}", help=told.say("Those with the most adverts come first.")
    )
    questions = valuing.list_questions(model, make, name, idle)
    ranked = sorted(questions, key=lambda question: FIRST.index(question.name) if question.name in FIRST else len(FIRST))
    scope = f"{market}-{make}-{name}"
    car = {"make": make, "model": name}
    first = [question for question in ranked if question.name in FIRST]
    equipment = [question for question in ranked if question.kind == "boolean"]
    rest = [question for question in ranked if question not in first and question not in equipment]
    for question in first:
        car |= ask(question, scope, told)
    if rest or equipment:
        with st.expander(told.say("More about the car")):
            for question in rest:
                car |= ask(question, scope, told)
            car |= ask_equipment(equipment, scope, told)
    return car


def ask(question: Question, scope: str, told: Words) -> dict[str, str]:
    """Draw one question; nothing is told of the car where it is left open."""
    key, label = f"{question.name}-{scope}", told.column(question.name)
    if question.kind == "number":
        step = 1 if question.name != "mileage_km" else 1_000
        usual = question.usual if isinstance(question.usual, float) else None
        is_whole = question.name != "engine_l"
        # Begun with by its state: a field that begins with a value cannot be emptied, and not everybody knows the mileage.
        st.session_state.setdefault(key, (round(usual) if is_whole else usual) if usual is not None else None)
        value = st.number_input(
            label,
            value=None,
            step=step if is_whole else 0.1,
            min_value=0 if is_whole else 0.0,
            key=key,
            placeholder=told.say("not told"),
        )
        return {} if value is None else {question.name: f"{value:.10g}"}
    options = [None, *question.options]
    index = options.index(question.usual) if question.usual in options else 0
    word = st.selectbox(
        label,
        options,
        index=index,
        key=key,
        format_func=lambda option: told.say("not told") if option is None else told.value(question.name, option),
    )
    return {} if word is None else {question.name: word}


def ask_equipment(equipment: list[Question], scope: str, told: Words) -> dict[str, str]:
    """Draw what a car has or has not, as far as it can change a price."""
    if not equipment:
        return {}
    names = [question.name for question in equipment]
    usual = [question.name for question in equipment if question.usual is True]
    chosen = st.pills(
        told.say("Equipment that can change the price"),
        names,
        default=usual,
        selection_mode="multi",
        format_func=told.column,
        key=f"equipment-{scope}",
    )
    return {name: "yes" if name in chosen else "no" for name in names}


def show_outcome(outcome: Outcome, served: ServedModel, told: Words, asked: float | None = None) -> None:
    """Write a price with its interval, or why there is none."""
    if outcome.estimate is None or outcome.low is None or outcome.high is None:
        st.error(told.say("No price: {why}.", why=told.retell(outcome.reason)))
        st.caption(
            told.say("A price for such a car would be a guess. Change what is named above, or see the comparable adverts.")
        )
        page.origin(served)
        return
    st.metric(told.say("Estimate"), told.money(outcome.estimate))
    st.markdown(
        told.say(
            "**{low} – {high}** holds the asked price of {share} of such cars.",
            low=told.money(outcome.low),
            high=told.money(outcome.high),
            share=told.share(served.model.level),
        )
    )
    page.draw(charts.draw_interval(outcome.low, outcome.estimate, outcome.high, told, asked))
    if outcome.status == "extrapolated":
        st.warning(told.say("Take it with care: {why}.", why=told.retell(outcome.reason)))
    elif outcome.reason:
        st.caption(told.retell(outcome.reason))
    page.origin(served)


def show_why(served: ServedModel, terms: Market, car: dict[str, str], listings: pd.DataFrame, told: Words) -> None:
    """Draw what moved the price from that of the typical car to this estimate."""
    explanation = valuing.explain_car(served, terms, car, listings.head(0)).explanation
    felt = [change for change in explanation.contributions if abs(change.amount) >= 1]  # in money that is shown without decimals
    shown, rest = felt[:_SHOWN], felt[_SHOWN:]
    changes = [
        (told.pair(told.column(change.feature), told.value(change.feature, change.value)), change.amount) for change in shown
    ]
    if rest:
        changes.append(
            (told.say_many("{n} smaller thing", "{n} smaller things", len(rest)), sum(change.amount for change in rest))
        )
    start = {
        "make and model": told.say("Typical {make} {model}", make=car["make"], model=car["model"]),
        "make": told.say("Typical {make}", make=car["make"]),
        "market": told.say("Typical car of the market"),
    }[explanation.based_on]
    if not shown:
        st.info(
            told.say(
                "This is the typical car of its make and model. Change the year, the mileage or the equipment to see what each of them does to the price."
            )
        )
        return
    page.draw(
        charts.draw_contributions(
            (start, explanation.typical_estimate), (told.say("This car"), explanation.estimate), changes, told
        )
    )
    st.caption(
        told.say(
            "Each bar is a feature's share of the difference, averaged over all orders in which they could be changed (Shapley values)."
        )
    )
    usual = [
        {
            told.say("What"): told.column(change.feature),
            told.say("This car"): told.value(change.feature, change.value),
            told.say("Typical"): told.value(change.feature, change.typical_value),
            told.say("Changes the price by"): told.change(change.amount),
        }
        for change in shown
    ]
    page.table(pd.DataFrame(usual))


def show_near(served: ServedModel, terms: Market, car: dict[str, str], listings: pd.DataFrame, told: Words) -> None:
    """List the adverts of the cars nearest to this one."""
    near = valuing.explain_car(served, terms, car, listings).comparables
    if near.empty:
        st.info(told.say("No car of this make is for sale."))
        return
    urls = near["listing_id"].map(find_url)
    frame = pd.DataFrame(
        {
            told.say("Car"): [f"{row['make']} {row['model']}" for row in near.to_dict("records")],
            told.column("year"): near["year"].map(lambda year: told.value("year", year)),
            **(
                {told.column("mileage_km"): near["mileage_km"].map(lambda km: told.value("mileage_km", km))}
                if "mileage_km" in near
                else {}
            ),
            told.column("price"): near["price"].map(told.money),
            told.say("Differs by"): near["differences"].map(told.retell_list),
            **({told.say("Advert"): urls} if urls.notna().any() else {}),
        }
    )
    page.table(frame, {told.say("Advert"): st.column_config.LinkColumn(told.say("Advert"), display_text=told.say("open"))})
    st.caption(told.say("Nearest first, by a distance that counts years, mileage and equipment; twins are shown once."))


def show_age(served: ServedModel, terms: Market, car: dict[str, str], outcome: Outcome, told: Words) -> None:
    """Draw how the price falls with age and with mileage, all else as it is."""
    left, right = st.columns(2)
    (is_believed,) = valuing.are_believed(served, [car])
    for place, column, follow, title in (
        (left, "year", valuing.follow_age, told.column("year")),
        (right, "mileage_km", valuing.follow_mileage, told.say("Mileage (km)")),
    ):
        if column not in served.model.choice.columns:
            continue
        points = follow(served, terms, car)
        with place:
            if points.empty:
                st.info(told.say("Nothing can be priced along this line."))
            else:
                here = (
                    (float(car[column]), float(outcome.estimate)) if column in car and outcome.estimate and is_believed else None
                )
                page.draw(charts.draw_curve(points, here, title, told))
    st.caption(
        told.say(
            "All else stays as it is. Where a line ends the model has seen no such cars, or so little mileage is hardly believable."
        )
    )


def show_if(
    served: ServedModel, terms: Market, car: dict[str, str], questions: list[Question], outcome: Outcome, told: Words
) -> None:
    """Let the reader change the car and see both prices side by side."""
    columns = st.columns(3)
    other = dict(car)
    for place, question in enumerate(question for question in questions if question.kind != "boolean"):
        with columns[place % 3]:
            now: Any = car.get(question.name)
            start = float(now) if now is not None and question.kind == "number" else now
            same = Question(question.name, question.kind, question.options, start)
            other.pop(question.name, None)
            other |= ask(same, f"if-{'-'.join(car.values())}", told)
    equipment = [
        Question(question.name, "boolean", (), car.get(question.name) == "yes")
        for question in questions
        if question.kind == "boolean"
    ]
    other |= ask_equipment(equipment, f"if-{'-'.join(car.values())}", told)
    (changed,) = valuing.price_cars(served, terms, [other])
    left, right = st.columns(2)
    with left:
        st.metric(told.say("As it is"), told.money(outcome.estimate))
        if outcome.estimate is not None:
            st.caption(f"{told.money(outcome.low)} – {told.money(outcome.high)}")
    with right:
        if changed.estimate is None:
            st.error(told.say("No price: {why}.", why=told.retell(changed.reason)))
        else:
            difference = changed.estimate - outcome.estimate if outcome.estimate is not None else None
            st.metric(told.say("Changed"), told.money(changed.estimate), told.change(difference) if difference else None)
            st.caption(f"{told.money(changed.low)} – {told.money(changed.high)}")


@st.cache_data(max_entries=8, show_spinner=False)
def find_idle(_model: Any, fingerprint: str) -> tuple[str, ...]:  # noqa: ARG001  # it is the key
    """Return the equipment that changes no price, by a model's fingerprint."""
    return valuing.find_idle_equipment(_model)


@page.body
def show(versions: list[Version], state: MarketState, terms: Market, told: Words) -> None:
    """Draw what a reader can choose in."""
    left, right = st.columns([1, 2], gap="large")
    with left:
        seat = choose_version(state, versions, told)
        try:
            served = page.served(seat)
        except ChampionUnusable as error:
            page.stop(told.retell(str(error)))
        idle = find_idle(served.model, served.fingerprint)
        car = ask_car(served.model, idle, told, state.market)
    clean = state.place("clean")
    listings = page.rows(clean, "listings.parquet") if clean else pd.DataFrame()
    with right:
        (outcome,) = valuing.price_cars(replace(served, stale=""), terms, [car])  # the page says once that prices are stale
        show_outcome(outcome, served, told)
        part = page.pick({name: told.say(text) for name, text in PARTS.items()}, "part")
        if part == "near":
            show_near(served, terms, car, listings, told)
        elif part == "if":
            questions = valuing.list_questions(served.model, car["make"], car["model"], idle)
            show_if(served, terms, car, questions, outcome, told)
        elif outcome.estimate is None:
            st.info(told.say("There is no price to explain."))
        elif part == "why":
            show_why(served, terms, car, listings, told)
        else:
            show_age(served, terms, car, outcome, told)


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("Price a car"), needs="clean")
    told, terms = page.words(), state.terms
    if terms is None:
        st.stop()
    versions = reading.list_versions(state)
    if not versions:
        page.stop(
            told.say("No verdict was made on a model of this market yet, so nothing may price."), page.command(state.market)
        )
    show(versions, state, terms, told)


main()
