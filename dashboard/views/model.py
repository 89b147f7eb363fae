"""Model: how well champion and challengers price, where they do not, what was decided and why; and the way back to an earlier champion."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import judgement, page, reading, rollback
from dashboard.charts import models as charts
from dashboard.reading import Judged, MarketState
from dashboard.rollback import Answer, Request
from dashboard.words import Words, mark
from pipeline.champion import Champion, JournalDamaged, Seat

PARTS = {
    "time": mark("Over time"),
    "segments": mark("By kind of car"),
    "fit": mark("Predicted and actual"),
    "importance": mark("What it rests on"),
    "baselines": mark("Simple estimates"),
    "verdicts": mark("Verdicts"),
    "journal": mark("Journal"),
    "rollback": mark("Roll back"),
}
OUTCOMES = {
    "promoted": mark("promoted"),
    "refused": mark("refused"),
    "kept": mark("kept"),
    "rolled back": mark("rolled back"),
    "lifted": mark("bar lifted"),
}
DECISIONS = {
    "promoted": mark("Version {version} was promoted."),
    "refused": mark("Version {version} was refused."),
    "kept": mark("Version {version} stayed the champion: no other model was made."),
}
RULES = {
    "not barred": mark("not barred"),
    "enough data": mark("enough data"),
    "data not stale": mark("data not stale"),
    "loads and prices as judged": mark("loads and prices as judged"),
    "floors": mark("better than simple estimates"),
    "better or fresher": mark("better or fresher"),
    "coverage": mark("coverage"),
    "segments": mark("no kind of car is much worse"),
    "champion": mark("champion"),
}
KINDS = {"make": mark("By make"), "age": mark("By age"), "price": mark("By price"), "status": mark("By how it is priced")}
AGES = {
    "0–2 years": mark("0–2 years"),
    "3–5 years": mark("3–5 years"),
    "6–9 years": mark("6–9 years"),
    "10–14 years": mark("10–14 years"),
    "15 years or more": mark("15 years or more"),
}
MEASURES = {
    "mae": mark("Mean error"),
    "median_ape": mark("Median error"),
    "interval_coverage": mark("Coverage"),
    "interval_width_share": mark("Interval's width"),
}
BASELINES = {
    "median_make_model_year": mark("Median of make, model and year"),
    "original_recipe": mark("The original system's recipe"),
}
_METRICS = ("mae", "median_ape", "within_10_share", "r2", "interval_coverage", "interval_width_share", "interval_level", "n_test")
_NIGHTS = 240  # in the picture: two points each
_FEATURES, _LINES, _DRAWN = 25, 300, 25


def choose_judged(state: MarketState, told: Words) -> Judged:
    """Let the reader choose whose figures are shown, and name the model, its night and its data."""
    found = reading.list_judged(state)
    if not found:
        page.stop(told.say("No model of this market was judged yet."), page.command(state.market))
    chosen = found[0]
    if len(found) > 1:
        named = {
            reading.CHAMPION: told.say("The champion, version {version}", version=found[0].version),
            reading.CHALLENGER: told.say("The newest judged, version {version}", version=found[-1].version or "–"),
        }
        roles = [judged.role for judged in found]
        role = st.radio(told.say("Whose figures"), roles, format_func=named.__getitem__, horizontal=True, key="whose")
        chosen = found[roles.index(role)]
    return chosen


def show_headline(judged: Judged, metrics: Mapping[str, Any], told: Words) -> None:
    """Write whose figures follow, the figures that matter most, and where a simple estimate does better."""
    learnt = told.number(metrics.get("n_train", judged.n_learnt))
    if "n_train_of" in metrics:  # [Train] max_listings
        learnt = told.say("{n} of {all}", n=learnt, all=told.number(metrics["n_train_of"]))
    role = told.say("champion") if judged.role == reading.CHAMPION else told.say("newest judged, not the champion")
    st.caption(
        told.say(
            "Version {version} ({role}) · data as of {night} · learnt from {learnt} listings, judged on {judged} that it never saw",
            version=judged.version or "–",
            role=role,
            night=told.date(judged.data_as_of) if judged.data_as_of else told.say("undated deliveries"),
            learnt=learnt,
            judged=told.number(metrics["n_test"]),
        )
    )
    figures = [
        (told.say("Median error"), told.share(metrics["median_ape"], 1)),
        (told.say("Mean error"), told.money(metrics["mae"])),
        (told.say("Within 10%"), told.share(metrics["within_10_share"], 1)),
        (
            told.say("Coverage, {level} meant", level=told.share(metrics["interval_level"])),
            told.share(metrics["interval_coverage"], 1),
        ),
        (told.say("Interval's width"), told.share(metrics["interval_width_share"])),
    ]
    with st.container(horizontal=True, gap="medium"):
        for label, value in figures:
            st.metric(label, value, width="content")
    for text in find_worse(metrics, told):
        st.warning(text)


def find_worse(metrics: Mapping[str, Any], told: Words) -> list[str]:
    """Say by which measures a baseline is better than the model."""
    return [
        told.say(
            "A simple estimate is better: the model's {measure} is greater than that of “{baseline}”.",
            measure=told.say(MEASURES[measure]).lower(),
            baseline=told.say(BASELINES.get(name, name)),
        )
        for name, errors in metrics.get("baselines", {}).items()
        for measure in ("mae", "median_ape")
        if metrics[measure] > errors[measure]
    ]


def show_time(state: MarketState, told: Words) -> None:
    """Draw the errors of champion and challenger by night, on the cars that judged both."""
    verdicts = list_nights(state.market)
    if not verdicts:
        page.stop(told.say("No verdict was made yet."), page.command(state.market))
    shown = verdicts[-_NIGHTS:]
    measures = {name: told.say(MEASURES[name]) for name in ("median_ape", "mae")}
    measure = page.pick(measures, "model-measure")
    points = trace_rivals(shown, measure, told)
    if points.empty:
        st.info(told.say("No listing judged these models."))
        return
    who = [told.say("Champion when it was judged"), told.say("Challenger")]
    outcomes = [told.say(OUTCOMES[name]) for name in ("promoted", "refused", "kept")]
    chart = charts.draw_rivals(points, who, outcomes, measures[measure], told, is_share=measure == "median_ape")
    page.draw(chart)
    st.caption(
        told.say("Lower is better. Each night both price the same cars, which neither learnt from; other nights have other cars.")
    )
    if len(verdicts) > len(shown):
        st.caption(told.say("The last {n} of {all} nights are drawn.", n=told.number(_NIGHTS), all=told.number(len(verdicts))))


def list_nights(market: str) -> list[dict[str, Any]]:
    """Return the last verdict of each night, the oldest first; of undated markets all."""
    verdicts = [told for told in reading.list_verdicts(market) if told.keys() >= {"challenger", "champion", "figures", "reasons"}]
    return list({told["night"] or told["place"]: told for told in verdicts}.values())


def trace_rivals(verdicts: list[dict[str, Any]], measure: str, told: Words) -> pd.DataFrame:
    """Return a point for each model and night, with what a pointer on it reads."""
    who = {"champion": told.say("Champion when it was judged"), "challenger": told.say("Challenger")}
    is_dated = all(verdict["night"] for verdict in verdicts)
    points = []
    for verdict in verdicts:
        figures, is_kept = verdict["figures"].get(measure) or {}, verdict["outcome"] == "kept"
        for role, name in who.items():
            error = figures.get("challenger" if is_kept else role)
            if error is None or verdict[role] is None:
                continue
            points.append(
                {
                    "x": pd.Timestamp(verdict["night"]) if is_dated else str(verdict["challenger"]["version"]),
                    "night": told.date(verdict["night"]),
                    "who": name,
                    "error": float(error),
                    "told": told.money(error) if measure == "mae" else told.share(error, 1),
                    "version": str(verdict[role]["version"]),
                    "outcome": told.say(OUTCOMES.get(verdict["outcome"], verdict["outcome"])),
                }
            )
    return pd.DataFrame(points)


def show_segments(judged: Judged, metrics: Mapping[str, Any], told: Words) -> None:
    """Draw errors and coverage of one kind of segment, and list them."""
    columns = ("segment_kind", "segment", "n", "mae", "median_ape", "bias_share", "interval_coverage")
    segments = page.need_rows(judged.place, "segments.parquet", list(columns))
    level = float(metrics["interval_level"])
    kind = page.pick({name: told.say(text) for name, text in KINDS.items()}, "model-kind")
    members, n_small = judgement.choose_segments(segments, kind)
    if members.empty:
        st.info(told.say("Too few cars were judged to tell them apart."))
        return
    members = judgement.bound_chance(members, level)
    members = members.assign(
        label=[f"{name_segment(kind, row['segment'], told)} ({told.number(row['n'])})" for row in members.to_dict("records")]
    )
    drawn = members.head(_DRAWN)
    left, right = st.columns(2)
    with left:
        errors = drawn.assign(told=[told.share(error, 1) for error in drawn["median_ape"]])
        page.draw(charts.draw_errors(errors, told.say("Median error"), told))
        st.caption(told.say("The number of judged cars is in brackets."))
    with right:
        held = drawn.assign(told=[told.share(share, 1) for share in drawn["interval_coverage"]])
        page.draw(charts.draw_coverage(held, level, told.say("Coverage"), told))
        st.caption(
            told.say(
                "The line is what is meant; the band is what chance gives 19 of 20 groups of that size; a diamond lies outside it."
            )
        )
    list_segments(members, kind, told)
    if n_small:
        st.caption(
            told.say_many(
                "{n} make has too few judged cars to say anything.",
                "{n} makes have too few judged cars to say anything.",
                n_small,
            )
        )


def list_segments(members: pd.DataFrame, kind: str, told: Words) -> None:
    """List the segments of a kind with their figures."""
    verdicts = [
        "" if not row["is_off"] else told.say("too low") if row["interval_coverage"] < row["chance_low"] else told.say("too high")
        for row in members.to_dict("records")
    ]
    frame = pd.DataFrame(
        {
            "segment": [name_segment(kind, name, told) for name in members["segment"]],
            "n": members["n"],
            "mae": members["mae"].round(),
            "median_ape": members["median_ape"].round(3),
            "bias_share": members["bias_share"].round(3),
            "interval_coverage": members["interval_coverage"].round(3),
            "chance": [
                f"{told.share(low)} – {told.share(high)}"
                for low, high in zip(members["chance_low"], members["chance_high"], strict=True)
            ],
            "off": verdicts,
        }
    )
    page.table(
        frame,
        {
            "segment": st.column_config.TextColumn(told.say("Cars"), width="medium"),
            "n": _number(told.say("Judged")),
            "mae": _number(_with_unit(told.say("Mean error"), told)),
            "median_ape": _share(told.say("Median error")),
            "bias_share": _share(told.say("Bias"), help=told.say("The median of estimate over price, less 1.")),
            "interval_coverage": _share(told.say("Coverage")),
            "chance": st.column_config.TextColumn(told.say("By chance")),
            "off": st.column_config.TextColumn(told.say("Beyond chance")),
        },
    )


def name_segment(kind: str, segment: Any, told: Words) -> str:
    """Return a segment's name: a band of age or price in the reader's words, a make as it is."""
    text = str(segment)
    if kind == "age":
        return told.say(AGES[text]) if text in AGES else text
    if kind == "status":
        return told.status(text)
    band = re.fullmatch(r"\d+: ([\d,]+)–([\d,]+)", text) if kind == "price" else None
    return " – ".join(told.money(float(end.replace(",", ""))) for end in band.groups()) if band else text


def show_fit(judged: Judged, told: Words) -> None:
    """Draw predicted against actual prices, and the residuals."""
    columns = ("price", "estimate", "status", "make", "model", "year")
    estimates = page.need_rows(judged.place, "estimates.parquet", list(columns))
    points = judgement.thin(estimates)
    if points.empty:
        st.info(told.say("No car was judged."))
        return
    statuses = (told.say("priced without reserve"), told.say("beyond what the model has seen"))
    rows = points.to_dict("records")
    points = points[["price", "estimate", "position"]].assign(
        kind=[statuses[0] if row["status"] == "priced" else statuses[1] for row in rows],
        car=[f"{told.value('year', row['year'])} {row['make']} {row['model']}" for row in rows],
        price_told=[told.money(row["price"]) for row in rows],
        estimate_told=[told.money(row["estimate"]) for row in rows],
    )
    ends, reach = judgement.frame_money(points), judgement.frame_positions(points)
    left, right = st.columns(2)
    with left:
        page.draw(charts.draw_cloud(points, ends, statuses, told))
        st.caption(told.say("On the line the estimate is the price; in the band it is within 10%."))
    with right:
        medians = judgement.follow_median(estimates)
        page.draw(charts.draw_residuals(points, medians, ends, reach, statuses, told))
        st.caption(told.say("The dashed line is the median of cars with about equal estimates: it should lie on zero."))
    tell_drawn(len(points), len(estimates), judgement.count_beyond(points, ends, reach), told)


def tell_drawn(n_points: int, n_judged: int, beyond: tuple[int, int], told: Words) -> None:
    """Say which judged cars are not to be seen."""
    if n_points < n_judged:
        st.caption(
            told.say(
                "{n} of {all} judged cars are drawn, chosen at random; the dashed line is of all.",
                n=told.number(n_points),
                all=told.number(n_judged),
            )
        )
    if any(beyond):
        first, second = map(told.number, beyond)
        st.caption(told.say("Beyond the frame lie {n} in the first picture and {m} in the second.", n=first, m=second))


def show_importance(judged: Judged, metrics: Mapping[str, Any], told: Words) -> None:
    """Draw how much the error grows without each feature, and say which columns are not used and why."""
    importance = page.need_rows(judged.place, "importance.parquet", ["feature", "error_share", "spread_share"])
    shown = importance.head(_FEATURES)
    features = pd.DataFrame(
        {
            "label": [told.column(name) for name in shown["feature"]],
            "share": shown["error_share"],
            "low": shown["error_share"] - shown["spread_share"],
            "high": shown["error_share"] + shown["spread_share"],
            "told": [
                f"{told.share(share, 2)} ± {told.share(spread, 2)}"
                for share, spread in zip(shown["error_share"], shown["spread_share"], strict=True)
            ],
        }
    )
    page.draw(charts.draw_importance(features, told.say("What the median error grows by"), told))
    st.caption(
        told.say(
            "By how many points the median error grows when a feature is shuffled among the judged cars; the line is the spread over several shuffles."
        )
    )
    if len(importance) > len(shown):
        n = len(importance) - len(shown)
        st.caption(told.say_many("{n} feature matters less.", "{n} features matter less.", n))
    refused = metrics.get("features_refused", {})
    if refused:
        with st.expander(told.say_many("{n} column is not used", "{n} columns are not used", len(refused))):
            why = [(told.column(name), told.retell(str(reason))) for name, reason in sorted(refused.items())]
            page.table(pd.DataFrame(why, columns=[told.say("Column"), told.say("Why")]))


def show_baselines(metrics: Mapping[str, Any], told: Words) -> None:
    """Draw and list the model's errors beside those of simple estimates on the same cars."""
    model = told.say("This model")
    errors = {model: metrics} | {
        told.say(BASELINES.get(name, name)): found for name, found in metrics.get("baselines", {}).items()
    }
    drawn = pd.DataFrame(
        [{"label": name, "mae": found["mae"], "told": told.money(found["mae"])} for name, found in errors.items()]
    )
    page.draw(charts.draw_baselines(drawn, model, told.say("Mean error"), told))
    st.caption(told.say("Shorter is better; all are judged on the same {n} cars.", n=told.number(metrics["n_test"])))
    frame = pd.DataFrame(
        {
            "name": list(errors),
            "mae": [round(found["mae"]) for found in errors.values()],
            **{key: [round(found[key], 3) for found in errors.values()] for key in ("median_ape", "within_10_share", "r2")},
        }
    )
    page.table(
        frame,
        {
            "name": st.column_config.TextColumn(told.say("Estimate"), width="medium"),
            "mae": _number(_with_unit(told.say("Mean error"), told)),
            "median_ape": _share(told.say("Median error")),
            "within_10_share": _share(told.say("Within 10%")),
            "r2": _number("R²"),
        },
    )


def show_verdicts(state: MarketState, told: Words) -> None:
    """Show the verdict of a chosen night with every reason, and both models side by side."""
    verdicts = list_nights(state.market)[::-1]
    if not verdicts:
        page.stop(told.say("No verdict was made yet."), page.command(state.market))
    named = [
        told.say(
            "{night}: version {version} {outcome}",
            night=told.date(verdict["night"]),
            version=verdict["challenger"]["version"],
            outcome=told.say(OUTCOMES.get(verdict["outcome"], verdict["outcome"])),
        )
        for verdict in verdicts
    ]
    place = st.selectbox(
        told.say("Verdict"), range(len(verdicts)), format_func=named.__getitem__, key=f"verdict-{state.market}-{len(verdicts)}"
    )
    verdict = verdicts[place]
    st.subheader(told.say(DECISIONS.get(verdict["outcome"], "{version}"), version=verdict["challenger"]["version"]))
    for reason in sorted(verdict["reasons"], key=lambda reason: bool(reason["passed"])):
        passed = bool(reason["passed"])
        icon, word = ("✓", told.say("passed")) if passed else ("✗", told.say("failed"))
        rule = told.say(RULES.get(reason["rule"], reason["rule"]))
        st.markdown(f"{icon} **{page.plain(rule)}** ({word}) – {page.plain(told.retell(reason['text']))}")
    compare_rivals(verdict, told)


def compare_rivals(verdict: Mapping[str, Any], told: Words) -> None:
    """List the figures of challenger and champion on the same cars, over all and by segment."""
    figures, champion = verdict["figures"], verdict["champion"]
    if verdict["outcome"] == "kept" or champion is None or not figures.get("n_judged"):
        return
    mine = told.say("Challenger, version {version}", version=verdict["challenger"]["version"])
    theirs = told.say("Champion, version {version}", version=champion["version"])
    label = told.say_many("On the same {n} car", "On the same {n} cars", figures["n_judged"])
    lines = [
        {"measure": told.say(text), **{who: tell_figure(figures, name, who, told) for who in ("challenger", "champion")}}
        for name, text in MEASURES.items()
    ]
    page.table(
        pd.DataFrame(lines),
        {
            "measure": st.column_config.TextColumn(label),
            "challenger": st.column_config.TextColumn(mine, alignment="right"),
            "champion": st.column_config.TextColumn(theirs, alignment="right"),
        },
    )
    n_left_out = figures.get("n_left_out", 0)
    if n_left_out:
        st.caption(
            told.say_many(
                "{n} judged car was left out: the champion had learnt from it or its twin.",
                "{n} judged cars were left out: the champion had learnt from them or their twins.",
                n_left_out,
            )
        )
    with st.expander(told.say("By kind of car")):
        columns = ("segment_kind", "segment", "n", "mae_challenger", "mae_champion", "change_share", "is_hurt")
        list_compared(page.need_rows(Path(verdict["place"]), "segments.parquet", list(columns)), mine, theirs, told)


def tell_figure(figures: Mapping[str, Any], measure: str, who: str, told: Words) -> str:
    """Return one figure of a verdict: money, or a share."""
    value = (figures.get(measure) or {}).get(who)
    return told.money(value) if measure == "mae" else told.share(value, 1)


def list_compared(segments: pd.DataFrame, mine: str, theirs: str, told: Words) -> None:
    """List the mean errors of both models by segment."""
    frame = pd.DataFrame(
        {
            "segment": [name_segment(row["segment_kind"], row["segment"], told) for row in segments.to_dict("records")],
            "n": segments["n"],
            "mine": segments["mae_challenger"].round(),
            "theirs": segments["mae_champion"].round(),
            "change": segments["change_share"].round(3),
            "hurt": [told.say("much worse, beyond noise") if is_hurt else "" for is_hurt in segments["is_hurt"]],
        }
    )
    page.table(
        frame.head(_LINES),
        {
            "segment": st.column_config.TextColumn(told.say("Cars")),
            "n": _number(told.say("Judged")),
            "mine": _number(mine),
            "theirs": _number(theirs),
            "change": _share(told.say("Change")),
            "hurt": st.column_config.TextColumn(told.say("Verdict")),
        },
    )


def show_journal(state: MarketState, told: Words) -> None:
    """List every decision about the champion, the newest first."""
    try:
        entries = reading.list_journal(state.market)[::-1]
    except JournalDamaged as error:
        st.error(page.plain(told.retell(str(error))))
        return
    if not entries:
        st.info(told.say("Nothing was decided yet."))
        return
    frame = pd.DataFrame(
        [
            {
                told.say("When"): told.moment(str(entry.get("at", ""))),
                told.say("Night"): told.date(str(entry.get("as_of", ""))),
                told.say("What"): told.say(OUTCOMES.get(str(entry.get("what")), str(entry.get("what")))),
                told.say("Version"): str(entry.get("to") or entry.get("lifts") or entry.get("version") or "–"),
                told.say("Champion before"): str(entry.get("from") or "–"),
                told.say("Who"): str(entry.get("who", "–")),
                told.say("Why"): " ".join(told.retell(str(why)) for why in entry.get("why", [])),
            }
            for entry in entries[:_LINES]
        ]
    )
    page.table(frame, {told.say("Why"): st.column_config.TextColumn(told.say("Why"), width="large")})
    if len(entries) > _LINES:
        st.caption(told.say("The newest {n} of {all} are shown.", n=told.number(_LINES), all=told.number(len(entries))))


def show_rollback(state: MarketState, told: Words) -> None:
    """Let an operator go back to an earlier champion or lift a bar; tell others how it is done."""
    tell_answer(told)
    if state.champion is None:
        st.info(told.say("There is no champion yet, so there is nothing to roll back."))
        return
    champion = state.champion
    st.markdown(
        told.say(
            "**Version {version}** is the champion, promoted as of {night}.",
            version=champion.seat.version,
            night=told.date(champion.seat.promoted_on),
        )
    )
    free = [seat for seat in champion.earlier if seat.version not in champion.barred]
    list_former(champion, told)
    if not page.is_operator():
        tell_command(state.market, free, champion, told)
        return
    left, right = st.columns(2, gap="large")
    with left:
        ask_rollback(champion, free, told)
    with right:
        ask_lift(champion, told)


def list_former(champion: Champion, told: Words) -> None:
    """List former champions, and which are barred."""
    if not champion.earlier:
        st.info(told.say("There is no earlier champion to go back to."))
        return
    former = [
        {
            told.say("Version"): int(seat.version),
            told.say("Data as of"): told.date(seat.data_as_of),
            told.say("Learnt from"): seat.n_learnt,
            told.say("Promoted as of"): told.date(seat.promoted_on),
            told.say("Barred"): tell_bar(champion, seat.version, told),
        }
        for seat in reversed(champion.earlier)
    ]
    page.table(pd.DataFrame(former[:_LINES]), {told.say("Learnt from"): _number(told.say("Learnt from"))})


def tell_bar(champion: Champion, version: str, told: Words) -> str:
    """Say who barred a version and why, "" where nobody did."""
    bar = champion.barred.get(version)
    return told.say("by {who}: {why}", who=bar.get("who", "–"), why=bar.get("why", "–")) if bar else ""


def tell_command(market: str, free: list[Seat], champion: Champion, told: Words) -> None:
    """Say how whoever may do so rolls back on the command line."""
    st.info(told.say("Rolling back is for operators, named in luigi.cfg under [dashboard] operators. On the command line:"))
    to = f" --to {free[-1].version}" if free else ""
    command = f"python -m pipeline rollback --market {shlex.quote(market)}"
    lines = [f'{command}{to} --reason "…"'] if free else []
    lines += [f"{command} --lift {shlex.quote(version)}" for version in sorted(champion.barred)]
    st.code("\n".join(lines) or f'{command} --reason "…"', language="sh")


def ask_rollback(champion: Champion, free: list[Seat], told: Words) -> None:
    """Ask where to go back to and why, then ask again; the keys change with every decision, so that a second click finds no button."""
    st.subheader(told.say("Roll back"))
    if not free:
        st.info(told.say("No earlier champion is free to go back to."))
        return
    drawn = rollback.mark_decision(champion)
    versions = [seat.version for seat in reversed(free)]
    version = st.selectbox(told.say("Go back to version"), versions, key=f"to-{drawn}")
    reason = st.text_input(told.say("Why, for the journal"), key=f"reason-{drawn}", max_chars=400)
    st.caption(
        told.say(
            "Version {version} becomes the champion at once. Version {left} is barred: no run may promote it again until the bar is lifted.",
            version=version,
            left=champion.seat.version,
        )
    )
    again = st.text_input(told.say("Type {version} to confirm", version=version), key=f"again-{drawn}-{version}")
    st.button(
        told.say("Roll back to version {version}", version=version),
        type="primary",
        disabled=not reason.strip() or again.strip() != version,
        key=f"roll-{drawn}-{version}",
        on_click=act,
        args=(champion.market, version, drawn),
        kwargs={"lifts": False},
    )


def ask_lift(champion: Champion, told: Words) -> None:
    """Ask which bar to lift, then ask again."""
    if not champion.barred:
        return
    st.subheader(told.say("Lift a bar"))
    drawn = rollback.mark_decision(champion)
    version = st.selectbox(told.say("Barred version"), sorted(champion.barred), key=f"lift-{drawn}")
    st.text_input(told.say("Why, if you like"), key=f"lift-reason-{drawn}", max_chars=400)
    st.caption(told.say("The next run may promote version {version} again.", version=version))
    again = st.text_input(told.say("Type {version} to confirm", version=version), key=f"lift-again-{drawn}-{version}")
    st.button(
        told.say("Lift the bar of version {version}", version=version),
        disabled=again.strip() != version,
        key=f"unbar-{drawn}-{version}",
        on_click=act,
        args=(champion.market, version, drawn),
        kwargs={"lifts": True},
    )


def act(market: str, version: str, drawn: str, *, lifts: bool) -> None:
    """Do what was confirmed."""
    session, prefix = st.session_state, "lift-" if lifts else ""
    reason, again = (str(session.get(f"{prefix}{name}", "")) for name in (f"reason-{drawn}", f"again-{drawn}-{version}"))
    who = str(st.user.get("email", "")) if page.has_sign_in() else ""
    request = Request(lifts, market, version, drawn, reason, again)
    rollback.act(request, session, may=page.is_operator(), who=who)


def tell_answer(told: Words) -> None:
    """Show what became of the last click, until another part is picked."""
    answer = st.session_state.get(rollback.ANSWER)
    if answer == rollback.FORBIDDEN:
        st.error(told.say("You may not roll back: nothing was done."))
    elif answer == rollback.UNCONFIRMED:
        st.error(told.say("That was not confirmed, or no reason was given: nothing was done."))
    elif answer == rollback.MOVED:
        st.error(told.say("The champion changed since this page was drawn: nothing was done. Look again."))
    elif isinstance(answer, Answer):
        tell_done(answer, told)


def tell_done(answer: Answer, told: Words) -> None:
    """Show a command's message and its exit code."""
    if answer.code is None:
        st.error(told.say("The command took too long and was ended. Look at the journal before trying again."))
        return
    if answer.code == 0:
        st.success(told.say("Done (exit code 0)."))
    else:
        st.error(told.say("Not done (exit code {code}).", code=answer.code))
    st.code(told.retell(answer.message) or "–", language=None, wrap_lines=True)


def _number(label: str) -> Any:
    return st.column_config.NumberColumn(label, format="localized")


def _share(label: str, help: str | None = None) -> Any:  # noqa: A002  # Streamlit's own word
    return st.column_config.NumberColumn(label, format="percent", help=help)


def _with_unit(label: str, told: Words) -> str:
    return f"{label} ({told.currency})" if told.currency else label


@page.body
def show(state: MarketState, told: Words) -> None:
    """Draw what a reader can choose in."""
    part = page.pick({name: told.say(text) for name, text in PARTS.items()}, "model-part")
    if part != "rollback":
        st.session_state.pop(rollback.ANSWER, None)
    if part == "journal":
        show_journal(state, told)
    elif part == "verdicts":
        show_verdicts(state, told)
    elif part == "rollback":
        show_rollback(page.state(), told)  # a click may just have changed it
    else:
        judged = choose_judged(state, told)
        metrics = page.need_document(judged.place, "metrics.json", *_METRICS)
        show_headline(judged, metrics, told)
        if part == "time":
            show_time(state, told)
        elif part == "segments":
            show_segments(judged, metrics, told)
        elif part == "fit":
            show_fit(judged, told)
        elif part == "importance":
            show_importance(judged, metrics, told)
        else:
            show_baselines(metrics, told)


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("Model"), needs="" if page.state().champion else "evaluate")
    told = page.words()
    show(state, told)


main()
