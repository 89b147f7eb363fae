"""Judgement: a model's figures as pictures need them: counted, binned and thinned; free of Streamlit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binom

MAX_POINTS = 500  # of a cloud
MIN_CARS = 10  # a make with fewer judged listings says little
_BINS = 10
_MIN_BIN_CARS = 20
_FRAME_SHARE = 0.002  # of the listings at each end that a picture may leave outside its frame


def bound_chance(segments: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return segments with the shares between which coverage lies by chance where intervals are right (binomial, 95 %)."""
    low, high = binom.interval(0.95, segments["n"].to_numpy(dtype="int64"), level)
    bounded = segments.assign(chance_low=low / segments["n"], chance_high=high / segments["n"])
    is_off = (bounded["interval_coverage"] < bounded["chance_low"]) | (bounded["interval_coverage"] > bounded["chance_high"])
    return bounded.assign(is_off=is_off)


def choose_segments(segments: pd.DataFrame, kind: str) -> tuple[pd.DataFrame, int]:
    """Return the segments of a kind, makes with the most cars first, and how many makes have too few cars to say anything."""
    members = segments[segments["segment_kind"] == kind]
    if kind != "make":
        return members.reset_index(drop=True), 0
    shown = members[members["n"] >= MIN_CARS].sort_values(["n", "segment"], ascending=[False, True], ignore_index=True)
    return shown, len(members) - len(shown)


def thin(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return some judged listings, the same for the same frame, with `position`: by what share the price is above the estimate."""
    known = estimates[(estimates["price"] > 0) & (estimates["estimate"] > 0)]
    shown = known.sample(min(len(known), MAX_POINTS), random_state=0).sort_index()
    return shown.assign(position=shown["price"] / shown["estimate"] - 1)


def frame_money(points: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of a frame that shows nearly all prices and estimates."""
    low, high = np.quantile(points[["price", "estimate"]].to_numpy(), [_FRAME_SHARE, 1 - _FRAME_SHARE])
    return float(low) / 1.05, max(float(high) * 1.05, float(low) * 2)


def frame_positions(points: pd.DataFrame) -> float:
    """Return how far a frame of positions reaches that shows nearly all of them."""
    return max(float(points["position"].abs().quantile(0.98)) * 1.05, 0.05)


def count_beyond(points: pd.DataFrame, ends: tuple[float, float], reach: float) -> tuple[int, int]:
    """Return how many points lie outside the frame of money, and outside that of positions."""
    low, high = ends
    is_out = (points[["price", "estimate"]] < low) | (points[["price", "estimate"]] > high)
    return int(is_out.any(axis=1).sum()), int((is_out["estimate"] | (points["position"].abs() > reach)).sum())


def follow_median(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return the median position of all judged listings with about equal estimates; no row where too few are judged."""
    known = estimates[(estimates["price"] > 0) & (estimates["estimate"] > 0)]
    n_bins = min(_BINS, len(known) // _MIN_BIN_CARS)
    frame = pd.DataFrame({"estimate": known["estimate"], "position": known["price"] / known["estimate"] - 1})
    if n_bins < 2:
        return frame.head(0)
    bins = pd.qcut(frame["estimate"].rank(method="first"), n_bins, labels=False)
    return frame.groupby(bins).median().reset_index(drop=True)
