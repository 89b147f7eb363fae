"""Drift: how far the values of a column moved, as a population stability index over bins of what came before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.stages import findings
from pipeline.stages.findings import make_finding
from pipeline.stages.noise import FALSE_ALARM, MIN_PAST, judge_last, measure_floor

BINS = 10  # of a number, with equally many values before
MIN_CATEGORY_SHARE = 0.01  # rarer words are counted as one, and no new word matters that is rarer
_DRAWS = 10_000  # enough to see one in a thousand of ten columns
_PSEUDO_COUNT = 0.5  # Jeffreys's: an empty bin is rare, not impossible
_SHOWN = 5  # words named in a sentence

Columns = Sequence[pd.Series]
Found = tuple[dict[str, Any], list[dict[str, str]]]


def compare_features(nights: Sequence[pd.DataFrame], kinds: Mapping[str, str]) -> Found:
    """Compare the known values of each column on the newest night with those of the nights before, the oldest first."""
    measured = {
        name: judge_drift([night[name] for night in nights], is_number=kind == "number", n_asked=len(kinds))
        for name, kind in kinds.items()
    }
    found = [
        make_finding(
            findings.DRIFT, name, f"The values of {name} moved: {tell_drift(told)}{_tell_medians(nights, name, kinds[name])}."
        )
        for name, told in measured.items()
        if told["is_finding"]
    ]
    return measured, found


def judge_drift(columns: Columns, *, is_number: bool, n_asked: int) -> dict[str, Any]:
    """Return the newest night's index against all nights before it, and its noise floor.

    The floor is the larger of what a delivery of that size shows by chance and of what earlier nights did against their own past. It is
    measured on the index's root, which grows with a movement as a distance does.
    """
    counts = (count_numbers if is_number else count_words)(columns)
    before, size = counts.cumsum(axis=0), int(counts[-1].sum())
    if not size or not before[-2].sum():
        return {"psi": None, "noise_floor": None, "n": size, "is_finding": False}

    def deviate(place: int) -> float:
        return float(np.sqrt(measure_psi(counts[place], before[place - 1])))

    sampling = float(np.sqrt(sample_psi(before[-2], size, n_asked)))
    deviation = judge_last(len(columns), deviate, sampling, n_asked)
    floor = None if deviation.floor is None else round(deviation.floor**2, 6)
    return {"psi": round(deviation.size**2, 6), "noise_floor": floor, "n": size, "is_finding": deviation.is_finding}


def tell_drift(told: Mapping[str, Any]) -> str:
    """Return an index and its floor in words."""
    return f"the population stability index against the nights before is {told['psi']:.3f}, and {told['noise_floor']:.3f} would be noise"


def compare_categories(nights: Sequence[pd.DataFrame], columns: Sequence[str]) -> Found:
    """Find words that were common on every earlier night and are gone, and words never seen before that matter."""
    counts = {name: _count_each(nights, name) for name in columns}
    n_asked = sum(len(table) for table in counts.values())
    measured = {name: {"lost": _find_lost(table, n_asked), "new": _find_new(table, n_asked)} for name, table in counts.items()}
    found = []
    for name, told in measured.items():
        if told["lost"]:
            words = _name_words(told["lost"], lambda word: f"{word['word']} (usual are {word['usual']:,.0f} cars)")
            found.append(make_finding(findings.LOST_CATEGORY, name, f"None of the newest night's cars has the {name} {words}."))
        if told["new"]:
            words = _name_words(told["new"], lambda word: f"{word['word']} ({word['cars']:,} cars)")
            found.append(make_finding(findings.NEW_CATEGORY, name, f"No earlier night had a car of the {name} {words}."))
    return measured, found


def count_numbers(columns: Columns) -> np.ndarray:
    """Return how many known values of each night (rows) lie in each bin; the bins are the earlier nights' quantiles."""
    before = pd.concat([column.dropna() for column in columns[:-1]]).to_numpy(dtype=np.float64)
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1])) if len(before) else np.array([])
    binned = [np.searchsorted(edges, column.dropna().to_numpy(dtype=np.float64), side="right") for column in columns]
    return np.array([np.bincount(bins, minlength=len(edges) + 1) for bins in binned])


def count_words(columns: Columns) -> np.ndarray:
    """Return how many known values of each night (rows) are each of the earlier nights' common words, or another word."""
    words = [column.dropna().astype("str").value_counts() for column in columns]
    before = pd.concat(words[:-1]).groupby(level=0).sum()
    common = sorted(before.index[before >= MIN_CATEGORY_SHARE * before.sum()])
    known = np.array([counts.reindex(common, fill_value=0).to_numpy() for counts in words], dtype=np.int64).reshape(
        len(columns), -1
    )
    others = np.array([counts.sum() for counts in words], dtype=np.int64)[:, None] - known.sum(axis=1, keepdims=True)
    return np.hstack([known, others])


def measure_psi(counts: np.ndarray, before: np.ndarray) -> float:
    """Return the population stability index of two counts over the same bins: the sum of (p − q) log(p / q)."""
    p, q = (_share(found) for found in (counts, before))
    return float(np.sum((p - q) * np.log(p / q)))


def sample_psi(before: np.ndarray, size: int, n_asked: int) -> float:
    """Return the index that `size` values drawn from what came before reach by chance, for `n_asked` questions.

    It is a quantile of seeded draws: a small delivery of an unmoved market has a large index.
    """
    draws = np.random.default_rng(0).multinomial(size, before / before.sum(), _DRAWS)
    p, q = _share(draws), _share(before)
    drawn = np.sum((p - q) * np.log(p / q), axis=1)
    return float(np.quantile(drawn, 1 - FALSE_ALARM / max(n_asked, 1), method="higher"))


def _share(counts: np.ndarray) -> np.ndarray:
    smoothed = counts + _PSEUDO_COUNT
    return np.asarray(smoothed / smoothed.sum(axis=-1, keepdims=True))


def _tell_medians(nights: Sequence[pd.DataFrame], name: str, kind: str) -> str:
    if kind != "number":
        return ""
    now, before = nights[-1][name].median(), pd.concat([night[name] for night in nights[:-1]]).median()
    return f"; the median is {now:,.0f}, before {before:,.0f}"


def _count_each(nights: Sequence[pd.DataFrame], name: str) -> pd.DataFrame:
    """Return a row per word and a column per night, the oldest first."""
    counted = [night[name].dropna().astype("str").value_counts() for night in nights]
    return pd.concat(counted, axis=1, keys=range(len(nights))).fillna(0).astype("int64").sort_index()


def _find_lost(table: pd.DataFrame, n_asked: int) -> list[dict[str, Any]]:
    """Find words that every earlier night had, so often that chance (Poisson's) does not make them vanish."""
    before = table.iloc[:, :-1]
    if before.shape[1] < MIN_PAST:
        return []
    usual = before.div(before.sum().clip(lower=1)).median(axis=1) * table.iloc[:, -1].sum()
    is_lost = (table.iloc[:, -1] == 0) & (before.min(axis=1) > 0) & (np.exp(-usual) < FALSE_ALARM / n_asked)
    return [{"word": str(word), "usual": round(float(usual[word]), 1)} for word in table.index[is_lost]]


def _find_new(table: pd.DataFrame, n_asked: int) -> list[dict[str, Any]]:
    """Find words that no earlier night had, with a larger share than words that were new on earlier nights had then.

    They must be so many that chance (Poisson's) would not have left them all out of a night before.
    """
    shares = (table / table.sum().clip(lower=1)).to_numpy()
    largest = [
        float(shares[shares[:, :place].sum(axis=1) == 0, place].max(initial=0.0)) for place in range(MIN_PAST, shares.shape[1])
    ]
    floor = measure_floor(largest[:-1], MIN_CATEGORY_SHARE, n_asked) if largest else None
    if floor is None:
        return []
    is_frequent = np.exp(-table.iloc[:, -1]) < FALSE_ALARM / n_asked
    is_new = (table.iloc[:, :-1].sum(axis=1) == 0) & is_frequent & (shares[:, -1] > floor)
    return [{"word": str(word), "cars": int(table.loc[word].iloc[-1])} for word in table.index[is_new]]


def _name_words(words: Sequence[dict[str, Any]], name: Any) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(name(word) for word in words[:_SHOWN]) + more
