"""Monitor: what of a night's data, prices and champion is not as it was, told from noise by what earlier nights did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom, mannwhitneyu

from pipeline.stages import arrivals, drift, findings
from pipeline.stages.findings import make_finding
from pipeline.stages.freshness import count_days, tell_old_delivery, tell_old_model
from pipeline.stages.metrics import measure_errors, measure_intervals
from pipeline.stages.nights import Night, gather_nights
from pipeline.stages.noise import FALSE_ALARM, MIN_PAST, Deviation, cohens_h, measure_floor, sampling_z

MIN_NEW = 10  # new listings of a night by which the champion is judged: fewer say nothing
_TESTS = 2  # of the champion: its errors and its coverage

_ALWAYS = (findings.NO_CHAMPION, findings.STALE_CHAMPION, findings.STALE_DELIVERY, findings.EMPTY_DELIVERY)
# What is compared, and the kinds of findings that it can give.
_KINDS = {
    "volume": (findings.VOLUME,),
    "rejected": (findings.REJECTED,),
    "headers": (findings.ABSENT_COLUMN, findings.UNKNOWN_HEADER),
    "missing": (findings.EMPTIED_COLUMN,),
    "moved": (findings.MOVED_VALUES,),
    "lost": (findings.LOST_VALUES,),
    "categories": (findings.LOST_CATEGORY, findings.NEW_CATEGORY),
    "drift": (findings.DRIFT,),
    "estimates": (findings.ESTIMATES_DRIFT,),
    "champion": (findings.CHAMPION_ERROR, findings.CHAMPION_COVERAGE),
}

Found = tuple[dict[str, Any], list[dict[str, str]]]


@dataclass(frozen=True)
class Judged:
    """A champion by what it was judged: its metrics, and the relative errors (0–1) of the listings that judged it."""

    version: str
    metrics: Mapping[str, Any]
    errors: np.ndarray


@dataclass(frozen=True)
class Sources:
    """What a night is monitored by: documents and frames as the stages wrote them.

    `night` is the date that it is for and `newest_delivery` that of the newest delivery with rows, "" in a market without dates. `accounts` are
    those of all deliveries up to it by name (Check's) and `nights` their nights ("": undated); `accepted` holds the rows of the newest ones.
    `kinds` are the market's columns, `features` those whose drift matters. `serving` is the champion that prices now, a contender with
    `promoted_on`, or None. `judged` is the champion before tonight's verdict and `estimates` what it says of the listings of `accepted`
    (listing_id, first_seen_on, estimate, low, high), both None where there was none; `why_not_judged` says why.
    """

    market: str
    currency: str
    night: str
    newest_delivery: str
    stale_after_days: int
    max_data_age_days: int
    accounts: Mapping[str, Mapping[str, Any]]
    nights: Mapping[str, str]
    accepted: Mapping[str, pd.DataFrame]
    kinds: Mapping[str, str]
    features: Mapping[str, str]
    verdict: Mapping[str, Any]
    serving: Mapping[str, Any] | None
    judged: Judged | None = None
    estimates: pd.DataFrame | None = None
    why_not_judged: str = ""


def monitor_night(sources: Sources) -> dict[str, Any]:
    """Return what was measured and the findings, as plain values: money in the market's currency, shares 0–1, unknown values None.

    Compared is the newest night with accepted rows: what is wrong with it stays wrong until there is a newer one. `judged` names the kinds of
    findings that could be told tonight: of the others nobody knows whether they are over. It is the same for the same
    sources: draws are seeded, and no clock is read.
    """
    freshness, found = _tell_freshness(sources)
    nights = gather_nights(sources.accepted, sources.accounts, sources.nights)
    is_comparable = len(nights) > MIN_PAST
    compared = _compare(sources, nights) if is_comparable else {}
    return {
        "market": sources.market,
        "night": sources.night,
        "currency": sources.currency,
        "freshness": freshness,
        "compared": {
            "night": nights[-1].night if nights else "",
            "nights_before": max(len(nights) - 1, 0),
            "since": nights[0].night if is_comparable else "",
            "why_not": None if is_comparable else _excuse(sources, nights),
            "why_no_champion": sources.why_not_judged or None,
        },
        **{name: compared[name][0] if name in compared else None for name in _KINDS},
        "judged": sorted({*_ALWAYS, *(kind for name, kinds in _KINDS.items() if _is_told(compared.get(name)) for kind in kinds)}),
        "findings": [*found, *(finding for name in _KINDS if name in compared for finding in compared[name][1])],
    }


def _compare(sources: Sources, nights: Sequence[Night]) -> dict[str, Found]:
    """Compare the newest night with those before it in every way that the sources allow."""
    frames = [night.cars for night in nights]
    words = [name for name, kind in sources.kinds.items() if kind == "category"]
    headers = arrivals.compare_headers(nights)
    compared: dict[str, Found] = {
        "volume": arrivals.compare_volume(nights),
        "rejected": arrivals.compare_rejections(nights),
        "headers": headers,
        "missing": arrivals.compare_missing(nights, list(sources.kinds), headers[0]["absent"]),
        "moved": arrivals.compare_moved(nights),
        "lost": arrivals.compare_lost(nights),
        "categories": drift.compare_categories(frames, words),
        "drift": drift.compare_features(frames, sources.features),
    }
    if sources.judged is not None and sources.estimates is not None:
        compared["estimates"] = _compare_estimates(nights, sources.estimates)
        compared["champion"] = _judge_champion(nights, sources.estimates, sources.judged, sources.currency)
    return compared


def _is_told(compared: Found | None) -> bool:
    """Say whether a comparison could tell anything: a champion without enough new adverts is not over its errors."""
    return compared is not None and compared[0].get("new", True) is not None


def _excuse(sources: Sources, nights: Sequence[Night]) -> str:
    if not any(sources.nights.values()):
        return "the deliveries bear no dates, so no night can be compared with another"
    return f"{len(nights)} of the newest nights have rows; {MIN_PAST + 1} are needed to compare one with the others"


def _tell_freshness(sources: Sources) -> Found:
    """Tell how old deliveries, the newest training and the champion are on the night; what is undated has no age and is never stale."""
    newest, serving = sources.newest_delivery, sources.serving
    trained_on = sources.verdict["challenger"]["data_as_of"]
    promoted_on = serving["promoted_on"] if serving else ""
    data_as_of = serving["data_as_of"] if serving else ""
    told = {
        "newest_delivery": newest,
        "delivery_age_days": count_days(newest, sources.night),
        "stale_after_days": sources.stale_after_days,
        "trained_on": trained_on,
        "trained_age_days": count_days(trained_on, sources.night),
        "champion": serving["version"] if serving else None,
        "promoted_on": promoted_on,
        "promoted_age_days": count_days(promoted_on, sources.night),
        "prices_as_of": data_as_of,
        "prices_age_days": count_days(data_as_of, sources.night),
        "max_data_age_days": sources.max_data_age_days,
    }
    old = {
        findings.NO_CHAMPION: "" if serving else "the market has no champion",
        findings.STALE_CHAMPION: tell_old_model(sources.night, data_as_of, sources.max_data_age_days),
        findings.STALE_DELIVERY: tell_old_delivery(sources.night, newest, sources.stale_after_days),
    }
    found = [make_finding(kind, "", f"{text[0].upper()}{text[1:]}.") for kind, text in old.items() if text]
    return told, [*found, *_find_unusable(sources, newest)]


def _find_unusable(sources: Sources, newest: str) -> list[dict[str, str]]:
    """Find deliveries that gave nothing since the newest that gave rows, or on its night."""
    useless = {
        name: account
        for name, account in sorted(sources.accounts.items())
        if account["set_aside"] and sources.nights[name] and sources.nights[name] >= newest
    }
    if not useless:
        return []
    *_, last = names = list(useless)
    which = f"{len(names):,} deliveries, {names[0]} to {last}," if len(names) > 1 else last
    return [make_finding(findings.EMPTY_DELIVERY, "", f"{which} gave no cars. {last}: {useless[last]['set_aside']}.")]


def _compare_estimates(nights: Sequence[Night], estimates: pd.DataFrame) -> Found:
    """Compare the estimates of the newest night's cars with those of the cars of the nights before, all by one champion."""
    known = estimates.set_index("listing_id")["estimate"]
    columns = [known.reindex(night.cars["listing_id"]) for night in nights]
    told = drift.judge_drift(columns, is_number=True, n_asked=1)
    told |= {"median": _median(columns[-1]), "median_before": _median(pd.concat(columns[:-1]))}
    if not told["is_finding"]:
        return told, []
    text = f"The champion's estimates moved: {drift.tell_drift(told)}; the median is {told['median']:,.0f}, before {told['median_before']:,.0f}."
    return told, [make_finding(findings.ESTIMATES_DRIFT, "", text)]


def _median(values: pd.Series) -> float | None:
    return round(float(values.median()), 2) if values.notna().any() else None


def _judge_champion(nights: Sequence[Night], estimates: pd.DataFrame, judged: Judged, currency: str) -> Found:
    """Judge the champion by listings that no earlier night had: are its errors larger, its intervals too narrow?

    Both must be beyond chance, by a rank test against the errors of the listings that judged it (Mann and Whitney 1947) and a binomial test of
    coverage, and beyond how it fares with what was new on earlier nights: new adverts differ from others.
    """
    new = [_find_new(night, estimates) for night in nights]
    newest = new[-1]
    told: dict[str, Any] = {
        "version": judged.version,
        "n": len(newest),
        "judged": {name: round(float(judged.metrics[name]), 6) for name in ("mae", "median_ape", "interval_coverage")},
        "new": None,
    }
    if len(newest) < MIN_NEW or not len(judged.errors):
        return told, []
    prices, guesses, low, high = (newest[name].to_numpy(dtype=np.float64) for name in ("price", "estimate", "low", "high"))
    figures = {**measure_errors(prices, guesses), **measure_intervals(prices, low, high, guesses)}
    errors, coverage = _judge_errors(new, judged), _judge_coverage(new, judged)
    told |= {"new": {name: round(figures[name], 6) for name in told["judged"]}}
    told |= {"errors": errors.tell(), "coverage": coverage.tell()}
    found = []
    if errors.is_finding:
        text = f"Version {judged.version} is off by {figures['median_ape']:.1%} (median; mean {figures['mae']:,.0f} {currency}) on the {len(newest):,} new adverts; it was judged at {judged.metrics['median_ape']:.1%}."
        found.append(make_finding(findings.CHAMPION_ERROR, "", text))
    if coverage.is_finding:
        text = f"Intervals of version {judged.version} hold {figures['interval_coverage']:.1%} of the {len(newest):,} new prices; they were judged at {judged.metrics['interval_coverage']:.1%}."
        found.append(make_finding(findings.CHAMPION_COVERAGE, "", text))
    return told, found


def _find_new(night: Night, estimates: pd.DataFrame) -> pd.DataFrame:
    """Return the listings first seen on a night that have an estimate, with the prices of that very night: a later one may be at fault."""
    new = estimates[(estimates["first_seen_on"] == night.night) & estimates["estimate"].notna()]
    return new.merge(night.cars[["listing_id", "price"]], on="listing_id")


def _judge_errors(new: Sequence[pd.DataFrame], judged: Judged) -> Deviation:
    """Judge by how much likelier than not a new advert's error is larger than a judged one's (the area under the curve, less a half)."""

    def excess(listings: pd.DataFrame) -> float:
        errors = (listings["estimate"] / listings["price"] - 1).abs()
        statistic = mannwhitneyu(errors, judged.errors).statistic
        return float(statistic / (len(errors) * len(judged.errors)) - 0.5)

    n, m = len(new[-1]), len(judged.errors)
    return _judge_excess(new, excess, sampling_z(_TESTS) * np.sqrt((n + m + 1) / (12 * n * m)))


def _judge_coverage(new: Sequence[pd.DataFrame], judged: Judged) -> Deviation:
    """Judge how far coverage lies below that of the judged listings, or below its level where that is less (Cohen's h)."""
    meant = min(float(judged.metrics["interval_coverage"]), float(judged.metrics["interval_level"]))

    def excess(listings: pd.DataFrame) -> float:
        return cohens_h(meant, float(((listings["low"] <= listings["price"]) & (listings["price"] <= listings["high"])).mean()))

    n = len(new[-1])
    return _judge_excess(new, excess, cohens_h(meant, float(binom.ppf(FALSE_ALARM / _TESTS, n, meant)) / n))


def _judge_excess(new: Sequence[pd.DataFrame], excess: Callable[[pd.DataFrame], float], sampling: float) -> Deviation:
    earlier = [excess(listings) for listings in new[:-1] if len(listings) >= MIN_NEW]
    return Deviation(excess(new[-1]), measure_floor(earlier, float(sampling), _TESTS))
