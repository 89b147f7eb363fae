"""Arrivals: whether the newest night delivered as many cars as usual, as readable as usual, in the columns as before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np

from pipeline.stages import findings
from pipeline.stages.findings import make_finding
from pipeline.stages.nights import Night
from pipeline.stages.noise import MIN_PAST, cohens_h, judge_last, measure_spread, sampling_z

LEVEL_NIGHTS = 14  # whose median is the level: after half as many nights of another level it is the usual one
MIN_WEEKDAY = 2  # earlier nights of a weekday that say whether it differs
_WEEKDAY_SPREADS = 2
_SHOWN = 5  # columns or words named in a sentence

Found = tuple[dict[str, Any], list[dict[str, str]]]


def compare_volume(nights: Sequence[Night]) -> Found:
    """Compare how many cars the newest night has with what is usual: the median of the nights before, and of its weekday where that differs.

    Cars are counted and not rows: how often a row repeats within a night is the source's whim.
    """
    cars = [len(night.cars) for night in nights]
    weekdays = [date.fromisoformat(night.night).weekday() for night in nights]

    def deviate(place: int) -> float:
        return abs(float(np.log(cars[place] / expect_cars(cars, weekdays, place)[0])))

    expected, by_weekday = expect_cars(cars, weekdays, len(cars) - 1)
    deviation = judge_last(len(cars), deviate, sampling_z(1) / float(np.sqrt(expected)), 1)
    measured = {
        "cars": cars[-1],
        "rows": nights[-1].rows,
        "usual_cars": round(expected, 1),
        "by_weekday": by_weekday,
        **deviation.tell(),
    }
    if deviation.floor is None:
        return measured, []
    low, high = (expected * float(np.exp(sign * deviation.floor)) for sign in (-1, 1))
    measured |= {"low": round(low), "high": round(high)}
    if not deviation.is_finding:
        return measured, []
    weekday = f" on a {date.fromisoformat(nights[-1].night):%A}" if by_weekday else ""
    text = f"The newest night has {cars[-1]:,} cars in {nights[-1].rows:,} rows; usual{weekday} are {expected:,.0f} cars, and {low:,.0f} to {high:,.0f} would be noise."
    return measured, [make_finding(findings.VOLUME, "", text)]


def expect_cars(cars: Sequence[int], weekdays: Sequence[int], place: int) -> tuple[float, bool]:
    """Return how many cars are usual on the night at a place, by the nights before it, and whether its weekday matters.

    It matters where all earlier nights of that weekday, two or more, lay on one side of the others, beyond their spread.
    """

    def level(night: int) -> float:
        return float(np.median(cars[max(0, night - LEVEL_NIGHTS) : night]))

    ratios = {night: float(np.log(cars[night] / level(night))) for night in range(MIN_PAST, place)}
    same = [ratio for night, ratio in ratios.items() if weekdays[night] == weekdays[place]]
    if len(same) < MIN_WEEKDAY or len(ratios) < MIN_PAST:
        return level(place), False
    spread = measure_spread(list(ratios.values()))
    if max(min(same), -max(same)) <= _WEEKDAY_SPREADS * spread:
        return level(place), False
    return level(place) * float(np.exp(np.median(same))), True


def compare_rejections(nights: Sequence[Night]) -> Found:
    """Compare the share of rows that each reason rejects, and of all that are lost; the latter is told where no reason stands out."""
    rows = [night.rows for night in nights]
    reasons = sorted({reason for night in nights for reason in night.reasons})
    measured = {
        reason: _judge_share([night.reasons.get(reason, 0) for night in nights], rows, len(reasons) + 1) for reason in reasons
    }
    overall = _judge_share([night.lost for night in nights], rows, len(reasons) + 1)
    found = [
        make_finding(findings.REJECTED, reason, f"{_tell_share(told)} of the rows are rejected for: {reason}.")
        for reason, told in measured.items()
        if told["is_finding"]
    ]
    if overall["is_finding"] and not found:
        found = [make_finding(findings.REJECTED, "", f"{_tell_share(overall)} of the rows are rejected or unreadable.")]
    return {"overall": overall, "reasons": measured}, found


def compare_headers(nights: Sequence[Night]) -> Found:
    """Tell which columns have no header now and had one on most earlier nights, and which headers were never there before."""
    newest, before = nights[-1], nights[:-1]
    absent = sorted(name for name in newest.absent if 2 * sum(name in night.absent for night in before) < len(before))
    unknown = sorted(newest.unknown - {header for night in before for header in night.unknown})
    found = [
        make_finding(findings.ABSENT_COLUMN, name, f"The newest delivery has none of the headers of {name}; earlier ones had.")
        for name in absent
    ]
    found += [
        make_finding(findings.UNKNOWN_HEADER, header, f"The newest delivery has the header {header!r}, which no earlier one had.")
        for header in unknown
    ]
    return {"absent": absent, "unknown": unknown}, found


def compare_missing(nights: Sequence[Night], columns: Sequence[str], absent: Sequence[str]) -> Found:
    """Compare the share of cars that lack each column's value; a column whose header is absent is told as that alone."""
    cars = [len(night.cars) for night in nights]
    measured = {
        name: _judge_share([int(night.cars[name].isna().sum()) for night in nights], cars, len(columns)) for name in columns
    }
    found = [
        make_finding(findings.EMPTIED_COLUMN, name, f"{_tell_share(told)} of the cars have no {name}.")
        for name, told in measured.items()
        if told["is_finding"] and name not in absent
    ]
    return measured, found


def compare_moved(nights: Sequence[Night]) -> Found:
    """Compare the share of rows in which a value stood in another column, by where it stood and where it went.

    A cell left out moves all later ones, so what stands out is one finding and not one for each pair of columns.
    """
    measured = _judge_counts(nights, [night.rehomed for night in nights])
    moved = [f"{pair} in {_tell_share(told)}" for pair, told in measured.items() if told["is_finding"]]
    if not moved:
        return measured, []
    text = f"Values stand in the wrong column more often than before: {_name_some(moved)} of the rows."
    return measured, [make_finding(findings.MOVED_VALUES, "", text)]


def compare_lost(nights: Sequence[Night]) -> Found:
    """Compare the share of rows in which a cell could not be read, by column."""
    measured = _judge_counts(nights, [night.dropped for night in nights])
    found = [
        make_finding(findings.LOST_VALUES, name.removesuffix(" unreadable"), f"{name} in {_tell_share(told)} of the rows.")
        for name, told in measured.items()
        if told["is_finding"]
    ]
    return measured, found


def _judge_counts(nights: Sequence[Night], counts: Sequence[Any]) -> dict[str, dict[str, Any]]:
    rows, names = [night.rows for night in nights], sorted({name for found in counts for name in found})
    return {name: _judge_share([found.get(name, 0) for found in counts], rows, len(names)) for name in names}


def _judge_share(counts: Sequence[int], sizes: Sequence[int], n_asked: int) -> dict[str, Any]:
    """Judge by how much the newest share lies above the median of the nights before; less of a fault is no finding."""
    shares = [count / size for count, size in zip(counts, sizes, strict=True)]
    deviation = judge_last(
        len(shares), _above_median(shares), sampling_z(n_asked) * np.sqrt(1 / sizes[-1] + 1 / sum(sizes[:-1])), n_asked
    )
    return {"share": round(shares[-1], 6), "usual_share": round(float(np.median(shares[:-1])), 6), **deviation.tell()}


def _above_median(shares: Sequence[float]) -> Callable[[int], float]:
    return lambda place: cohens_h(shares[place], float(np.median(shares[:place])))


def _tell_share(told: dict[str, Any]) -> str:
    return f"{told['share']:.1%} (before: {told['usual_share']:.1%})"


def _name_some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
