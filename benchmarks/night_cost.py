"""What one more night costs after few and after many: `CARPRICE_DATA=… python -m benchmarks.night_cost`.

A project gets so many files of kijiji_ca and does the last of their nights; then the next files come one by one, each with its night. First all
files are its history, then those of the last days alone, which are as many after few files as after many.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.projects import compile_code, run_command, temporary_project

MARKET = "kijiji_ca"
BEFORE = (29, 54, 79)
MEASURED = 4
HISTORIES = {0: "all", 21: "21"}  # days


def main() -> int:
    """Print the table as Markdown."""
    raw = os.environ.get("CARPRICE_DATA")
    if not raw or not Path(raw, MARKET).is_dir():
        sys.stderr.write(f"Set CARPRICE_DATA to a folder that holds {MARKET}.\n")
        return 2
    files = sorted(Path(raw, MARKET).resolve().glob("*.csv"))
    print(
        f"{describe_machine()}.\n\n| days of history | files before | processor s of a night (median of {MEASURED}) | seconds |\n|---|---|---|---|",
        flush=True,
    )
    for history_days, name in HISTORIES.items():
        for before in BEFORE:
            costs = measure_nights(files[: before + MEASURED], before, history_days)
            cpu_s, wall_s = (statistics.median(column) for column in zip(*costs, strict=True))
            print(f"| {name} | {before} | {cpu_s:.1f} | {wall_s:.1f} |", flush=True)
    return 0


def measure_nights(files: list[Path], before: int, history_days: int) -> list[tuple[float, float]]:
    """Return processor seconds and seconds of each night after so many files, with a history of so many days (0: all)."""
    with temporary_project() as root:
        compile_code(root)
        settings = root / "luigi.cfg"
        text = settings.read_text(encoding="utf-8").replace("profile = full", "profile = quick")
        settings.write_text(re.sub(r"(?m)^history_days = .*$", f"history_days = {history_days}", text), encoding="utf-8")
        folder = root / "data/raw" / MARKET
        folder.mkdir(parents=True)
        for file in files[:before]:
            (folder / file.name).symlink_to(file)
        run_command(root, night_of(files[before - 1]))
        costs = []
        for file in files[before:]:
            (folder / file.name).symlink_to(file)
            cost = run_command(root, night_of(file))
            costs.append((cost.cpu_s, cost.wall_s))
        return costs


def night_of(file: Path) -> list[str]:
    """Return the command that does the night of a file."""
    return [sys.executable, "-m", "pipeline", "nightly", "--market", MARKET, "--as-of", file.stem]


if __name__ == "__main__":
    sys.exit(main())
