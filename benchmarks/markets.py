"""What every real market at hand gives: `CARPRICE_DATA=FOLDER python -m benchmarks.markets [--write]`.

Prints accounts, metrics, and examples to look at; `--write` puts them into docs/markets.md, below its marker.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine import describe_machine
from benchmarks.projects import REPOSITORY, run_luigi, temporary_project
from pipeline.market import Market, fold_header
from pipeline.market_files import load_market
from pipeline.summary import tell_metrics

PAGE = REPOSITORY / "docs/markets.md"
MARKER = "<!-- Below: `CARPRICE_DATA=FOLDER python -m benchmarks.markets --write`. Do not edit. -->"
EXAMPLES = 10
HISTORIES = 3
SHOWN = ("make", "model", "year", "mileage_km", "fuel", "gearbox", "engine_l", "price")
BASELINES = {"median_make_model_year": "median of make, model, year", "original_recipe": "the original's recipe"}


def main() -> int:
    """Run the main job on each market of CARPRICE_DATA that a TOML describes, and print or write the page."""
    raw = os.environ.get("CARPRICE_DATA")
    if not raw or not Path(raw).is_dir():
        sys.stderr.write("Set CARPRICE_DATA to a folder that holds a folder of deliveries per market.\n")
        return 2
    with temporary_project() as root:
        described = {path.stem for path in (root / "pipeline/markets").glob("*.toml")}
        markets = sorted(folder.name for folder in Path(raw).iterdir() if folder.name in described)
        sections = [show_market(root, market, Path(raw).resolve()) for market in markets]
    page = "\n".join([f"{describe_machine()}.", "", *sections])
    if "--write" in sys.argv:
        PAGE.write_text(PAGE.read_text(encoding="utf-8").partition(MARKER)[0] + MARKER + "\n\n" + page, encoding="utf-8")
    else:
        print(page)
    return 0


def show_market(root: Path, name: str, raw: Path) -> str:
    """Run the main job on one market and return its section as Markdown."""
    cost = run_luigi(root, "pipeline", "Evaluate", "--market", name, "--pipeline-raw", str(raw))
    stages = {
        stage: root / place for stage, place in json.loads((root / f"data/current/{name}.json").read_text())["stages"].items()
    }
    market = load_market(name, (root / "pipeline/markets",))
    intake, listings, metrics = (
        json.loads((stages[stage] / file).read_text())
        for stage, file in (("check", "account.json"), ("clean", "account.json"), ("evaluate", "metrics.json"))
    )
    model_mb = (stages["train"] / "model.skops").stat().st_size / 1e6
    lines = [
        f"## {name}: {market.title}",
        "",
        f"{intake['rows']:,} rows in {len(intake['deliveries'])} deliveries = {intake['accepted']:,} accepted + {intake['rejected']:,} rejected "
        f"+ {intake['unreadable']:,} unreadable. {listings['listings']:,} listings, {listings['listings_with_a_price_change']:,} with more than "
        f"one price ({listings['price_changes']:,} changes{_tell_changes(stages['clean'])}). The run from nothing took {cost.wall_s:.0f} s; "
        f"the model has {model_mb:.1f} MB.",
        "",
        *_show_counts("rejected, by reason (a row may have several)", intake["reasons"]),
        *_show_counts("values sent home", intake["rehomed"]),
        *_show_counts("values lost", intake["dropped_values"]),
        *_show_contested(listings),
        *(f"- set aside: {delivery}: {reason}" for delivery, reason in intake["set_aside"].items()),
        *_show_counts("refused as features", metrics["features_refused"]),
        "",
        *_show_metrics(metrics),
        "",
        *_show_worse(metrics),
        *_show_bands(pd.read_parquet(stages["evaluate"] / "segments.parquet")),
        "",
        *_show_listings(pd.read_parquet(stages["clean"] / "listings.parquet")),
        "",
        *_show_histories(stages["clean"], market.currency),
        *_show_rejected(root, market),
        "",
    ]
    return "\n".join(lines)


def _tell_changes(folder: Path) -> str:
    prices = pd.read_parquet(folder / "prices.parquet")
    changes = (prices["price"] / prices.groupby("listing_id")["price"].shift() - 1).dropna()
    return f", {(changes < 0).mean():.0%} of them down, median {changes.median():.1%}" if len(changes) else ""


def _show_counts(title: str, counts: dict[str, Any]) -> list[str]:
    most = sorted(counts.items(), key=lambda item: (-item[1] if isinstance(item[1], int) else 0, item[0]))
    return (
        [f"- {title}: " + ", ".join(f"{name}: {count:,}" if isinstance(count, int) else name for name, count in most)]
        if most
        else []
    )


def _show_contested(listings: dict[str, int]) -> list[str]:
    if not listings["contested_identities"]:
        return []
    return [
        f"- identities carried by several cars: {listings['contested_identities']} ({listings['rows_left_out']} rows left out)"
    ]


def _show_metrics(metrics: dict[str, Any]) -> list[str]:
    sizes = f"{metrics['n_train']:,} / {metrics['n_test']:,}"
    intervals = f"{metrics['interval_coverage']:.1%} | {metrics['interval_width_share']:.0%}"
    rows = [_show_errors("**ours**", metrics, metrics["currency"], intervals)]
    rows += [_show_errors(BASELINES[name], errors, metrics["currency"], " | ") for name, errors in metrics["baselines"].items()]
    return [
        f"Train / test {sizes}, split {metrics['split']}.",
        "",
        "| | MAE | median APE | within 10 % | R² | 90 % intervals hold | median width |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]


def _show_errors(name: str, errors: dict[str, Any], currency: str, intervals: str) -> str:
    return (
        f"| {name} | {errors['mae']:,.0f} {currency} | {errors['median_ape']:.1%} | {errors['within_10_share']:.1%} "
        f"| {errors['r2']:.3f} | {intervals} |"
    )


def _show_worse(metrics: dict[str, Any]) -> list[str]:
    """Say where a baseline is better: the table alone leaves that to the reader."""
    worse = [line for line in tell_metrics(metrics) if line.startswith("beware")]
    return [*(f"- {line}" for line in worse), ""] if worse else []


def _show_bands(segments: pd.DataFrame) -> list[str]:
    bands = segments[segments["segment_kind"] == "price"]
    lines = [
        f"| {band.segment.partition(': ')[2]} | {band.n:,} | {band.median_ape:.1%} | {band.interval_coverage:.1%} |"
        for band in bands.itertuples()
    ]
    return ["| price | judged | median APE | intervals hold |", "|---|---|---|---|", *lines]


def _show_listings(listings: pd.DataFrame) -> list[str]:
    chosen = listings.loc[_choose(listings["listing_id"], EXAMPLES)]
    names = [name for name in (*SHOWN, "first_seen_on", "nights_seen") if name in chosen and chosen[name].notna().any()]
    return [
        f"{len(chosen)} listings, chosen by the digest of their identity:",
        "",
        f"| {' | '.join(names)} |",
        "|---" * len(names) + "|",
        *(f"| {' | '.join(_write(value) for value in row)} |" for row in chosen[names].itertuples(index=False)),
    ]


def _show_histories(folder: Path, currency: str) -> list[str]:
    """Show some cars whose price changed, each with all its prices."""
    prices = pd.read_parquet(folder / "prices.parquet")
    listings = pd.read_parquet(folder / "listings.parquet").set_index("listing_id")
    changed = prices["listing_id"].value_counts()
    changed = changed[changed > 1].index.to_series(index=range((changed > 1).sum()))
    chosen = changed.loc[_choose(changed, HISTORIES)]
    if chosen.empty:
        return []
    lines = [f"Prices of {len(chosen)} cars over the nights, in {currency}, chosen likewise:", ""]
    for listing_id in chosen:
        car, history = listings.loc[listing_id], prices[prices["listing_id"] == listing_id]
        steps = (f"{_write(row.price)} from {row.seen_on}" for row in history.itertuples())
        lines.append(f"- {car['make']} {car['model']} {_write(car['year'])}: {', '.join(steps)}")
    return [*lines, ""]


def _show_rejected(root: Path, market: Market) -> list[str]:
    """Show rejected rows of every reason in turn, each as its cells read."""
    frames = []
    for manifest in sorted(root.glob("data/ingest/*/manifest.json")):
        recipe = json.loads(manifest.read_text())["recipe"]
        if recipe["settings"]["market"]["columns"].keys() == market.columns.keys():
            rows = pd.read_parquet(manifest.parent / "rejected.parquet")
            frames.append(rows.assign(named=[recipe["settings"]["named"]] * len(rows)))
    rejected = pd.concat(frames, ignore_index=True).drop_duplicates("record", ignore_index=True)
    keys = rejected["record"]
    chosen: dict[int, None] = {}
    by_reason = [
        list(_choose(keys[rejected["reasons"].map(lambda found, wanted=reason: wanted in list(found))], EXAMPLES))
        for reason in _reasons(rejected)
    ]
    for turn in range(EXAMPLES):
        chosen |= {places[turn]: None for places in by_reason if turn < len(places)}
    lines = [_show_rejection(rejected.loc[place], market) for place in list(chosen)[:EXAMPLES]]
    if not lines:
        return []
    return [
        f"{len(lines)} rejected rows:",
        "",
        "| reasons | make | model | year | mileage | price |",
        "|---|---|---|---|---|---|",
        *lines,
    ]


def _reasons(rejected: pd.DataFrame) -> list[str]:
    return list(rejected["reasons"].explode().value_counts().index)


def _show_rejection(row: pd.Series, market: Market) -> str:
    try:
        record = {fold_header(header): cell for header, cell in json.loads(row["record"]).items()}
    except (ValueError, AttributeError):
        return f"| {'; '.join(row['reasons'])} | {row['record'][:60]} | | | | |"
    cells = []
    for name in ("make", "model", "year", "mileage_km", "price"):
        column = market.columns[name]
        named = row["named"].get(name, "")
        given = [str(column.values.get(named, named)), *(record.get(fold_header(header), "") for header in column.headers)]
        cells.append(next((cell.strip() for cell in given if cell.strip()), ""))
    return f"| {'; '.join(row['reasons'])} | {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _choose(keys: pd.Series, number: int) -> pd.Index:
    """Choose as if at random, and the same ones every time."""
    return keys.map(lambda key: hashlib.sha256(str(key).encode()).hexdigest()).sort_values().index[:number]


def _write(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  # NaN
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
