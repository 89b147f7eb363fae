"""Intervals: whether they hold what they promise, overall and where it is hard, and how wide they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom

from pipeline.valuation.domain import REFUSED

KINDS = ("make", "decile")
MIN_CARS = 30
LEAST_HELD = 0.87
SIGNIFICANCE = 0.01


@dataclass(frozen=True)
class Group:
    """A make or a decile of estimates: how many of its prices the intervals held, and how likely so few are if 87 % is what they hold."""

    group: str
    n: int
    covered: int
    p: float
    seed: int


def read_judged(fits: pd.DataFrame, cache: Path) -> pd.DataFrame:
    """Return the judged cars of all fits.

    Columns: market, seed, make, decile, price, estimate, low, high, status, is_held. Deciles are of a seed's estimates
    among the cars that get a price; a refused car has none.
    """
    frames = []
    for fit in fits.itertuples():
        part = f"{fit.market}/splits_{fit.number}"
        cars = pd.read_parquet(cache / "parts" / part / "test.parquet", columns=["make", "price"])
        judged = cars.join(pd.read_parquet(cache / "fits" / part / "full/estimates.parquet"))
        answered = judged.loc[judged["status"] != REFUSED, "estimate"]
        decile = ((answered.rank(method="first") - 1) * 10 // len(answered) + 1).astype(int).map("decile {}".format)
        is_held = judged["price"].between(judged["low"], judged["high"])
        frames.append(judged.assign(market=fit.market, seed=fit.number, decile=decile, is_held=is_held))
    return pd.concat(frames, ignore_index=True)


def summarise(judged: pd.DataFrame, *, with_refused: bool = False) -> dict[str, float]:
    """Return means over the seeds of coverage, median width and median APE; the lowest and highest coverage; how many cars."""
    cars = judged if with_refused else judged[judged["status"] != REFUSED]
    cars = cars.assign(width=(cars["high"] - cars["low"]) / cars["estimate"], ape=(cars["estimate"] / cars["price"] - 1).abs())
    seeds = cars.groupby("seed").agg(coverage=("is_held", "mean"), width=("width", "median"), ape=("ape", "median"))
    return {
        "n": len(cars),
        "coverage": float(seeds["coverage"].mean()),
        "lowest": float(seeds["coverage"].min()),
        "highest": float(seeds["coverage"].max()),
        "width": float(seeds["width"].mean()),
        "median_ape": float(seeds["ape"].mean()),
    }


def worst_group(judged: pd.DataFrame, kind: str) -> Group:
    """Return the make (with enough cars of a seed on average) or decile of which the fewest prices were held over all seeds together."""
    seeds = judged["seed"].nunique()
    groups = _count_groups(judged, kind, MIN_CARS * seeds if kind == "make" else 1)
    return min(groups, key=lambda one: one.covered / one.n)


def judge_groups(judged: pd.DataFrame) -> list[Group]:
    """Return the makes and deciles of each seed that are significantly below what must be held, by Holm's procedure in each kind."""
    failures = []
    for _, cars in judged.groupby("seed"):
        for kind in KINDS:
            failures += reject(_count_groups(cars, kind, MIN_CARS if kind == "make" else 1))
    return failures


def reject(groups: Sequence[Group]) -> list[Group]:
    """Return the groups whose hypothesis falls: from the smallest p on, while it is at most 1 % over the number of those left (Holm 1979)."""
    ordered = sorted(groups, key=lambda one: one.p)
    stands = [one.p > SIGNIFICANCE / (len(ordered) - place) for place, one in enumerate(ordered)]
    return ordered[: stands.index(True)] if True in stands else ordered


def _count_groups(judged: pd.DataFrame, kind: str, min_cars: int) -> list[Group]:
    answered = judged[judged["status"] != REFUSED]
    counted = answered.groupby(kind)["is_held"].agg(["size", "sum"])
    counted = counted[counted["size"] >= min_cars]
    p = binom.cdf(counted["sum"], counted["size"], LEAST_HELD)
    seed = int(np.asarray(judged["seed"])[0])
    return [
        Group(str(name), int(n), int(covered), float(chance), seed)
        for name, n, covered, chance in zip(counted.index, counted["size"], counted["sum"], p, strict=True)
    ]
