"""What a price is worth where little of a car is told: python -m benchmarks.untold [--markets uk,…] [--seed 10] [--profile quick].

Fits ours on a split of `benchmarks.accuracy` and hides columns of its judged cars, those that it would price with all told. Prints Markdown, from that
benchmark's `--cache`: run its splits first. Errors are the median share of the price; an interval is meant to hold 90 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import describe_machine
from pipeline.stages.train import Hyperparameters, PriceModel, fit_model
from pipeline.valuation.domain import PRICED

ALWAYS = ("make", "model", "year")
LEVEL = 0.9


def main() -> int:
    """Print a line for each market and for what is told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "carprice-accuracy", help="folder of results")
    parser.add_argument("--markets", default="avito_ma,craigslist_us,kijiji_ca,uk")
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--profile", default="full", choices=("full", "quick"))
    options = parser.parse_args()
    folders = {market: options.cache / "parts" / market / f"splits_{options.seed}" for market in options.markets.split(",")}
    missing = [market for market, folder in folders.items() if not (folder / "facts.json").exists()]
    if missing:
        sys.stderr.write(
            f"{options.cache} holds no split of seed {options.seed} of {', '.join(missing)}: run benchmarks.accuracy splits first.\n"
        )
        return 2
    print(f"{describe_machine()}. Seed {options.seed}, {options.profile} profile.\n")
    print("| | told | cars | error | the interval holds | its width | priced |")
    print("|---|---|---|---|---|---|---|")
    for market, folder in folders.items():
        kinds = json.loads((folder / "facts.json").read_text(encoding="utf-8"))["kinds"]
        train, test = (pd.read_parquet(folder / f"{name}.parquet").reset_index(drop=True) for name in ("train", "test"))
        model = fit_model(train, kinds, Hyperparameters(profile=options.profile), LEVEL, lambda *_: None)
        for line in show(model, test[model.appraise(test)["status"] == PRICED]):
            print(f"| {market} | {line} |", flush=True)
    return 0


def show(model: PriceModel, cars: pd.DataFrame) -> list[str]:
    """Return the cells of each line: all told, then less and less."""
    used = [name for name in model.choice.columns if name in cars]
    mileage, rest = (
        [name for name in used if name == "mileage_km"],
        [name for name in used if name not in (*ALWAYS, "mileage_km")],
    )
    hidden = {
        "all": [],
        "all but the mileage": mileage,
        "make, model, year and mileage": rest,
        "make, model and year": [*rest, *mileage],
    }
    return [f"{told} | {' | '.join(judge(model, hide(cars, names), names))}" for told, names in hidden.items()]


def hide(cars: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the cars with nothing told in these columns."""
    return cars.assign(**{name: pd.Series([None] * len(cars), index=cars.index, dtype=cars[name].dtype) for name in names})


def judge(model: PriceModel, cars: pd.DataFrame, untold: list[str]) -> list[str]:
    """Return how many cars there are, their median error, and the share of prices in intervals, with these' median width and the share priced."""
    found, price = model.appraise(cars, untold=untold), cars["price"].to_numpy(dtype=np.float64)
    is_held = (found["low"] <= price) & (price <= found["high"])
    error = (found["estimate"] / price - 1).abs().median()
    width = ((found["high"] - found["low"]) / found["estimate"]).median()
    return [
        f"{len(cars):,}",
        f"{error:.1%}",
        f"{is_held.mean():.1%}",
        f"{width:.2f}",
        f"{(found['status'] == PRICED).mean():.0%}",
    ]


if __name__ == "__main__":
    sys.exit(main())
