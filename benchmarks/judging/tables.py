"""Tables: what the fits come to, as Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.judging import depreciation, intervals
from benchmarks.judging.depreciation import AGAINST, Curve
from benchmarks.machine import describe_machine

NAMES = {
    "full": "**ours**",
    "quick": "ours, quick",
    "catboost": "CatBoost, defaults",
    "xgboost": "XGBoost, 800 trees",
    "lightgbm": "LightGBM, absolute error",
    "original": "the original's recipe",
    "original_trimmed": "the same, prices trimmed",
}
PEERS = ("catboost", "xgboost", "lightgbm")
NEEDED = ("full", *PEERS, "original")
KEYS = ["section", "market", "number", "name"]
WIDTHS = {"avito_ma": 0.40, "kijiji_ca": 0.60, "uk": 0.27}
MOVED = {"year": "a year older", "mileage_km": "a step more driven"}
STEPPED = {"year": "a year older", "mileage_km": "driven a tenth further"}
RATIOS = {
    "mae": "MAE ÷ best peer",
    "median_ape": "median APE ÷ best peer",
    "quick": "quick: MAE ÷ ours",
    "catboost": "MAE ÷ CatBoost",
    "original": "MAE ÷ the original's recipe",
    "original_trimmed": "MAE ÷ the same, trimmed",
}


def show(records: Sequence[dict[str, Any]], cache: Path, sections: Sequence[str]) -> dict[str, str]:
    """Return each section asked for that there are fits for."""
    if not records:
        return {}
    fits = pd.DataFrame(records).drop_duplicates(KEYS, keep="last")
    is_split = fits["section"] == "splits"
    splits, ours = _complete(fits[is_split]), fits[is_split & (fits["name"] == "full")]
    forward = _complete(fits[fits["section"] == "forward"])
    shown: dict[str, list[str]] = {}
    if "splits" in sections and not splits.empty:
        tables = [show_goals(splits), show_ratios(splits), show_errors(splits), show_seeds(splits), show_costs(splits)]
        shown["splits"] = ["## Grouped splits", "", _show_origin(splits), *tables]
    if "intervals" in sections and not ours.empty:
        judged = intervals.read_judged(ours, cache)
        tables = [show_interval_goals(judged), show_intervals(judged), show_groups(judged)]
        shown["intervals"] = ["## Intervals", "", _show_origin(ours), *tables]
    if "depreciation" in sections and not ours.empty:
        shown["depreciation"] = ["## Depreciation", "", _show_origin(ours), *_show_depreciation(ours, cache)]
    if "forward" in sections and not forward.empty:
        shown["forward"] = ["## Walking forward", "", _show_origin(forward), show_forward(forward, cache)]
    return {section: "\n".join(parts) for section, parts in shown.items()}


def _complete(fits: pd.DataFrame) -> pd.DataFrame:
    """Keep the parts on which ours, the three peers and the original's recipe were all fitted."""
    has_all = fits.groupby(["market", "number"])["name"].transform(lambda names: {*NEEDED} <= {*names})
    return fits[has_all.astype(bool)]


def _show_origin(fits: pd.DataFrame) -> str:
    versions = fits.loc[fits["name"].isin(["full", "quick"]), "code"].value_counts()
    told = ", ".join(f"{code} ({count} fits)" for code, count in versions.items())
    return (
        f"{describe_machine()}. {len(fits)} fits, each alone in its process on one core, while the machine's load was "
        f"{fits['load'].min():.1f}–{fits['load'].max():.1f}. Digest of the model's code: {told}.\n"
    )


def ratios(splits: pd.DataFrame) -> pd.DataFrame:
    """Return ours over the others by market, from means over the seeds; the best peer is the best by that mean, one for MAE and one for APE."""
    rows = {}
    for market, fits in splits.groupby("market"):
        maes, apes = (fits.pivot_table(index="number", columns="name", values=error) for error in ("mae", "median_ape"))
        others = ["catboost", "original", "original_trimmed", *(name for name in maes if name.startswith("autogluon"))]
        rows[market] = {
            "mae": maes["full"].mean() / maes[[*PEERS]].mean().min(),
            "median_ape": apes["full"].mean() / apes[[*PEERS]].mean().min(),
            "quick": _divide(maes, "quick", "full"),
            **{name: _divide(maes, "full", name) for name in others},
        }
    return pd.DataFrame(rows).T


def _divide(errors: pd.DataFrame, one: str, other: str) -> float:
    """Return the ratio of the means over the seeds on which both were fitted."""
    if not {one, other} <= {*errors.columns}:
        return np.nan
    both = errors[[one, other]].dropna()
    return float(both[one].mean() / both[other].mean())


def geometric_mean(values: pd.Series) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.log(values.astype(float).dropna()).mean()))


def show_ratios(splits: pd.DataFrame) -> str:
    """Show the ratios of each market, and of each seed on which every market was judged."""
    found = ratios(splits)
    titles = [RATIOS.get(name) or f"MAE ÷ {_name(name)}" for name in found]
    lines = [_row(market, *(_ratio(value) for value in row)) for market, row in found.iterrows()]
    lines.append(_row("**geometric mean**", *(f"**{_ratio(geometric_mean(found[name]))}**" for name in found)))
    counts = splits.groupby("number")["market"].nunique()
    whole = counts[counts == splits["market"].nunique()].index
    by_seed = [(seed, ratios(splits[splits["number"] == seed])) for seed in whole]
    spread = ", ".join(
        f"seed {seed}: {geometric_mean(one['mae']):.3f} and {geometric_mean(one['median_ape']):.3f}" for seed, one in by_seed
    )
    return "\n".join(
        [
            "### Ratios",
            "",
            "Means over the seeds, ours over the other's; the best peer is the best of CatBoost, XGBoost and LightGBM by that mean.",
            "",
            *_table(["", *titles], lines),
            f"Geometric means of MAE and median APE ÷ best peer by seed, where the best peer is chosen for each seed anew: {spread or '–'}.",
            "",
        ]
    )


def show_errors(splits: pd.DataFrame) -> str:
    """Show each market's means over the seeds."""
    shown = ["### Errors", ""]
    for market, fits in splits.groupby("market"):
        means = fits.groupby("name")[["mae", "median_ape", "within_10_share", "r2", "cpu_s", "peak_mb"]].mean()
        order = [name for name in NAMES if name in means.index] + [name for name in means.index if name not in NAMES]
        lines = [
            _row(
                _name(name) + _tell_fewer(fits, name),
                f"{one.mae:,.0f}",
                f"{one.median_ape:.2%}",
                f"{one.within_10_share:.3f}",
                f"{one.r2:.3f}",
                f"{one.cpu_s:.1f}",
                f"{one.peak_mb:,.0f}",
            )
            for name, one in means.loc[order].iterrows()
        ]
        sizes = fits.drop_duplicates("number")
        shown += [
            f"{market}, {_list_seeds(fits)}, {sizes['n_train'].mean():,.0f} listings to learn from and {sizes['n_test'].mean():,.0f} judged:",
            "",
            *_table(["", "MAE", "median APE", "within 10 %", "R²", "CPU s of the fit", "peak MB"], lines),
        ]
    return "\n".join(shown)


def show_seeds(splits: pd.DataFrame) -> str:
    """Show every seed: ours and each peer."""
    names = ("full", "quick", *PEERS, "original", "original_trimmed")
    lines = []
    for (market, seed), fits in splits.groupby(["market", "number"]):
        one = fits.set_index("name")
        cells = [f"{one.mae[name]:,.0f} / {one.median_ape[name]:.2%}" if name in one.index else "–" for name in names]
        best_mae, best_ape = one.mae[[*PEERS]].min(), one.median_ape[[*PEERS]].min()
        cells += [f"{one.mae['full'] / best_mae:.3f}", f"{one.median_ape['full'] / best_ape:.3f}"]
        lines.append(_row(market, str(seed), *cells))
    titles = ["market", "seed", *(_name(name) for name in names), "MAE ÷ best", "APE ÷ best"]
    return "\n".join(["### Every seed", "", "MAE / median APE.", "", *_table(titles, lines)])


def show_costs(splits: pd.DataFrame) -> str:
    """Show what a model of ours weighs and takes to ask."""
    ours = splits[splits["name"].isin(["full", "quick"])]
    means = ours.groupby(["market", "name"])[["cpu_s", "peak_mb", "model_mb", "row_us", "car_ms"]].mean()
    lines = [
        _row(
            f"{market}, {name}",
            f"{one.cpu_s:.1f}",
            f"{one.peak_mb:,.0f}",
            f"{one.model_mb:.1f}",
            f"{one.row_us:.0f}",
            f"{one.car_ms:.0f}",
        )
        for (market, name), one in means.iterrows()
    ]
    titles = ["", "CPU s of the fit", "its peak MB", "model.skops, MB", "CPU µs a row, in a batch", "CPU ms one car"]
    note = "A price here is an estimate with its interval and its verdict, in a process that has the model. The whole command: `benchmarks.price`."
    return "\n".join(["### What a model weighs and takes", "", note, "", *_table(titles, lines)])


def show_goals(splits: pd.DataFrame) -> str:
    """Show each goal of errors, time and size beside what was measured."""
    found = ratios(splits)
    means = splits.groupby(["market", "name"])[["cpu_s", "model_mb", "row_us", "mae"]].mean()
    goals: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("MAE ÷ best peer, geometric mean", 0.93, geometric_mean(found["mae"]), "{:.3f}".format),
        ("MAE ÷ best peer, worst market", 1.00, found["mae"].max(), "{:.3f}".format),
        ("median APE ÷ best peer, geometric mean", 0.95, geometric_mean(found["median_ape"]), "{:.3f}".format),
        ("MAE ÷ CatBoost's defaults, geometric mean", 0.87, geometric_mean(found["catboost"]), "{:.3f}".format),
        ("MAE ÷ the original's recipe, geometric mean", 0.60, geometric_mean(found["original"]), "{:.3f}".format),
        ("MAE ÷ the same with its price trimming", 0.60, geometric_mean(found["original_trimmed"]), "{:.3f}".format),
    ]
    goals += [
        (f"MAE ÷ {_name(name)}, worst market", 1.00, found[name].max(), "{:.3f}".format) for name in found if name not in RATIOS
    ]
    if ("uk", "quick") in means.index:
        full, quick = means.loc[("uk", "full")], means.loc[("uk", "quick")]
        goals += [
            ("uk: CPU s of the fit", 75, full["cpu_s"], "{:.1f}".format),
            ("uk: MB of the model", 50, full["model_mb"], "{:.1f}".format),
            ("uk: CPU µs a row in a batch", 100, full["row_us"], "{:.0f}".format),
            ("uk, quick: CPU s of the fit", 10, quick["cpu_s"], "{:.1f}".format),
            ("uk, quick: MB of the model", 16, quick["model_mb"], "{:.1f}".format),
            ("uk, quick: MAE ÷ ours", 1.04, quick["mae"] / full["mae"], "{:.3f}".format),
        ]
    lines = [_row(name, f"≤ {wanted:g}", write(value), _verdict(value <= wanted)) for name, wanted, value, write in goals]
    return "\n".join(["### Goals", "", *_table(["", "goal", "measured", ""], lines)])


def show_interval_goals(judged: pd.DataFrame) -> str:
    """Show each goal of intervals beside what was measured."""
    goals: list[tuple[str, str, str, str]] = []
    for market, cars in judged.groupby("market"):
        summary = intervals.summarise(cars)
        held, width = summary["coverage"], summary["width"]
        goals.append((f"{market}: prices held", "89–92 %", f"{held:.1%}", _verdict(0.89 <= round(held, 3) <= 0.92)))
        if market in WIDTHS:
            goals.append((f"{market}: median width", f"≤ {WIDTHS[market]:g}", f"{width:.3f}", _verdict(width <= WIDTHS[market])))
        failures = intervals.judge_groups(cars)
        goals.append((f"{market}: makes and deciles below 87 %", "none", str(len(failures)), _verdict(not failures)))
    return "\n".join(["### Goals of intervals", "", *_table(["", "goal", "measured", ""], [_row(*goal) for goal in goals])])


def show_intervals(judged: pd.DataFrame) -> str:
    """Show coverage, widths and errors by what the domain says of a car."""
    lines = []
    for market, cars in judged.groupby("market"):
        answered = intervals.summarise(cars)
        everything = intervals.summarise(cars, with_refused=True)
        lines.append(_row(f"**{market}**, {_list_numbers(cars['seed'])}", f"{everything['n']:,}", "", *_cells(answered)))
        for status, own in cars.groupby("status"):
            figures = intervals.summarise(own, with_refused=True)
            lines.append(_row(f"– {status}", f"{figures['n']:,}", f"{figures['n'] / everything['n']:.1%}", *_cells(figures)))
    titles = ["", "judged", "share", "median APE", "prices held", "over the seeds", "median width ÷ estimate"]
    note = (
        "At 90 %. Means over the seeds; the first line of a market is of the cars that get a price: priced and extrapolated. "
        "A refused car gets none: its figures say what it was spared."
    )
    return "\n".join(["### What they hold", "", note, "", *_table(titles, lines)])


def _cells(figures: dict[str, float]) -> list[str]:
    return [
        f"{figures['median_ape']:.1%}",
        f"{figures['coverage']:.1%}",
        f"{figures['lowest']:.1%}–{figures['highest']:.1%}",
        f"{figures['width']:.3f}",
    ]


def show_groups(judged: pd.DataFrame) -> str:
    """Show the worst make and the worst decile of estimates, and which are significantly too low."""
    lines = []
    for market, cars in judged.groupby("market"):
        worst = {kind: intervals.worst_group(cars, kind) for kind in intervals.KINDS}
        failures = intervals.judge_groups(cars)
        told = ", ".join(f"seed {one.seed}: {one.group}, {one.covered}/{one.n}, p {one.p:.1e}" for one in failures) or "none"
        lines.append(_row(market, *(f"{one.group}: {one.covered / one.n:.1%} of {one.n:,}" for one in worst.values()), told))
    note = (
        f"Worst over the cars of all seeds together (a car may be judged by several seeds). A make needs {intervals.MIN_CARS} judged cars of a seed. "
        "Significantly below 87 %: the one-sided binomial test of each seed alone at 1 %, by Holm's procedure over the makes of that seed, and over its deciles."
    )
    titles = ["", "worst make", "worst decile of estimates", "significantly below 87 %"]
    return "\n".join(["### Where they hold least", "", note, "", *_table(titles, lines)])


def _show_depreciation(fits: pd.DataFrame, cache: Path) -> list[str]:
    curves: dict[tuple[str, str], list[Curve]] = defaultdict(list)
    asked: dict[tuple[str, str], list[pd.DataFrame]] = defaultdict(list)
    stepped: dict[tuple[str, str], list[pd.DataFrame]] = defaultdict(list)
    for fit in fits.itertuples():
        part = f"{fit.market}/splits_{fit.number}"
        steps = pd.read_parquet(cache / "fits" / part / "full/steps.parquet")
        cars = pd.read_parquet(cache / "parts" / part / "test.parquet", columns=["make", "model", "year", "mileage_km", "price"])
        cars = cars.join(pd.read_parquet(cache / "fits" / part / "full/estimates.parquet", columns=["estimate"]))
        for moved in MOVED:
            found = depreciation.read_curves(cache / "fits" / part / "full", moved)
            curves[str(fit.market), moved] += found
            asked[str(fit.market), moved].append(depreciation.ask_unseen(found, cars))
            stepped[str(fit.market), moved].append(steps[steps["moved"] == moved])
    return [show_depreciation(curves), show_stepped(stepped), show_unseen(asked)]


def show_stepped(stepped: Mapping[tuple[str, str], Sequence[pd.DataFrame]]) -> str:
    """Show how often an estimate of a judged car rises when that car is a year older or driven a tenth further."""
    lines = []
    for (market, moved), seeds in stepped.items():
        cars = pd.concat(seeds, ignore_index=True)
        rises = cars["after"] / cars["before"] - 1
        shares = [f"{(rises > limit).mean():.1%}" for limit in (AGAINST, 5 * AGAINST)]
        lines.append(_row(market, STEPPED[moved], f"{len(cars):,}", *shares, f"{max(rises.max(), 0):.1%}"))
    note = (
        "Judged cars as they are, whatever their year, mileage and equipment, up to 1,000 of a seed, as far as they are priced before and after: the very old "
        "among them, whose prices may well rise. One that stands where an advert of the same car stands takes its price, and leaves it by the step."
    )
    titles = ["", "", "cars", "more than 1 % dearer", "more than 5 %", "the largest"]
    return "\n".join(["### Judged cars, one step on", "", note, "", *_table(titles, lines)])


def show_depreciation(found: Mapping[tuple[str, str], Sequence[Curve]]) -> str:
    """Show how often and how far an estimate goes against the direction, over the most common cars."""
    lines = []
    for (market, moved), curves in found.items():
        against = np.concatenate([curve.against for curve in curves])
        priced = against[~np.isnan(against)]
        shares = [f"{(priced > limit).mean():.1%}" for limit in (AGAINST, 5 * AGAINST)]
        ends = f"{sum(curve.ends_against for curve in curves)} of {len(curves)}"
        counts = [f"{len(priced):,}", f"{len(priced) / len(against):.0%}"]
        lines.append(_row(market, MOVED[moved], *counts, *shares, f"{max(priced.max(), 0):.1%}", ends))
    note = (
        "The 20 most common cars of each market and seed, all else typical of the car: years one by one, from the 5th percentile of its years to the 95th, and "
        "mileage in 24 equal steps from nothing to the 95th. Against the direction: dearer for being older or driven further. Counted are steps "
        "between two that are priced: the others are extrapolated, and the Price page's line ends where a mileage is not believed."
    )
    titles = [
        "",
        "",
        "steps",
        "of all",
        "more than 1 % against",
        "more than 5 %",
        "the largest",
        "cars that end more than 1 % against",
    ]
    return "\n".join([note, "", *_table(titles, lines)])


def show_unseen(asked: Mapping[tuple[str, str], Sequence[pd.DataFrame]]) -> str:
    """Show whether cars that no model saw agree with the steps that go against the direction."""
    lines = []
    for (market, moved), seeds in asked.items():
        cars = pd.concat([one.assign(seed=number) for number, one in enumerate(seeds)], ignore_index=True)
        if cars.empty:
            continue
        steps = cars.groupby(["seed", "step"])[["ours", "pooled"]].mean()
        means = cars[["ours", "pooled"]].mean()
        better = f"{(steps['ours'] < steps['pooled']).mean():.0%}"
        errors = [f"{means[name]:.4f}" for name in ("ours", "pooled")]
        lines.append(
            _row(
                market, MOVED[moved], f"{len(steps)}", f"{len(cars):,}", *errors, f"{means['pooled'] / means['ours']:.3f}", better
            )
        )
    note = (
        "The steps that go more than 1 % against the direction, where judged cars lie on both sides: of the same year, or within half a step of mileage. "
        "Pooled: had both sides been estimated at the middle of the two, as a model that may not rise would. Where that errs more, the market "
        "itself goes against the direction. Errors are absolute, in log price. A car is judged by several seeds."
    )
    titles = ["", "", "steps", "judged cars", "error", "pooled", "÷", "steps where ours errs less"]
    return "\n".join(["### Whether the market does so", "", note, "", *_table(titles, lines)])


def show_forward(fits: pd.DataFrame, cache: Path) -> str:
    """Show each week's errors, and those of all judged cars together."""
    names = [name for name in NAMES if name in set(fits["name"])]
    lines = []
    for week, one in fits.groupby("number"):
        mae = one.set_index("name")["mae"]
        sizes = one.iloc[0]
        cells = [f"{mae[name]:,.0f}" if name in mae else "–" for name in names]
        lines.append(
            _row(f"{week}", f"{sizes['n_train']:,} / {sizes['n_test']:,}", *cells, f"{mae['full'] / mae[[*PEERS]].min():.3f}")
        )
    errors = {name: _forward_errors(fits, cache, name) for name in names}
    maes = {name: found["error"].mean() for name, found in errors.items()}
    apes = {name: found["ape"].median() for name, found in errors.items()}
    for title, found, write in (("**all: MAE**", maes, "{:,.0f}".format), ("**all: median APE**", apes, "{:.1%}".format)):
        best = min(found[name] for name in PEERS)
        n_cars = f"{len(errors['full']):,} cars"
        lines.append(_row(title, n_cars, *(write(found[name]) for name in names), f"**{found['full'] / best:.3f}**"))
    within = {name: (found["ape"] <= 0.1).mean() for name, found in errors.items()}
    lines.append(_row("all: within 10 %", "", *(f"{within[name]:.3f}" for name in names), ""))
    is_held = errors["full"]["is_held"]
    note = (
        "kijiji_ca: learnt from all that was known after so many weeks of nights, judged on the cars that appear in the next seven nights, at their "
        f"first price; none is a twin of one learnt from. Our 90 % intervals held {is_held.mean():.1%} of the prices."
    )
    titles = ["weeks", "learnt / judged", *(_name(name) for name in names), "÷ best peer"]
    return "\n".join([note, "", *_table(titles, lines)])


def _forward_errors(fits: pd.DataFrame, cache: Path, name: str) -> pd.DataFrame:
    found = []
    for week in fits.loc[fits["name"] == name, "number"]:
        part = f"{fits['market'].iloc[0]}/forward_{week}"
        price = pd.read_parquet(cache / "parts" / part / "test.parquet", columns=["price"])["price"]
        estimates = pd.read_parquet(cache / "fits" / part / name / "estimates.parquet")
        error = (estimates["estimate"] - price).abs()
        frame = pd.DataFrame({"error": error, "ape": error / price})
        if "low" in estimates:
            frame["is_held"] = price.between(estimates["low"], estimates["high"])
        found.append(frame)
    return pd.concat(found, ignore_index=True)


def _name(name: str) -> str:
    if name.startswith("autogluon"):
        return f"AutoGluon medium, {name.rpartition('_')[2]} s"
    return NAMES[name]


def _tell_fewer(fits: pd.DataFrame, name: str) -> str:
    own = fits.loc[fits["name"] == name, "number"]
    return "" if len(own) == fits["number"].nunique() else f" ({_list_numbers(own)} alone)"


def _list_seeds(fits: pd.DataFrame) -> str:
    return _list_numbers(fits["number"])


def _list_numbers(numbers: pd.Series) -> str:
    seeds = sorted(numbers.unique())
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _ratio(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _verdict(is_met: bool) -> str:  # noqa: FBT001
    return "met" if is_met else "**missed**"


def _row(*cells: str) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _table(titles: Sequence[str], lines: Sequence[str]) -> list[str]:
    return [_row(*titles), "|---" * len(titles) + "|", *lines, ""]
