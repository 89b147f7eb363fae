"""Pictures of a judged model, for MLflow."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

mpl.use("Agg")  # no window: this runs at night
_SHOWN = 4000  # points of a cloud: more are only black
_FEATURES = 20


def draw_all(estimates: pd.DataFrame, importance: pd.DataFrame, currency: str, folder: Path) -> None:
    """Write three pictures: importance of features, estimate against price, and residuals.

    `estimates` has price, estimate, low and high of judged listings; `importance` feature and error_share.
    """
    shown = estimates.sample(min(len(estimates), _SHOWN), random_state=0)
    _draw_importance(importance, folder / "importance.png")
    _draw_estimates(shown, currency, folder / "estimate_against_price.png")
    _draw_residuals(shown, currency, folder / "residuals.png")


def _draw_importance(importance: pd.DataFrame, path: Path) -> None:
    most = importance.head(_FEATURES)[::-1]
    figure = Figure(figsize=(7, 0.6 + 0.28 * len(most)), layout="constrained")
    axes = figure.subplots()
    axes.barh(most["feature"], 100 * most["error_share"])
    axes.set_xlabel("median error grows by … points of % when the feature is shuffled")
    figure.savefig(path, dpi=110)


def _draw_estimates(shown: pd.DataFrame, currency: str, path: Path) -> None:
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.loglog(shown["price"], shown["estimate"], ".", markersize=3, alpha=0.4)
    ends = [shown[["price", "estimate"]].min().min(), shown[["price", "estimate"]].max().max()]
    axes.loglog(ends, ends, color="black", linewidth=1)
    for axis in (axes.xaxis, axes.yaxis):
        _write_plainly(axis)
    axes.set_xlabel(f"asked price, {currency}")
    axes.set_ylabel(f"estimate, {currency}")
    figure.savefig(path, dpi=110)


def _draw_residuals(shown: pd.DataFrame, currency: str, path: Path) -> None:
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    residuals = 100 * (np.log(shown["price"]) - np.log(shown["estimate"]))
    axes.semilogx(shown["estimate"], residuals, ".", markersize=3, alpha=0.4)
    axes.axhline(0, color="black", linewidth=1)
    _write_plainly(axes.xaxis)
    axes.set_xlabel(f"estimate, {currency}")
    axes.set_ylabel("log price − log estimate, × 100")
    axes.set_ylim(*np.percentile(residuals, [0.5, 99.5]))
    figure.savefig(path, dpi=110)


def _write_plainly(axis: Axis) -> None:
    """Mark a logarithmic axis at 1, 2 and 5, in money as a person writes it."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter(NullFormatter())
