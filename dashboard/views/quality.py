"""Data quality: what was rejected, lost or set aside, what is not as it was, and how far a night lies from those before it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import page, reading
from dashboard.charts import quality as charts
from dashboard.reading import MarketState
from dashboard.words import Words, mark
from pipeline.services.deliveries import night_of
from pipeline.stages import findings

PARTS = {
    "rejected": mark("Rejected rows"),
    "lost": mark("Values lost or moved"),
    "aside": mark("Deliveries"),
    "findings": mark("Findings"),
    "drift": mark("Drift"),
}
KINDS = {
    findings.STALE_DELIVERY: mark("Deliveries are old"),
    findings.EMPTY_DELIVERY: mark("A delivery gave nothing"),
    findings.NO_CHAMPION: mark("No champion"),
    findings.STALE_CHAMPION: mark("The champion rests on old data"),
    findings.VOLUME: mark("Unusually many or few cars"),
    findings.REJECTED: mark("More rejected rows"),
    findings.ABSENT_COLUMN: mark("A column is absent"),
    findings.UNKNOWN_HEADER: mark("An unknown header"),
    findings.EMPTIED_COLUMN: mark("A column is emptier"),
    findings.MOVED_VALUES: mark("Values in the wrong column"),
    findings.LOST_VALUES: mark("Values that cannot be read"),
    findings.LOST_CATEGORY: mark("Words that are gone"),
    findings.NEW_CATEGORY: mark("New words"),
    findings.DRIFT: mark("Values moved"),
    findings.ESTIMATES_DRIFT: mark("Estimates moved"),
    findings.CHAMPION_ERROR: mark("The champion's errors grew"),
    findings.CHAMPION_COVERAGE: mark("The champion's intervals hold less"),
}
# What is compared as a share of rows or cars.
SHARES = {
    "rejected": mark("Rejected"),
    "missing": mark("Missing"),
    "lost": mark("Unreadable"),
    "moved": mark("In another column"),
}
_COUNTS = ("rows", "accepted", "rejected", "unreadable", "reasons", "dropped_values", "rehomed", "set_aside", "deliveries")
_REASONS, _NIGHTS = 4, 100  # drawn: the product, with all other reasons, is what goes to the browser
_ROWS, _LINES = 300, 300
_UNREADABLE = " unreadable"


def show_headline(account: Mapping[str, Any], told: Words) -> None:
    """Write what came in over all deliveries, and what became of it."""
    rows = account["rows"]
    figures = [
        (told.say("Rows"), told.number(rows)),
        (told.say("Accepted"), told.share(account["accepted"] / rows, 1) if rows else "–"),
        (told.say("Rejected"), told.share(account["rejected"] / rows, 1) if rows else "–"),
        (told.say("Unreadable"), told.number(account["unreadable"])),
        (told.say("Deliveries"), told.number(len(account["deliveries"]))),
        (told.say("Set aside"), told.number(len(account["set_aside"]))),
    ]
    with st.container(horizontal=True, gap="medium"):
        for label, value in figures:
            st.metric(label, value, width="content")


def show_rejected(state: MarketState, account: Mapping[str, Any], told: Words) -> None:
    """Draw rejections by reason and night, list the reasons, and show the rows themselves."""
    if not account["reasons"]:
        st.info(told.say("No row was rejected."))
        return
    shares, names = share_reasons(account, told)
    page.draw(charts.draw_rejections(shares, names, told.say("Share of rows"), told))
    st.caption(told.say("Each bar is a delivery; a row can have several reasons and then counts in each."))
    if len(account["deliveries"]) > _NIGHTS:
        st.caption(
            told.say(
                "The last {n} of {all} deliveries are drawn.",
                n=told.number(_NIGHTS),
                all=told.number(len(account["deliveries"])),
            )
        )
    list_reasons(account, told)
    for remedy in account.get("remedies", ()):
        st.caption(page.plain(told.say("It may help to {remedy}.", remedy=told.retell(remedy))))
    show_rows(state, account, told)


def share_reasons(account: Mapping[str, Any], told: Words) -> tuple[pd.DataFrame, list[str]]:
    """Return the share of each delivery's rows by reason, the rarer reasons as one, and the reasons' names in order."""
    common = rank(account["reasons"])[:_REASONS]
    names = {reason: told.retell(reason) for reason, _ in common}
    others = told.say("other reasons")
    deliveries = sort_deliveries(account["deliveries"])[-_NIGHTS:]
    is_dated = all(night_of(name) for name in deliveries)
    lines = []
    for name in deliveries:
        delivery = account["deliveries"][name]
        counts = {names[reason]: delivery["reasons"].get(reason, 0) for reason in names}
        counts[others] = sum(delivery["reasons"].values()) - sum(counts.values())
        for place, (reason, n) in enumerate(counts.items()):
            if n and delivery["rows"]:
                lines.append(
                    {
                        "x": pd.Timestamp(night_of(name)) if is_dated else name,
                        "delivery": name,
                        "reason": reason,
                        "rank": place,
                        "share": n / delivery["rows"],
                        "told": told.say("{n} of {all}", n=told.number(n), all=told.number(delivery["rows"])),
                    }
                )
    return pd.DataFrame(lines), [*names.values(), others]


def list_reasons(account: Mapping[str, Any], told: Words) -> None:
    """List every reason with its count and its first row."""
    examples = account.get("examples", {})
    frame = pd.DataFrame(
        [
            {"why": told.retell(reason), "n": n, "share": round(n / account["rows"], 5), "example": str(examples.get(reason, ""))}
            for reason, n in rank(account["reasons"])[:_LINES]
        ]
    )
    page.table(
        frame,
        {
            "why": st.column_config.TextColumn(told.say("Why"), width="medium"),
            "n": _number(told.say("Rows")),
            "share": _share(told.say("Share of all rows")),
            "example": st.column_config.TextColumn(told.say("First example"), width="medium"),
        },
    )


def show_rows(state: MarketState, account: Mapping[str, Any], told: Words) -> None:
    """Show the rejected rows of a chosen delivery and reason as they came."""
    st.subheader(told.say("The rejected rows"))
    counts = {name: found["rejected"] + found["unreadable"] for name, found in account["deliveries"].items()}
    names = [name for name in reversed(sort_deliveries(counts)) if counts[name]]
    if not names:
        st.info(told.say("No delivery has any."))
        return
    left, right = st.columns(2)
    with left:
        delivery = st.selectbox(
            told.say("Delivery"),
            names,
            format_func=lambda name: f"{name} ({told.number(counts[name])})",
            key=f"delivery-{state.market}",
        )
    reasons = account["deliveries"][delivery]["reasons"]
    with right:
        reason = st.selectbox(
            told.say("Why"),
            ["", *(name for name, _ in rank(reasons))],
            format_func=lambda name: f"{told.retell(name)} ({told.number(reasons[name])})" if name else told.say("any reason"),
            key=f"reason-{state.market}-{delivery}",
        )
    place = reading.find_ingest(state, delivery)
    rejected = page.need_rows(place, "rejected.parquet", ["row", "reasons", "details", "record"])
    if reason:
        rejected = rejected[[reason in reasons for reasons in rejected["reasons"]]]
    page.table(spread_records(rejected.head(_ROWS), told))
    shown = min(len(rejected), _ROWS)
    st.caption(
        told.say(
            "{n} of {all} rows, by their number in the file; its cells stand as they came.",
            n=told.number(shown),
            all=told.number(len(rejected)),
        )
    )


def spread_records(rejected: pd.DataFrame, told: Words) -> pd.DataFrame:
    """Return rejected rows with their reasons, and a column for each cell under the delivery's own header."""
    lines: list[dict[str, Any]] = []
    own = (told.say("Row"), told.say("Why"), told.say("What stands there"))
    for row in rejected.to_dict("records"):
        why = told.listed(told.retell(str(reason)) for reason in row["reasons"])
        line: dict[str, Any] = dict(zip(own, (int(row["row"]), why, "; ".join(map(str, row["details"]))), strict=True))
        for header, cell in read_record(str(row["record"]), told).items():
            line[f"{header} *" if header in own else header or "·"] = cell
        lines.append(line)
    return pd.DataFrame(lines, columns=None if lines else list(own))


def read_record(record: str, told: Words) -> dict[str, str]:
    """Return a row's cells by header; one of another width is kept as its text alone."""
    try:
        found = json.loads(record)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return {told.say("As it stands in the file"): record}
    return {str(header): "" if cell is None else str(cell) for header, cell in found.items()}


def show_lost(account: Mapping[str, Any], told: Words) -> None:
    """Draw and list the values that could not be read, and those that stood in another column and were sent home."""
    left, right = st.columns(2)
    with left:
        st.subheader(told.say("Lost"))
        names = {kind: told.column(kind.removesuffix(_UNREADABLE)) for kind in account["dropped_values"]}
        show_counts(account["dropped_values"], names, account.get("examples", {}), told)
        st.caption(told.say("Cells that could not be read: the row was accepted without this value."))
    with right:
        st.subheader(told.say("Sent home"))
        names = {pair: " → ".join(map(told.column, pair.split(" → "))) for pair in account["rehomed"]}
        show_counts(account["rehomed"], names, {}, told)
        st.caption(told.say("Values that stood in another column and can mean only one: from where, to where."))


def show_counts(counts: Mapping[str, int], names: Mapping[str, str], examples: Mapping[str, Any], told: Words) -> None:
    """Draw counts, the largest first, and list them with their first examples, if any."""
    if not counts:
        st.info(told.say("None."))
        return
    ranked = rank(counts)[:_LINES]
    drawn = pd.DataFrame([{"label": names[name], "n": n, "told": told.number(n)} for name, n in ranked])
    page.draw(charts.draw_counts(drawn, told.say("Values"), told))
    if examples:
        frame = drawn[["label", "n"]].assign(example=[str(examples.get(name, "")) for name, _ in ranked])
        page.table(
            frame,
            {
                "label": st.column_config.TextColumn(told.say("Column")),
                "n": _number(told.say("Values")),
                "example": st.column_config.TextColumn(told.say("First example"), width="medium"),
            },
        )


def show_deliveries(account: Mapping[str, Any], told: Words) -> None:
    """Say which deliveries were set aside and why, and list what each gave."""
    aside = account["set_aside"]
    if aside:
        st.warning(
            told.say_many(
                "{n} delivery was set aside: nothing in it could be used.",
                "{n} deliveries were set aside: nothing in them could be used.",
                len(aside),
            )
        )
        why = [(name, told.retell(str(reason))) for name, reason in sorted(aside.items(), reverse=True)]
        page.table(
            pd.DataFrame(why[:_LINES], columns=["name", "why"]),
            {
                "name": st.column_config.TextColumn(told.say("Delivery")),
                "why": st.column_config.TextColumn(told.say("Why"), width="large"),
            },
        )
    else:
        st.info(told.say("No delivery was set aside."))
    if history := account.get("history"):
        st.caption(
            told.say_many(
                "{n} delivery from before {day} is left out: the history begins there ([Check] history_days).",
                "{n} deliveries from before {day} are left out: the history begins there ([Check] history_days).",
                history["older"],
                day=told.date(history["begins"]),
            )
        )
    names = list(reversed(sort_deliveries(account["deliveries"])))
    frame = pd.DataFrame([describe_delivery(name, account["deliveries"][name], told) for name in names[:_LINES]])
    page.table(
        frame,
        {
            "name": st.column_config.TextColumn(told.say("Delivery")),
            "rows": _number(told.say("Rows")),
            "accepted": _number(told.say("Accepted")),
            "rejected": _number(told.say("Rejected")),
            "unreadable": _number(told.say("Unreadable")),
            "share": _share(told.say("Rejected or unreadable")),
            "absent": st.column_config.TextColumn(told.say("Columns without a header")),
            "unused": st.column_config.TextColumn(told.say("Headers not read")),
            "sheets": st.column_config.TextColumn(told.say("Sheets not read")),
        },
    )
    if len(names) > _LINES:
        st.caption(told.say("The newest {n} of {all} are shown.", n=told.number(_LINES), all=told.number(len(names))))


def describe_delivery(name: str, delivery: Mapping[str, Any], told: Words) -> dict[str, Any]:
    """Return one line on a delivery."""
    rows, lost = delivery["rows"], delivery["rejected"] + delivery["unreadable"]
    return {
        "name": name,
        **{key: delivery[key] for key in ("rows", "accepted", "rejected", "unreadable")},
        "share": round(lost / rows, 4) if rows else None,
        "absent": told.listed(map(told.column, delivery.get("columns_absent", ()))),
        "unused": told.listed(header or "·" for header in delivery.get("columns_unused", ())),
        **({"sheets": told.listed(sheets)} if (sheets := delivery.get("sheets_unread")) else {}),
    }


def choose_night(nights: list[dict[str, Any]], market: str, told: Words) -> dict[str, Any]:
    """Let the reader choose a night, the newest by default, and say what it was held against."""
    by_night = {document["night"]: document for document in reversed(nights)}
    night = st.selectbox(
        told.say("Night"),
        list(by_night),
        format_func=lambda night: told.date(night) if night else told.say("undated deliveries"),
        key=f"night-{market}-{next(iter(by_night))}",
    )
    document: dict[str, Any] = by_night[night]
    compared = document["compared"]
    if compared.get("why_not"):
        st.info(page.plain(told.say("This night was compared with none before it: {why}.", why=told.retell(compared["why_not"]))))
    else:
        st.caption(
            told.say_many(
                "The delivery of {night} was held against {n} night before it, since {since}, and against how far such nights differ by chance.",
                "The delivery of {night} was held against {n} nights before it, since {since}, and against how far such nights differ by chance.",
                compared.get("nights_before", 0),
                night=told.date(compared.get("night", "")),
                since=told.date(compared.get("since", "")),
            )
        )
    return document


def show_findings(nights: list[dict[str, Any]], market: str, told: Words) -> None:
    """Draw how many findings the nights have, and tell those of a chosen one with what they mean and what to do."""
    document = choose_night(nights, market, told)
    if not document["findings"] and not document["compared"].get("why_not"):
        st.success(told.say("Nothing that is more than noise."))
    for finding in document["findings"]:
        tell_finding(finding, told)
    if all(found["night"] for found in nights) and len(nights) > 1:
        drawn = [
            {"night": pd.Timestamp(found["night"]), "date": told.date(found["night"]), "n": len(found["findings"])}
            for found in nights[-_LINES:]
        ]
        page.draw(charts.draw_findings(pd.DataFrame(drawn), told.say("Findings"), told))
        st.caption(told.say("How many findings each night has."))


def tell_finding(finding: Mapping[str, Any], told: Words) -> None:
    """Write one finding: what it is, what it means for prices, and what to do."""
    kind = told.say(KINDS.get(finding["kind"], finding["kind"]))
    subject = told.column(finding["subject"]) if finding["subject"] else ""
    with st.container(border=True):
        st.markdown(f"**{page.plain(told.pair(kind, subject) if subject else kind)}**")
        st.markdown(page.plain(told.retell(finding["text"])))
        st.markdown(told.say("What it means: {meaning}", meaning=page.plain(told.retell(finding["means"]))))
        st.markdown(told.say("What to do: {remedy}", remedy=page.plain(told.retell(finding["do"]))))


def show_drift(nights: list[dict[str, Any]], market: str, told: Words) -> None:
    """Draw how far each column moved on a chosen night, and list all else that was compared."""
    document = choose_night(nights, market, told)
    if document["compared"].get("why_not"):
        return
    columns = list_drift(document, told)
    if columns.empty:
        st.info(told.say("No column could be compared on this night."))
    else:
        kinds = name_kinds(told)
        page.draw(charts.draw_drift(columns, kinds, told.say("Population stability index"), told))
        st.caption(told.say("The longer a bar, the further the values moved; beyond its orange line it is more than noise."))
        show_past(nights, columns, market, told)
    show_volume(document, told)
    show_shares(document, told)
    show_categories(document, told)
    show_champion(document, told)


def name_kinds(told: Words) -> tuple[str, str, str]:
    """Name what a distance can be: noise, beyond it, or not to be told from it."""
    return told.say("within noise"), told.say("beyond noise"), told.say("too few nights to tell")


def list_drift(document: Mapping[str, Any], told: Words) -> pd.DataFrame:
    """Return the distance of each column and of the estimates with their floors, the furthest beyond them first."""
    measured = dict(document.get("drift") or {})
    if document.get("estimates"):
        measured["estimates"] = document["estimates"]
    within, beyond, unknown = name_kinds(told)
    lines = [
        {
            "column": name,
            "label": told.say("Estimates") if name == "estimates" else told.column(name),
            "psi": found["psi"],
            "noise_floor": found["noise_floor"],
            "kind": beyond if found["is_finding"] else within if found["noise_floor"] is not None else unknown,
            "told": tell_distance(found["psi"], found["noise_floor"], told),
        }
        for name, found in measured.items()
        if found.get("psi") is not None
    ]
    ranked = sorted(lines, key=lambda line: -(line["psi"] / line["noise_floor"] if line["noise_floor"] else line["psi"]))
    return pd.DataFrame(ranked)


def tell_distance(size: float, floor: float | None, told: Words) -> str:
    """Return a distance with its floor in words."""
    if floor is None:
        return told.number(size, 3)
    return told.say("{size} (noise up to {floor})", size=told.number(size, 3), floor=told.number(floor, 3))


def show_past(nights: list[dict[str, Any]], columns: pd.DataFrame, market: str, told: Words) -> None:
    """Draw one column over the nights, with its floor."""
    labels = dict(zip(columns["column"], columns["label"], strict=True))
    name = st.selectbox(
        told.say("One column over the nights"), list(labels), format_func=labels.__getitem__, key=f"column-{market}"
    )
    names = (told.say("Distance"), told.say("Noise floor"))
    lines = []
    for document in nights[-_NIGHTS:]:
        found = document.get("estimates") if name == "estimates" else (document.get("drift") or {}).get(name)
        if not found or found.get("psi") is None:
            continue
        for label, value in zip(names, (found["psi"], found["noise_floor"]), strict=True):
            if value is not None:
                lines.append(
                    {
                        "night": pd.Timestamp(document["night"]),
                        "date": told.date(document["night"]),
                        "name": label,
                        "value": value,
                        "told": told.number(value, 3),
                        "is_finding": bool(found["is_finding"]) and label == names[0],
                    }
                )
    page.draw(charts.draw_past(pd.DataFrame(lines), names, told.say("Population stability index"), told))


def show_volume(document: Mapping[str, Any], told: Words) -> None:
    """Say how many cars came, and how many are usual."""
    volume = document.get("volume")
    if not volume:
        return
    st.subheader(told.say("How much came"))
    usual = told.number(volume["usual_cars"])
    change = volume["cars"] / volume["usual_cars"] - 1 if volume["usual_cars"] else None
    delta = (
        told.say("{change} against the usual {usual}", change=told.signed_share(change), usual=usual)
        if change is not None
        else None
    )
    st.metric(told.say("Cars"), told.number(volume["cars"]), delta, delta_color="off", delta_arrow="off")
    if volume.get("low") is not None:
        verdict = told.say("beyond noise") if volume["is_finding"] else told.say("within noise")
        st.caption(
            told.say(
                "{low} to {high} would be noise: {verdict}.",
                low=told.number(volume["low"]),
                high=told.number(volume["high"]),
                verdict=verdict,
            )
        )
    headers = document.get("headers") or {}
    for name in headers.get("absent", ()):
        st.warning(page.plain(told.say("No header of {column}, which earlier deliveries had.", column=told.column(name))))
    for header in headers.get("unknown", ()):
        st.warning(page.plain(told.say("The header {header} is new: it is not read.", header=repr(header))))


def show_shares(document: Mapping[str, Any], told: Words) -> None:
    """List the shares that were compared: rejected, missing, unreadable and moved values, those beyond noise first."""
    lines = [
        {
            "what": told.say(SHARES[kind]),
            "of": name,
            "share": found["share"],
            "usual": found["usual_share"],
            "deviation": found["deviation"],
            "floor": found["noise_floor"],
            "beyond": told.say("beyond noise") if found["is_finding"] else "",
        }
        for kind, name, found in iterate_shares(document, told)
    ]
    if not lines:
        return
    st.subheader(told.say("Shares"))
    frame = pd.DataFrame(lines)
    rank_of = frame["deviation"] / frame["floor"].astype("float64").fillna(float("inf"))
    frame = (
        frame.assign(rank=rank_of)
        .sort_values("rank", ascending=False)
        .drop(columns="rank")
        .head(_LINES)
        .round({"deviation": 3, "floor": 3})
    )
    page.table(
        frame,
        {
            "what": st.column_config.TextColumn(told.say("What")),
            "of": st.column_config.TextColumn(told.say("Of what"), width="medium"),
            "share": _share(told.say("This night")),
            "usual": _share(told.say("Usual")),
            "deviation": st.column_config.NumberColumn(
                told.say("Distance"), format="localized", help=told.say("Cohen's h above the median of the nights before.")
            ),
            "floor": _number(told.say("Noise floor")),
            "beyond": st.column_config.TextColumn(told.say("Verdict")),
        },
    )


def iterate_shares(document: Mapping[str, Any], told: Words) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Yield each compared share by kind with what it is of."""
    rejected = document.get("rejected") or {}
    if rejected:
        yield "rejected", told.say("all reasons"), rejected["overall"]
    for reason, found in rejected.get("reasons", {}).items():
        yield "rejected", told.retell(reason), found
    for name, found in (document.get("missing") or {}).items():
        yield "missing", told.column(name), found
    for name, found in (document.get("lost") or {}).items():
        yield "lost", told.column(name.removesuffix(_UNREADABLE)), found
    for pair, found in (document.get("moved") or {}).items():
        yield "moved", " → ".join(map(told.column, pair.split(" → "))), found


def show_categories(document: Mapping[str, Any], told: Words) -> None:
    """List words that are gone or new beyond chance."""
    lines = []
    for name, found in (document.get("categories") or {}).items():
        for key, text, count in (("lost", told.say("gone"), "usual"), ("new", told.say("never seen before"), "cars")):
            lines += [
                {"column": told.column(name), "word": told.value(name, word["word"]), "what": text, "n": word[count]}
                for word in found.get(key, ())
            ]
    st.subheader(told.say("Words"))
    if not lines:
        st.caption(told.say("No word is gone or new beyond chance."))
        return
    page.table(
        pd.DataFrame(lines[:_LINES]),
        {
            "column": st.column_config.TextColumn(told.say("Column")),
            "word": st.column_config.TextColumn(told.say("Word")),
            "what": st.column_config.TextColumn(told.say("What")),
            "n": _number(told.say("Cars, or usual cars")),
        },
    )


def show_champion(document: Mapping[str, Any], told: Words) -> None:
    """Say how the champion did on adverts that no earlier night had."""
    st.subheader(told.say("The champion on new adverts"))
    champion = document.get("champion")
    if not champion:
        why = document["compared"].get("why_no_champion")
        none = told.say("It was not judged on this night.")
        st.caption(page.plain(told.say("It was not judged on this night: {why}.", why=told.retell(why)) if why else none))
        return
    new = champion.get("new")
    if not new:
        n = champion.get("n", 0)
        st.caption(told.say_many("{n} new advert is too few to judge by.", "{n} new adverts are too few to judge by.", n))
        return
    judged = champion["judged"]
    lines = [
        {"measure": label, "new": told.share(new[name], 1), "judged": told.share(judged[name], 1)}
        for name, label in (("median_ape", told.say("Median error")), ("interval_coverage", told.say("Coverage")))
    ]
    on_new = told.say_many("On {n} new advert", "On {n} new adverts", champion["n"])
    page.table(
        pd.DataFrame(lines),
        {
            "measure": st.column_config.TextColumn(told.say("Version {version}", version=champion["version"])),
            "new": st.column_config.TextColumn(on_new, alignment="right"),
            "judged": st.column_config.TextColumn(told.say("When it was judged"), alignment="right"),
        },
    )
    for key, text in (
        ("errors", told.say("Its errors are larger, beyond noise.")),
        ("coverage", told.say("Its intervals hold less, beyond noise.")),
    ):
        if (champion.get(key) or {}).get("is_finding"):
            st.warning(text)


def rank(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return counts, the largest first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def sort_deliveries(names: Iterable[str]) -> list[str]:
    """Return deliveries by night and name, the oldest first."""
    return sorted(names, key=lambda name: (night_of(name), name))


def _number(label: str) -> Any:
    return st.column_config.NumberColumn(label, format="localized")


def _share(label: str) -> Any:
    return st.column_config.NumberColumn(label, format="percent")


@page.body
def show(state: MarketState, told: Words) -> None:
    """Draw what a reader can choose in."""
    part = page.pick({name: told.say(text) for name, text in PARTS.items()}, "quality-part")
    if part in {"findings", "drift"}:
        nights = reading.list_monitored(state.market)
        if not nights:
            page.stop(
                told.say("No night was compared with those before it yet, or what was written of it is gone or damaged."),
                page.command(state.market),
            )
        (show_findings if part == "findings" else show_drift)(nights, state.market, told)
        return
    account = page.need_document(state.place("check"), "account.json", *_COUNTS)
    show_headline(account, told)
    if part == "rejected":
        show_rejected(state, account, told)
    elif part == "lost":
        show_lost(account, told)
    else:
        show_deliveries(account, told)


def main() -> None:
    """Draw the page."""
    state = page.begin(mark("Data quality"), needs="check")
    told = page.words()
    show(state, told)


main()
