"""One fit of a peer, alone in its process and environment: `python fit.py NAME PARTS OUT`. It knows nothing of the pipeline.

The settings of XGBoost and LightGBM are the best that were found on splits 0–2, which docs/accuracy.md does not report.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# Depth and learning rate of 800 trees; leaves, learning rate and number of trees.
XGBOOST = {"avito_ma": (6, 0.1), "kijiji_ca": (6, 0.1), "craigslist_us": (8, 0.05), "uk": (8, 0.05)}
LIGHTGBM = {"avito_ma": (31, 0.1, 1000)}
LIGHTGBM_ELSEWHERE = (127, 0.05, 1500)


def main() -> None:
    """Fit, and write the estimates of the judged cars in money, and the seconds of the fit."""
    name, parts, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    facts = json.loads((parts / "facts.json").read_text(encoding="utf-8"))
    train, test = (pd.read_parquet(parts / f"{part}.parquet") for part in ("train", "test"))
    kinds = {column: kind for column, kind in facts["kinds"].items() if train[column].dropna().nunique() > 1}
    name, _, seconds = name.partition("_seconds_")
    start = time.process_time()
    predict = FITS[name](train, kinds, {**facts, "seconds": float(seconds or 0)})
    figures = {"cpu_s": time.process_time() - start}
    pd.DataFrame({"estimate": predict(test)}).to_parquet(out / "estimates.parquet")
    figures["peak_mb"] = peak_mb()
    (out / "figures.json").write_text(json.dumps(figures), encoding="utf-8")


def peak_mb() -> float:
    """Return the most MB that this process held. On Linux getrusage would tell that of the process which started it, if greater."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)


def _select(listings: pd.DataFrame, train: pd.DataFrame, kinds: dict[str, str], how: str) -> pd.DataFrame:
    """Return the features: all but categories as numbers, those as text, as pandas' categories, or as codes."""
    columns = {}
    for name, kind in kinds.items():
        values = listings[name]
        if kind != "category":
            columns[name] = values.astype("Float64").astype("float64")
        elif how == "text":
            columns[name] = values.astype(object).where(values.notna(), "missing").astype(str)
        else:
            found = pd.Categorical(values.astype(object), categories=sorted(train[name].dropna().unique()))
            columns[name] = pd.Series(found.codes.astype(float) if how == "codes" else found, index=listings.index)
    return pd.DataFrame(columns)


def _fit_on_logs(model: Any, train: pd.DataFrame, kinds: dict[str, str], how: str) -> Callable[[pd.DataFrame], np.ndarray]:
    model.fit(_select(train, train, kinds, how), np.log(train["price"].to_numpy()))
    return lambda listings: np.exp(model.predict(_select(listings, train, kinds, how)))


def fit_catboost(train: pd.DataFrame, kinds: dict[str, str], facts: dict[str, Any]) -> Callable[[pd.DataFrame], np.ndarray]:
    """Fit CatBoost with its defaults on log price."""
    from catboost import CatBoostRegressor

    categories = [name for name, kind in kinds.items() if kind == "category"]
    model = CatBoostRegressor(
        thread_count=1, random_seed=facts["seed"], verbose=0, cat_features=categories, allow_writing_files=False
    )
    return _fit_on_logs(model, train, kinds, "text")


def fit_xgboost(train: pd.DataFrame, kinds: dict[str, str], facts: dict[str, Any]) -> Callable[[pd.DataFrame], np.ndarray]:
    """Fit 800 trees of XGBoost on log price."""
    from xgboost import XGBRegressor

    depth, rate = XGBOOST[facts["market"]]
    model = XGBRegressor(
        n_estimators=800,
        learning_rate=rate,
        max_depth=depth,
        tree_method="hist",
        n_jobs=1,
        enable_categorical=True,
        random_state=facts["seed"],
    )
    return _fit_on_logs(model, train, kinds, "categories")


def fit_lightgbm(train: pd.DataFrame, kinds: dict[str, str], facts: dict[str, Any]) -> Callable[[pd.DataFrame], np.ndarray]:
    """Fit LightGBM for the absolute error of log price."""
    from lightgbm import LGBMRegressor

    leaves, rate, trees = LIGHTGBM.get(facts["market"], LIGHTGBM_ELSEWHERE)
    model = LGBMRegressor(
        objective="l1",
        n_estimators=trees,
        learning_rate=rate,
        num_leaves=leaves,
        n_jobs=1,
        random_state=facts["seed"],
        verbose=-1,
    )
    return _fit_on_logs(model, train, kinds, "categories")


def fit_original(train: pd.DataFrame, kinds: dict[str, str], facts: dict[str, Any]) -> Callable[[pd.DataFrame], np.ndarray]:
    """Fit the original system's random forest on raw price and coded categories."""
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(
        n_estimators=100,
        max_depth=20,
        min_samples_split=5,
        min_samples_leaf=2,
        max_features="sqrt",
        n_jobs=1,
        random_state=facts["seed"],
    )
    model.fit(_select(train, train, kinds, "codes").fillna(-1), train["price"].to_numpy())
    return lambda listings: np.asarray(model.predict(_select(listings, train, kinds, "codes").fillna(-1)))


def fit_original_trimmed(
    train: pd.DataFrame, kinds: dict[str, str], facts: dict[str, Any]
) -> Callable[[pd.DataFrame], np.ndarray]:
    """Fit the same on the listings whose price lies within one and a half quartile ranges of the quartiles."""
    low, high = train["price"].quantile([0.25, 0.75])
    reach = 1.5 * (high - low)
    return fit_original(train[train["price"].between(low - reach, high + reach)], kinds, facts)


def fit_autogluon(train: pd.DataFrame, kinds: dict[str, str], facts: dict[str, Any]) -> Callable[[pd.DataFrame], np.ndarray]:
    """Fit AutoGluon's medium preset for the absolute error of log price, for so many seconds."""
    import tempfile

    from autogluon.tabular import TabularPredictor

    shown = _select(train, train, kinds, "categories").assign(log_price=np.log(train["price"].to_numpy()))
    predictor = TabularPredictor(
        "log_price", problem_type="regression", eval_metric="mean_absolute_error", path=tempfile.mkdtemp(), verbosity=0
    )
    predictor.fit(shown, presets="medium_quality", time_limit=facts["seconds"], num_cpus=1, num_gpus=0)
    return lambda listings: np.exp(predictor.predict(_select(listings, train, kinds, "categories")).to_numpy())


FITS = {
    "catboost": fit_catboost,
    "xgboost": fit_xgboost,
    "lightgbm": fit_lightgbm,
    "original": fit_original,
    "original_trimmed": fit_original_trimmed,
    "autogluon": fit_autogluon,
}

if __name__ == "__main__":
    main()
