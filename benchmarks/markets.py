"""Rows, listings and metrics of every real market at hand: `CARPRICE_DATA=FOLDER python -m benchmarks.markets`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.projects import run_luigi, temporary_project


def main() -> int:
    """Run the main job on each market of CARPRICE_DATA that a TOML describes, and print the tables."""
    raw = os.environ.get("CARPRICE_DATA")
    if not raw or not Path(raw).is_dir():
        sys.stderr.write("Set CARPRICE_DATA to a folder that holds a folder of deliveries per market.\n")
        return 2
    with temporary_project() as root:
        described = {path.stem for path in (root / "pipeline/markets").glob("*.toml")}
        markets = sorted(folder.name for folder in Path(raw).iterdir() if folder.name in described)
        results = {market: measure_market(root, market, Path(raw).resolve()) for market in markets}
    print(report(results))
    return 0


def measure_market(root: Path, market: str, raw: Path) -> dict[str, Any]:
    """Run the main job on one market and return its accounts, metrics and seconds."""
    cost = run_luigi(root, "pipeline", "Evaluate", "--market", market, "--pipeline-raw", str(raw))
    stages = json.loads((root / f"data/current/{market}.json").read_text())["stages"]
    return {
        "intake": json.loads((root / stages["check"] / "account.json").read_text()),
        "metrics": json.loads((root / stages["evaluate"] / "metrics.json").read_text()),
        "model_mb": (root / stages["train"] / "model.skops").stat().st_size / 1e6,
        "wall_s": cost.wall_s,
    }


def report(results: dict[str, dict[str, Any]]) -> str:
    """Return both tables as Markdown."""
    lines = [
        f"{describe_machine()}.",
        "",
        "| market | rows | accepted | rejected, by reason | listings: train / calibration / test | split | cold run s | model MB |",
        "|---|---|---|---|---|---|---|---|",
        *(_rows_line(market, result) for market, result in results.items()),
        "",
        "| market | model | MAE | median APE | within 10 % | R² | 90 % intervals hold | median width |",
        "|---|---|---|---|---|---|---|---|",
        *(line for market, result in results.items() for line in _metrics_lines(market, result["metrics"])),
    ]
    return "\n".join(lines)


def _rows_line(market: str, result: dict[str, Any]) -> str:
    intake, metrics = result["intake"], result["metrics"]
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in intake["reasons"].items()) or "none"
    return (
        f"| {market} | {intake['rows']:,} | {intake['accepted']:,} | {intake['rejected'] + intake['unreadable']:,} ({reasons}) "
        f"| {metrics['n_train']:,} / {metrics['n_calibration']:,} / {metrics['n_test']:,} | {metrics['split']} "
        f"| {result['wall_s']:.0f} | {result['model_mb']:.1f} |"
    )


def _metrics_lines(market: str, metrics: dict[str, Any]) -> list[str]:
    intervals = f"{metrics['interval_coverage']:.1%} | {metrics['interval_width_share']:.0%}"
    baselines = [_errors_line(market, name, errors, metrics["currency"], " | ") for name, errors in metrics["baselines"].items()]
    return [_errors_line(market, "**ours**", metrics, metrics["currency"], intervals), *baselines]


def _errors_line(market: str, name: str, errors: dict[str, Any], currency: str, intervals: str) -> str:
    return (
        f"| {market} | {name} | {errors['mae']:,.0f} {currency} | {errors['median_ape']:.1%} "
        f"| {errors['within_10_share']:.1%} | {errors['r2']:.3f} | {intervals} |"
    )


if __name__ == "__main__":
    sys.exit(main())
