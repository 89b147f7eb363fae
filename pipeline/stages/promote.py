"""Promote: decide whether a challenger takes the champion's place, with every reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from pipeline.contender import KEPT, PROMOTED, REFUSED, Contender
from pipeline.stages.metrics import label_segments, measure_errors, measure_intervals

SEGMENTS = ("make", "age", "price")
_ROWS_AT_A_TIME = 4_000_000  # weights of the bootstrap drawn at once: bounds its memory
_SIGNIFICANCE = 0.05
_COVERAGE_SIGNIFICANCE = 0.01
_MEASURES = ("mae", "median_ape", "interval_coverage", "interval_width_share")
_COLUMNS = {"n": "int64", "mae_challenger": "float64", "mae_champion": "float64", "change_share": "float64", "p_value": "float64"}


@dataclass(frozen=True)
class Rules:
    """What a challenger must satisfy; shares are 0–1."""

    min_judged: int = 100  # listings that judge
    min_learnt_share: float = 0.7  # of the listings that the champion learnt from: fewer mean that data went missing
    max_data_age_days: int = 30
    max_baseline_share: float = 1.0  # of the best baseline's mean error: the floor for a market's first model
    max_worse_share: float = 0.02  # of the champion's mean error, for a fresher challenger
    coverage_margin_share: float = 0.05  # between the intervals' level and their coverage
    max_segment_worse_share: float = 0.1  # of the champion's mean error in a make, an age or a price band
    min_segment_cars: int = 30
    resamples: int = 2000


@dataclass(frozen=True)
class Conditions:
    """What else decides: why the challenger is barred, how old the data are, what its fresh process complained of; None: nothing."""

    barred: str | None = None
    data_age_days: int | None = None
    complaint: str | None = None
    synthetic: bool = False
    market: str = ""
    currency: str = ""
    level: float = 0.9


@dataclass(frozen=True)
class Reason:
    """One rule, whether it is satisfied, and the figures in words."""

    rule: str
    passed: bool
    text: str


@dataclass(frozen=True)
class Verdict:
    """promoted, refused or kept (the challenger is the champion), with every reason."""

    outcome: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Comparison:
    """Two models on the same listings: `figures` by measure, and a row per segment (see `compare`)."""

    figures: dict[str, Any]
    segments: pd.DataFrame


def leave_out(test: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
    """Return the listings of `test` that a model did not learn from: neither the advert nor a twin of it (listing_id, group_id)."""
    is_known = test["listing_id"].isin(learnt["listing_id"]) | test["group_id"].isin(learnt["group_id"])
    # A group is named after its oldest member: when that one leaves the history, after the next.
    return test[~(is_known | test["group_id"].isin(learnt["listing_id"]))]


def compare(judged: pd.DataFrame, challenger: pd.DataFrame, champion: pd.DataFrame | None, rules: Rules) -> Comparison:
    """Compare the estimates (estimate, low, high) of two models, indexed like `judged` (price, group_id, make, age_years).

    Figures: n_judged, a pair for each of mae, median_ape, interval_coverage and interval_width_share, and the mean difference of absolute
    errors, challenger − champion in money, with the ends of its 90 % interval by a paired bootstrap over groups of twins (Efron and
    Tibshirani 1993; weights are Poisson). Segments: segment_kind, segment, n, mae_challenger, mae_champion, change_share, p_value (of
    being no worse, Holm's over all of them) and is_hurt.
    """
    figures: dict[str, Any] = {"n_judged": len(judged)}
    measured = {name: _measure(judged, found) for name, found in (("challenger", challenger), ("champion", champion))}
    figures |= {measure: {name: found.get(measure) for name, found in measured.items()} for measure in _MEASURES}
    figures |= dict.fromkeys(("difference", "difference_low", "difference_high"))
    segments = pd.DataFrame({"segment_kind": [], "segment": []}, dtype="str").assign(
        **{name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()}, is_hurt=pd.Series(dtype="bool")
    )
    if champion is None or judged.empty:
        return Comparison(figures, segments)
    errors = pd.DataFrame(
        {
            "challenger": (challenger["estimate"] - judged["price"]).abs(),
            "champion": (champion["estimate"] - judged["price"]).abs(),
        }
    )
    members = _list_segments(judged, rules.min_segment_cars)
    differences = (errors["challenger"] - errors["champion"]).to_numpy()
    columns = np.column_stack([np.ones(len(judged)), *(is_member for _, _, is_member in members)])
    means = _resample(columns, differences, judged["group_id"], rules.resamples)
    low, high = np.quantile(means[:, 0], [0.05, 0.95])
    figures |= {"difference": float(differences.mean()), "difference_low": float(low), "difference_high": float(high)}
    rows = [_describe(kind, name, errors[is_member]) for kind, name, is_member in members]
    if rows:
        segments = pd.DataFrame(rows)
        segments["p_value"] = _adjust((1 + (means[:, 1:] <= 0).sum(axis=0)) / (1 + rules.resamples))
        segments["is_hurt"] = (segments["change_share"] > rules.max_segment_worse_share) & (segments["p_value"] < _SIGNIFICANCE)
    return Comparison(figures, segments)


def decide(
    challenger: Contender,
    champion: Contender | None,
    comparison: Comparison,
    baselines: Mapping[str, float],
    conditions: Conditions,
    rules: Rules,
) -> Verdict:
    """Return the verdict and every reason for it; `baselines` maps their names to their mean errors on the judged listings.

    A challenger is promoted when every rule is satisfied. Without a champion it must beat the baselines instead.
    """
    if champion is not None and champion.fingerprint == challenger.fingerprint:
        return Verdict(KEPT, (Reason("champion", passed=True, text=f"Version {challenger.version} is the champion already."),))
    reasons = [
        _judge_bar(challenger, conditions),
        _judge_amount(challenger, champion, comparison, rules),
        _judge_age(challenger, conditions, rules),
        Reason(
            "loads and prices as judged",
            conditions.complaint is None,
            conditions.complaint or "A fresh process loads the model and prices a fixed set of cars as when it was judged.",
        ),
    ]
    if comparison.figures["n_judged"]:
        if champion is None:
            reasons.append(_judge_floors(comparison, baselines, conditions, rules))
        else:
            reasons.append(_judge_difference(challenger, champion, comparison, conditions, rules))
        reasons.append(_judge_coverage(comparison, conditions, rules))
        if champion is not None:
            reasons.append(_judge_segments(comparison, rules))
    outcome = PROMOTED if all(reason.passed for reason in reasons) else REFUSED
    return Verdict(outcome, tuple(reasons))


def make_verdict(
    market: str, night: str, challenger: Contender, champion: Contender | None, verdict: Verdict, figures: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the verdict as a document of plain values."""
    return {
        "market": market,
        "night": night,
        "outcome": verdict.outcome,
        "challenger": asdict(challenger),
        "champion": asdict(champion) if champion else None,
        "reasons": [asdict(reason) for reason in verdict.reasons],
        "figures": dict(figures),
    }


def _measure(judged: pd.DataFrame, found: pd.DataFrame | None) -> dict[str, float]:
    if found is None or judged.empty:
        return {}
    prices = judged["price"].to_numpy(dtype=np.float64)
    estimates, low, high = (found[name].to_numpy() for name in ("estimate", "low", "high"))
    return {**measure_errors(prices, estimates), **measure_intervals(prices, low, high, estimates)}


def _list_segments(judged: pd.DataFrame, min_cars: int) -> list[tuple[str, str, np.ndarray]]:
    labels = label_segments(judged)
    found = []
    for kind in SEGMENTS:
        for name, count in labels[kind].value_counts(sort=False).sort_index().items():
            if count >= min_cars:
                found.append((kind, str(name), (labels[kind] == name).to_numpy()))
    return found


def _resample(columns: np.ndarray, differences: np.ndarray, groups: pd.Series, resamples: int) -> np.ndarray:
    """Return the mean difference over each column's listings (0 or 1), a row per resample of the groups."""
    codes, _ = pd.factorize(groups)
    n_groups = int(codes.max()) + 1
    sums, counts = np.zeros((n_groups, columns.shape[1])), np.zeros((n_groups, columns.shape[1]))
    np.add.at(sums, codes, columns * differences[:, None])
    np.add.at(counts, codes, columns)
    random = np.random.default_rng(0)
    at_a_time = max(1, _ROWS_AT_A_TIME // n_groups)
    means = []
    for start in range(0, resamples, at_a_time):
        weights = random.poisson(1.0, (min(at_a_time, resamples - start), n_groups)).astype(np.float64)
        weighed = weights @ counts
        means.append(np.divide(weights @ sums, weighed, out=np.zeros_like(weighed), where=weighed > 0))
    return np.vstack(means)


def _describe(kind: str, name: str, errors: pd.DataFrame) -> dict[str, Any]:
    mine, theirs = float(errors["challenger"].mean()), float(errors["champion"].mean())
    return {
        "segment_kind": kind,
        "segment": name,
        "n": len(errors),
        "mae_challenger": mine,
        "mae_champion": theirs,
        "change_share": mine / theirs - 1 if theirs else 0.0,
    }


def _adjust(p_values: np.ndarray) -> np.ndarray:
    """Adjust for asking of many segments (Holm, Scandinavian Journal of Statistics 1979)."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def _judge_bar(challenger: Contender, conditions: Conditions) -> Reason:
    if conditions.barred is None:
        return Reason("not barred", passed=True, text=f"Version {challenger.version} is not barred.")
    return Reason(
        "not barred",
        passed=False,
        text=f"Version {challenger.version} is barred: {conditions.barred}. `python -m pipeline rollback --market {conditions.market} --lift {challenger.version}` lifts that.",
    )


def _judge_amount(challenger: Contender, champion: Contender | None, comparison: Comparison, rules: Rules) -> Reason:
    judged, learnt = comparison.figures["n_judged"], challenger.n_learnt
    told = f"{judged:,} listings judge, {rules.min_judged:,} are wanted; it learnt from {learnt:,}"
    passed = judged >= rules.min_judged
    if champion is not None:
        told += f", the champion from {champion.n_learnt:,} ({rules.min_learnt_share:.0%} of them are wanted)"
        passed = passed and learnt >= rules.min_learnt_share * champion.n_learnt
    return Reason("enough data", passed, f"{told}.")


def _judge_age(challenger: Contender, conditions: Conditions, rules: Rules) -> Reason:
    age = conditions.data_age_days
    if conditions.synthetic or age is None:
        which = "synthetic" if conditions.synthetic else "undated"
        return Reason("data not stale", passed=True, text=f"The deliveries are {which}: their age is no ground.")
    told = f"The newest delivery is of {challenger.data_as_of}, {age:,} days old; {rules.max_data_age_days:,} are allowed."
    return Reason("data not stale", age <= rules.max_data_age_days, told)


def _judge_floors(comparison: Comparison, baselines: Mapping[str, float], conditions: Conditions, rules: Rules) -> Reason:
    mae = comparison.figures["mae"]["challenger"]
    best = min(baselines, key=lambda name: baselines[name])
    told = f"Mean error {_money(mae, conditions)}, that of the best baseline ({best.replace('_', ' ')}) {_money(baselines[best], conditions)}"
    allowed = "" if rules.max_baseline_share == 1 else f"; {rules.max_baseline_share:.0%} of it are allowed"
    return Reason("floors", mae <= rules.max_baseline_share * baselines[best], f"{told}{allowed}.")


def _judge_difference(
    challenger: Contender, champion: Contender, comparison: Comparison, conditions: Conditions, rules: Rules
) -> Reason:
    figures = comparison.figures
    difference, low, high = (figures[name] for name in ("difference", "difference_low", "difference_high"))
    allowed = rules.max_worse_share * figures["mae"]["champion"]
    told = (
        f"Mean error {_money(figures['mae']['challenger'], conditions)} against {_money(figures['mae']['champion'], conditions)}: "
        f"{_money(abs(difference), conditions)} {'less' if difference < 0 else 'more'} "
        f"(between {low:+,.0f} and {high:+,.0f} with 90% confidence)"
    )
    if high < 0:
        return Reason("better or fresher", passed=True, text=f"{told}: better beyond noise.")
    if high > allowed:
        return Reason(
            "better or fresher", passed=False, text=f"{told}: it may be worse by more than {_money(allowed, conditions)}."
        )
    fresher, how = _is_fresher(challenger, champion)
    ending = f"no worse within {_money(allowed, conditions)}, and {how}" if fresher else f"not better beyond noise, and {how}"
    return Reason("better or fresher", fresher, f"{told}: {ending}.")


def _is_fresher(challenger: Contender, champion: Contender) -> tuple[bool, str]:
    if challenger.data_as_of and champion.data_as_of:
        is_later = challenger.data_as_of > champion.data_as_of
        which = "fresher" if is_later else "no fresher"
        return is_later, f"{which} (data of {challenger.data_as_of} against {champion.data_as_of})"
    is_larger = challenger.n_learnt > champion.n_learnt
    which = "learnt from more listings" if is_larger else "learnt from no more listings"
    return is_larger, f"{which} ({challenger.n_learnt:,} against {champion.n_learnt:,})"


def _judge_coverage(comparison: Comparison, conditions: Conditions, rules: Rules) -> Reason:
    """Refuse where coverage is out of its band by more than chance (a binomial test at 1 %)."""
    n, coverage = comparison.figures["n_judged"], comparison.figures["interval_coverage"]["challenger"]
    low, high = (conditions.level + sign * rules.coverage_margin_share for sign in (-1, 1))
    held = round(coverage * n)
    is_low = binom.cdf(held, n, max(low, 0.0)) < _COVERAGE_SIGNIFICANCE
    is_high = high < 1 and binom.sf(held - 1, n, high) < _COVERAGE_SIGNIFICANCE
    told = f"{conditions.level:.0%} intervals hold {coverage:.1%} of the prices; {low:.0%} to {min(high, 1):.0%} are wanted, give or take chance."
    return Reason("coverage", not (is_low or is_high), told)


def _judge_segments(comparison: Comparison, rules: Rules) -> Reason:
    segments = comparison.segments
    hurt = segments[segments["is_hurt"]]
    if hurt.empty:
        told = f"None of {len(segments)} makes, ages and price bands with {rules.min_segment_cars} cars is worse by more than {rules.max_segment_worse_share:.0%} beyond noise."
        return Reason("segments", passed=True, text=told)
    return Reason("segments", passed=False, text=f"Worse beyond noise for {_name_hurt(hurt.to_dict('records'))}.")


def _name_hurt(hurt: Sequence[Mapping[Any, Any]]) -> str:
    return ", ".join(
        f"{segment['segment_kind']} {segment['segment']} by {segment['change_share']:.0%} ({segment['n']:,} cars)"
        for segment in sorted(hurt, key=lambda segment: -segment["change_share"])
    )


def _money(amount: float, conditions: Conditions) -> str:
    return f"{amount:,.0f} {conditions.currency}".strip()
