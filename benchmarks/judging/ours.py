"""One fit of ours, alone in its process: `python -m benchmarks.judging.ours PROFILE PARTS OUT`.

Writes what it says of each judged car, what the most common cars lose with age and mileage, and what all that cost.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.peers.accuracy.fit import peak_mb
from pipeline.listing import Kind
from pipeline.services.models import save_model
from pipeline.stages.train import Hyperparameters, PriceModel, fit_model
from pipeline.valuation.domain import PRICED

LEVEL = 0.9
MOST_COMMON = 20
STEPS = 25
MAX_BATCH = 20_000
CARS_ALONE = 15
MOST_STEPPED = 1_000


def main() -> None:
    """Fit one profile and write all there is to say of it."""
    profile, parts, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    facts = json.loads((parts / "facts.json").read_text(encoding="utf-8"))
    train, test = (pd.read_parquet(parts / f"{name}.parquet") for name in ("train", "test"))
    start = time.process_time()
    model = fit_model(train, facts["kinds"], Hyperparameters(profile=profile), LEVEL, lambda *_: None)
    figures = {"cpu_s": time.process_time() - start}
    figures["peak_mb"] = peak_mb()
    model.appraise(test).to_parquet(out / "estimates.parquet")
    save_model(model, out / "model.skops")
    figures |= {"model_mb": (out / "model.skops").stat().st_size / 1e6, **time_prices(model, test)}
    (out / "model.skops").unlink()
    sweep_depreciation(model, train, facts["kinds"]).to_parquet(out / "depreciation.parquet")
    step_judged(model, test).to_parquet(out / "steps.parquet")
    (out / "figures.json").write_text(json.dumps(figures), encoding="utf-8")


def time_prices(model: PriceModel, test: pd.DataFrame) -> dict[str, float]:
    """Return CPU microseconds a row in a batch and milliseconds of one car, interval and verdict included."""
    batch = test.iloc[:MAX_BATCH]
    start = time.process_time()
    model.appraise(batch)
    per_row = (time.process_time() - start) / len(batch) * 1e6
    alone = []
    for place in range(CARS_ALONE):
        start = time.process_time()
        model.appraise(test.iloc[[place]])
        alone.append((time.process_time() - start) * 1e3)
    return {"row_us": per_row, "car_ms": statistics.median(alone)}


def sweep_depreciation(model: PriceModel, train: pd.DataFrame, kinds: dict[str, Kind]) -> pd.DataFrame:
    """Estimate the most common cars over years and mileages, each alone with all else typical of the car.

    Columns: make, model, moved (year or mileage_km), value, estimate, is_priced; years go from a car's 5th percentile to its 95th, mileages
    from nothing to that.
    """
    grid = pd.DataFrame(_sweep(train, kinds)).astype({name: train[name].dtype for name in kinds})
    return grid[["make", "model", "moved", "value"]].join(_appraise(model, grid))


def step_judged(model: PriceModel, test: pd.DataFrame) -> pd.DataFrame:
    """Estimate judged cars as they are and one step on: a year older, or driven a tenth further, all else the same.

    Columns: moved (year or mileage_km), before, after. A car without a mileage is not driven; only cars that are priced before and after.
    """
    cars = test.sample(min(MOST_STEPPED, len(test)), random_state=0)
    driven = cars[cars["mileage_km"].notna()]
    further = (driven["mileage_km"].astype(float) * 1.1).round().astype(cars["mileage_km"].dtype)
    steps = {"year": (cars, cars.assign(year=cars["year"] - 1)), "mileage_km": (driven, driven.assign(mileage_km=further))}
    found = []
    for moved, (before, after) in steps.items():
        left, right = _appraise(model, before), _appraise(model, after)
        both = pd.DataFrame({"moved": moved, "before": left["estimate"], "after": right["estimate"]})
        found.append(both[left["is_priced"] & right["is_priced"]])
    return pd.concat(found, ignore_index=True)


def _appraise(model: PriceModel, cars: pd.DataFrame) -> pd.DataFrame:
    appraised = model.appraise(cars)
    return appraised[["estimate"]].assign(is_priced=appraised["status"] == PRICED)


def _sweep(train: pd.DataFrame, kinds: dict[str, Kind]) -> Iterator[dict[str, object]]:
    for key in train.groupby(["make", "model"]).size().nlargest(MOST_COMMON).index:
        cars = train[(train["make"] == key[0]) & (train["model"] == key[1])]
        typical = {name: _typical(cars[name], kind) for name, kind in kinds.items()}
        for moved in ("year", "mileage_km"):
            low, high = cars[moved].quantile([0.05, 0.95])
            values = np.arange(round(low), round(high) + 1) if moved == "year" else np.linspace(0, high, STEPS)
            for value in values:
                yield {**typical, moved: float(value), "moved": moved, "value": float(value)}


def _typical(values: pd.Series, kind: Kind) -> object:
    """Return the lower median of numbers, the most common of all else; None where most cars do not say it."""
    known = values.dropna()
    if 2 * len(known) < len(values) or known.empty:
        return None
    return float(known.quantile(0.5, interpolation="lower")) if kind == "number" else known.mode().iloc[0]


if __name__ == "__main__":
    main()
