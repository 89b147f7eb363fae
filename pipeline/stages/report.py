"""Report: what a night brought, was made of, and decided, as one document of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from pipeline.listing import NOT_RATED, RATINGS
from pipeline.stages.deals import choose_deals, plain_number, plain_text

MAX_POINTS = 1200  # of a cloud: more are only black
MAX_REASONS = 20
MAX_DELIVERIES = 60
MIN_SEGMENT_CARS = 10  # a make with fewer judged listings says little
MAX_FEATURES = 25

_BINS = 10  # of the running median through the residuals
_MIN_BIN_CARS = 20
_FRAME_SHARE = 0.002  # of the listings at each end that a chart may leave outside its frame
_MARGIN = 1.05  # by which a frame is wider
_MIN_REACH = 0.05
_FOLDED = 3  # results of one family and fate that are told in one line
_SEGMENT_KINDS = ("status", "age", "price", "make")


@dataclass(frozen=True)
class Sources:
    """What a report tells of: documents and frames as the stages wrote them.

    `night` is the date the report is for and `newest_delivery` that of the newest delivery, "" in a market without dates. `serving` is the
    champion that priced, a contender with `promoted_on`, or None. `rebuilt` has a name, family, outcome and reasons for each result.
    """

    market: str
    title: str
    currency: str
    synthetic: bool
    night: str
    newest_delivery: str
    intake: Mapping[str, Any]
    listings: Mapping[str, int]
    split: Mapping[str, Any]
    metrics: Mapping[str, Any]
    segments: pd.DataFrame
    estimates: pd.DataFrame
    importance: pd.DataFrame
    verdict: Mapping[str, Any]
    verdict_segments: pd.DataFrame
    serving: Mapping[str, Any] | None
    scores: pd.DataFrame
    score_account: Mapping[str, Any]
    monitored: Mapping[str, Any]
    rebuilt: Sequence[Mapping[str, Any]]


def make_report(sources: Sources) -> dict[str, Any]:
    """Return all that the page shows, as plain values: money in the market's currency, shares 0–1, dates ISO, unknown values None.

    It is the same for the same sources: clouds of points are thinned by a fixed seed, and no clock is read.
    """
    return {
        "market": sources.market,
        "title": sources.title,
        "currency": sources.currency,
        "synthetic": sources.synthetic,
        "night": sources.night,
        "data": _tell_age(sources.night, sources.newest_delivery, sources.score_account["stale"]),
        "verdict": _tell_verdict(sources.verdict, sources.verdict_segments, sources.serving),
        "serving": _tell_contender(sources.serving),
        "deals": _tell_deals(sources.scores, sources.score_account, is_priced=sources.serving is not None),
        "monitored": _tell_monitored(sources.monitored),
        "intake": _tell_intake(sources.intake),
        "listings": dict(sources.listings),
        "split": dict(sources.split),
        "rebuilt": fold_rebuilt(sources.rebuilt),
        "model": _tell_model(sources),
    }


def fold_rebuilt(rebuilt: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count what was built and reused, and tell many results of one family, outcome and reasons in one line.

    Lines: family, outcome, reasons, n, and names (the first and the last where there are many), in the order in which they came.
    """
    groups: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for entry in rebuilt:
        reasons = () if entry["outcome"] == "reused" else tuple(entry["reasons"])
        groups.setdefault((entry["family"], entry["outcome"], reasons), []).append(entry["name"])
    lines = [
        {
            "family": family,
            "outcome": outcome,
            "reasons": list(reasons),
            "n": len(names),
            "names": names if len(names) <= _FOLDED else [names[0], names[-1]],
        }
        for (family, outcome, reasons), names in groups.items()
    ]
    outcomes = [entry["outcome"] for entry in rebuilt]
    return {"n": len(rebuilt), "built": outcomes.count("built"), "reused": outcomes.count("reused"), "lines": lines}


def _tell_age(night: str, newest_delivery: str, stale: str) -> dict[str, Any]:
    age = (date.fromisoformat(night) - date.fromisoformat(newest_delivery)).days if night and newest_delivery else None
    return {
        "newest_delivery": newest_delivery,
        "is_dated": bool(newest_delivery),
        "age_days": age,
        "stale": stale,
    }


def _tell_contender(contender: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if contender is None:
        return None
    return {
        "version": contender["version"],
        "fingerprint": contender["fingerprint"][:16],
        "data_as_of": contender["data_as_of"],
        "n_learnt": contender["n_learnt"],
        "trained_until": contender["trained_until"],
        "promoted_on": contender.get("promoted_on") or None,
    }


def _tell_verdict(verdict: Mapping[str, Any], segments: pd.DataFrame, serving: Mapping[str, Any] | None) -> dict[str, Any]:
    reasons = [dict(reason) for reason in verdict["reasons"]]
    compared = [
        {
            "segment_kind": str(row["segment_kind"]),
            "segment": str(row["segment"]),
            "n": int(row["n"]),
            **{name: plain_number(row[name]) for name in ("mae_challenger", "mae_champion", "change_share", "p_value")},
            "is_hurt": bool(row["is_hurt"]),
        }
        for row in segments.to_dict("records")
    ]
    return {
        "outcome": verdict["outcome"],
        "sentence": _sum_up(verdict, serving),
        "challenger": _tell_contender(verdict["challenger"]),
        "champion": _tell_contender(verdict["champion"]),
        "reasons": reasons,
        "n_failed": sum(not reason["passed"] for reason in reasons),
        "figures": dict(verdict["figures"]),
        "segments": compared,
    }


def _sum_up(verdict: Mapping[str, Any], serving: Mapping[str, Any] | None) -> str:
    """Say in one sentence what was decided, and no more than the champion bears out: a verdict on an earlier night moves none."""
    challenger, former, outcome = verdict["challenger"], verdict["champion"], verdict["outcome"]
    name = f"Version {challenger['version']}"
    if serving is None:
        decided = {"refused": "was refused", "promoted": "passed every rule"}.get(outcome, "was the champion when it was judged")
        return f"{name} {decided}, and the market has no champion: nothing is priced."
    prices = f"version {serving['version']} is the champion that prices"
    is_serving = serving["fingerprint"] == challenger["fingerprint"]
    if outcome == "refused":
        stays = former is not None and former["fingerprint"] == serving["fingerprint"]
        return (
            f"{name} was refused: version {serving['version']} stays the champion." if stays else f"{name} was refused; {prices}."
        )
    if outcome == "kept":
        return (
            f"{name} stays the champion: no other model was made."
            if is_serving
            else f"{name} was the champion when it was judged; {prices}."
        )
    if not is_serving:
        return f"{name} passed every rule, but {prices}."
    return (
        f"{name} is the first champion of this market."
        if former is None
        else f"{name} is the new champion, in the place of version {former['version']}."
    )


def _tell_monitored(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not as it was, and against what the night was held."""
    compared = document["compared"]
    return {
        "findings": [
            {name: finding[name] for name in ("kind", "subject", "text", "means", "do")} for finding in document["findings"]
        ],
        "night": compared["night"],
        "nights_before": compared["nights_before"],
        "why_not": compared["why_not"],
    }


def _tell_deals(scores: pd.DataFrame, account: Mapping[str, Any], *, is_priced: bool) -> dict[str, Any]:
    deals, n_deals = choose_deals(scores) if is_priced else ([], 0)
    ratings = account.get("ratings", {}) if is_priced else {}
    return {
        "deals": deals,
        "n_deals": n_deals,
        "live": account.get("live", len(scores)),
        "is_priced": is_priced,
        "ratings": [{"rating": name, "n": ratings.get(name, 0)} for name in RATINGS],
        "not_rated": ratings.get(NOT_RATED, 0),
        **{status: account.get(status, 0) if is_priced else 0 for status in ("priced", "extrapolated", "refused")},
        "median_absolute_position": account.get("median_absolute_position") if is_priced else None,
        "rating_changes": account.get("rating_changes", 0),
        "live_before": account.get("live_before", 0),
        "since": account.get("since"),
    }


def _tell_intake(account: Mapping[str, Any]) -> dict[str, Any]:
    """Tell Check's account, possibly one that was written before accounts held examples."""
    examples = account.get("examples", {})
    deliveries = [
        {
            "delivery": name,
            **{key: delivery[key] for key in ("rows", "accepted", "rejected", "unreadable")},
            "set_aside": delivery["set_aside"],
        }
        for name, delivery in sorted(account["deliveries"].items())
    ]
    return {
        **{key: account[key] for key in ("rows", "accepted", "rejected", "unreadable")},
        **{key: _rank_counts(account[key], examples) for key in ("reasons", "dropped_values", "rehomed")},
        "remedies": list(account.get("remedies", ())),
        "set_aside": [{"delivery": name, "reason": reason} for name, reason in sorted(account["set_aside"].items())],
        "history": account.get("history"),
        "n_deliveries": len(deliveries),
        "deliveries": deliveries[-MAX_DELIVERIES:],
    }


def _rank_counts(counts: Mapping[str, int], examples: Mapping[str, str]) -> dict[str, Any]:
    """Return the most frequent first, each with its example, and how many kinds and counts are left out."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "most": [{"name": name, "n": n, "example": examples.get(name)} for name, n in ranked[:MAX_REASONS]],
        "n_more": len(ranked[MAX_REASONS:]),
        "count_more": sum(n for _, n in ranked[MAX_REASONS:]),
    }


def _tell_model(sources: Sources) -> dict[str, Any]:
    metrics = sources.metrics
    judged = sources.estimates
    kept = ("mae", "rmse", "mape", "median_ape", "r2", "within_10_share", "interval_coverage", "interval_width_share")
    baselines = {name: {key: errors[key] for key in errors} for name, errors in metrics["baselines"].items()}
    return {
        **{name: plain_number(metrics[name]) for name in kept},
        "interval_level": metrics["interval_level"],
        "n_test": metrics["n_test"],
        "n_train": metrics["n_train"],
        "n_train_of": metrics.get("n_train_of"),
        "baselines": baselines,
        "worse_than": [
            {"baseline": name, "measure": key}
            for name, errors in baselines.items()
            for key in ("mae", "median_ape")
            if metrics[key] > errors[key]
        ],
        "features": list(metrics["features"]),
        "features_refused": dict(metrics.get("features_refused", {})),
        "importance": [
            {"feature": str(row["feature"]), "error_share": float(row["error_share"]), "spread_share": float(row["spread_share"])}
            for row in sources.importance.head(MAX_FEATURES).to_dict("records")
        ],
        "n_importance_more": max(0, len(sources.importance) - MAX_FEATURES),
        "cloud": _thin(judged),
        "trend": _follow_trend(judged),
        "segments": _tell_segments(sources.segments, metrics["interval_level"]),
    }


def _thin(judged: pd.DataFrame) -> dict[str, Any]:
    """Return some judged listings as [price, estimate, 1 where priced without reserve else 0], and the frames that show nearly all.

    `money` holds the ends of the frame for prices and estimates, `reach` how far the frame of log(price / estimate) reaches; beyond them lie
    `n_beyond_money` and `n_beyond_reach` of the points.
    """
    shown = judged.sample(min(len(judged), MAX_POINTS), random_state=0).sort_index()
    money = shown[["price", "estimate"]]
    distances = pd.Series(np.abs(np.log(shown["price"] / shown["estimate"])), index=shown.index)
    low, high = (
        (float(end) for end in np.quantile(money.to_numpy(), [_FRAME_SHARE, 1 - _FRAME_SHARE])) if len(shown) else (1.0, 2.0)
    )
    low, high = low / _MARGIN, max(high * _MARGIN, low * 2)
    reach = max(float(np.quantile(distances, 1 - 2 * _FRAME_SHARE)) * _MARGIN if len(shown) else 0.0, _MIN_REACH)
    is_beyond = (money < low) | (money > high)
    points = zip(money["price"], money["estimate"], shown["status"] == "priced", strict=True)
    return {
        "points": [[round(price), round(estimate), int(is_plain)] for price, estimate, is_plain in points],
        "n": len(judged),
        "money": [low, high],
        "reach": reach,
        "n_beyond_money": int(is_beyond.any(axis=1).sum()),
        "n_beyond_reach": int((is_beyond["estimate"] | (distances > reach)).sum()),
    }


def _follow_trend(judged: pd.DataFrame) -> list[dict[str, float]]:
    """Return the median position of listings with about equal estimates, the cheap first; nothing where too few are judged."""
    n_bins = min(_BINS, len(judged) // _MIN_BIN_CARS)
    if n_bins < 2:
        return []
    estimates = judged["estimate"].rename("estimate")
    frame = pd.DataFrame({"estimate": estimates, "position": judged["price"] / estimates - 1})
    bins = pd.qcut(estimates.rank(method="first"), n_bins, labels=False)
    medians = frame.groupby(bins)[["estimate", "position"]].median()
    return [
        {"estimate": round(float(row["estimate"])), "position": round(float(row["position"]), 4)}
        for row in medians.to_dict("records")
    ]


def _tell_segments(segments: pd.DataFrame, level: float) -> list[dict[str, Any]]:
    """Return errors and coverage by kind of segment, makes with the most listings first; small makes are counted only.

    Each says between which shares coverage lies by chance alone where intervals are right (binomial, 95 %).
    """
    told = []
    for kind in _SEGMENT_KINDS:
        members = segments[segments["segment_kind"] == kind]
        shown = members
        if kind == "make":
            shown = members[members["n"] >= MIN_SEGMENT_CARS].sort_values(["n", "segment"], ascending=[False, True])
        rows = [_describe_segment(row, level) for row in shown.to_dict("records")]
        told.append(
            {
                "kind": kind,
                "rows": rows,
                "n_small": len(members) - len(shown),
                "n_small_listings": int(members["n"].sum() - shown["n"].sum()),
            }
        )
    return told


def _describe_segment(row: Mapping[Any, Any], level: float) -> dict[str, Any]:
    n = int(row["n"])
    low, high = (float(end) / n for end in binom.interval(0.95, n, level))
    coverage = float(row["interval_coverage"])
    return {
        "segment": plain_text(row["segment"]),
        "n": n,
        **{name: plain_number(row[name]) for name in ("mae", "median_ape", "bias_share", "interval_coverage")},
        "chance_low": low,
        "chance_high": high,
        "is_off": not low <= coverage <= high,
    }
