"""What a price costs: `CARPRICE_DATA=FOLDER python -m benchmarks.price [--rows 1000000]`. Prints Markdown.

One car: the command beside the imports that it needs, alone, in turn. A file: microseconds a row and the peak of memory.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import statistics
import sys
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.projects import Cost, compile_code, run_command, run_luigi, temporary_project

RUNS = 9
MARKET = "uk"
CAR = ("--make", "Ford", "--model", "Focus", "--year", "2016", "--mileage-km", "75,000 mi", "--fuel", "petrol")
# What `price` imports before it can answer; what it imports beyond these is its own command and a few modules of theirs.
IMPORTS = (
    "import argparse, csv, json, luigi, msgspec, numpy, pandas, pyarrow.compute, skops.io, threadpoolctl; "
    "import pipeline.pricing, pipeline.services.exports, pipeline.stages.train, pipeline.market_files"
)


def main() -> int:
    """Train a model of the market, price one car and files of cars with it, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args()
    raw = os.environ.get("CARPRICE_DATA")
    if not raw or not Path(raw, MARKET).is_dir():
        sys.stderr.write(f"Set CARPRICE_DATA to a folder that holds {MARKET}.\n")
        return 2
    with temporary_project() as root:
        compile_code(root)
        run_luigi(
            root, "pipeline", "Promote", "--as-of", "2024-02-29", "--market", MARKET, "--pipeline-raw", str(Path(raw).resolve())
        )
        print(f"{describe_machine()}. Load before: {os.getloadavg()[0]:.1f}.\n")
        print("\n".join(show_one_car(root)))
        print()
        print("\n".join(show_files(root, Path(raw, MARKET), options.rows)))
    return 0


def show_one_car(root: Path) -> list[str]:
    """Run the command and its imports in turn, and return their medians and ratio."""
    commands = {
        "the imports alone": [sys.executable, "-c", IMPORTS],
        "`price` for one car": [sys.executable, "-m", "pipeline", "price", "--market", MARKET, *CAR],
    }
    for command in commands.values():
        run_command(root, command)
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            costs[name].append(run_command(root, command))
    lines = [f"| median of {RUNS}, in turn | wall s | CPU s | peak MB |", "|---|---|---|---|"]
    walls, cpus = [], []
    for name, found in costs.items():
        walls.append(statistics.median(cost.wall_s for cost in found))
        cpus.append(statistics.median(cost.cpu_s for cost in found))
        lines.append(f"| {name} | {walls[-1]:.2f} | {cpus[-1]:.2f} | {max(cost.peak_mb for cost in found):.0f} |")
    return [*lines, f"| ratio | {walls[1] / walls[0]:.2f} | {cpus[1] / cpus[0]:.2f} | |"]


def show_files(root: Path, market: Path, lengths: list[int]) -> list[str]:
    """Price files of these lengths, and return what a row took and how much memory a process held."""
    lines = ["| rows | wall s | wall µs a row | CPU µs a row | peak MB |", "|---|---|---|---|---|"]
    for length in lengths:
        cars = root / "cars.csv"
        write_cars(market, cars, length)
        command = [
            sys.executable,
            "-m",
            "pipeline",
            "price",
            "--market",
            MARKET,
            "--input",
            str(cars),
            "--output",
            str(root / "p.csv"),
        ]
        cost = run_command(root, command)
        per_row = (cost.wall_s / length * 1e6, cost.cpu_s / length * 1e6)
        lines.append(f"| {length:,} | {cost.wall_s:.1f} | {per_row[0]:.0f} | {per_row[1]:.0f} | {cost.peak_mb:.0f} |")
    return lines


def write_cars(market: Path, path: Path, length: int) -> None:
    """Write that many of the market's rows, from the start again when they are all written, each with its make."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        header: list[str] = []
        found: list[list[str]] = []
        for delivery in sorted(market.glob("*.csv")):
            names, *cars = csv.reader(delivery.read_text(encoding="utf-8").splitlines())
            header = header or ["make", *names]
            found.extend([delivery.stem, *car] for car in cars)
        rows.writerow(header)
        rows.writerows(itertools.islice(itertools.cycle(found), length))


if __name__ == "__main__":
    sys.exit(main())
