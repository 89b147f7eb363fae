"""Depreciation: where an estimate rises as a car ages or is driven, and whether cars that the model never saw say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

AGAINST = 0.01  # a step that is smaller is no wiggle that a person would see
NEWER_IS_DEARER = {"year": 1, "mileage_km": -1}


@dataclass(frozen=True)
class Curve:
    """The estimates of one common car over years or mileages, in the order of `values`, all else typical of the car.

    `is_priced` says where the model stands by them: elsewhere it extrapolates.
    """

    make: str
    model: str
    moved: str
    values: np.ndarray
    estimates: np.ndarray
    is_priced: np.ndarray

    @property
    def against(self) -> np.ndarray:
        """How far each step goes against the direction, as a share: below 0 where it goes with it, NaN where an end is not priced."""
        steps = -NEWER_IS_DEARER[self.moved] * np.diff(self.estimates) / self.estimates[:-1]
        return np.where(self.is_priced[1:] & self.is_priced[:-1], steps, np.nan)

    @property
    def ends_against(self) -> bool:
        """Whether the last estimate that is priced is against the first."""
        priced = self.estimates[self.is_priced]
        return len(priced) > 1 and bool(-NEWER_IS_DEARER[self.moved] * (priced[-1] / priced[0] - 1) > AGAINST)


def read_curves(folder: Path, moved: str) -> list[Curve]:
    """Return the curves of one fit."""
    swept = pd.read_parquet(folder / "depreciation.parquet")
    swept = swept[swept["moved"] == moved].sort_values("value")
    return [
        Curve(str(make), str(model), moved, *(curve[name].to_numpy() for name in ("value", "estimate", "is_priced")))
        for (make, model), curve in swept.groupby(["make", "model"])
        if len(curve) > 1
    ]


def ask_unseen(curves: Sequence[Curve], cars: pd.DataFrame) -> pd.DataFrame:
    """Return one row per judged car at either side of a step that goes against the direction.

    `cars` has make, model, year, mileage_km, price and estimate. Columns: step (its number), ours (the error of the estimate, absolute in log
    price), pooled (the same had both sides the middle of the two: each car's estimate moved half the step). Only steps with cars on both sides.
    """
    rows = [
        found for curve in curves for found in _ask(curve, cars[(cars["make"] == curve.make) & (cars["model"] == curve.model)])
    ]
    frames = [frame.assign(step=number) for number, frame in enumerate(rows)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"step": [], "ours": [], "pooled": []})


def _ask(curve: Curve, cars: pd.DataFrame) -> Iterator[pd.DataFrame]:
    logs, values = np.log(curve.estimates), curve.values
    errors = np.log(cars["estimate"].to_numpy()) - np.log(cars["price"].to_numpy(dtype=float))
    for place in np.flatnonzero(curve.against > AGAINST):
        reach = 0.5 if curve.moved == "year" else (values[place + 1] - values[place]) / 2
        sides = [np.abs(cars[curve.moved].to_numpy(dtype=float) - values[side]) < reach for side in (place, place + 1)]
        if all(side.any() for side in sides):
            half = (logs[place + 1] - logs[place]) / 2
            ours = [errors[side] for side in sides]
            pooled = [ours[0] + half, ours[1] - half]
            yield pd.DataFrame({"ours": np.abs(np.concatenate(ours)), "pooled": np.abs(np.concatenate(pooled))})
