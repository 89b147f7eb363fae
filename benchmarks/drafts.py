"""What unedited drafts are worth: `CARPRICE_DATA=… python -m benchmarks.drafts` judges models by a market's own TOML and by its draft.

Quick profile; each market's files are described by `new-market`, and nothing in the draft is changed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.projects import compile_code, run_command, run_luigi, temporary_project

MARKETS = {"avito_ma": "listings.csv", "craigslist_us": "vehicles_us.csv"}


def main() -> int:
    """Print the table as Markdown."""
    raw = os.environ.get("CARPRICE_DATA")
    if not raw:
        sys.stderr.write("Set CARPRICE_DATA to the folder of real deliveries.\n")
        return 2
    print(f"{describe_machine()}.\n\n| market | median error by its own TOML | by its draft |\n|---|---|---|", flush=True)
    for market, name in MARKETS.items():
        own, drafted = judge(market, Path(raw, market, name).resolve())
        print(f"| {market} | {own:.3f} | {drafted:.3f} |", flush=True)
    return 0


def judge(market: str, file: Path) -> list[float]:
    """Return the median relative error by the market's own TOML and by a draft, on the same file."""
    with temporary_project() as root:
        compile_code(root)
        for name in (market, "drafted"):
            folder = root / "data/raw" / name
            folder.mkdir(parents=True)
            (folder / file.name).symlink_to(file)
        run_command(root, [sys.executable, "-m", "pipeline", "new-market", str(root / "data/raw/drafted"), "--name", "drafted"])
        errors = []
        for name in (market, "drafted"):
            run_luigi(root, "pipeline", "Evaluate", "--market", name, "--Train-profile", "quick")
            current = json.loads((root / f"data/current/{name}.json").read_text(encoding="utf-8"))
            metrics = json.loads((root / current["stages"]["evaluate"] / "metrics.json").read_text(encoding="utf-8"))
            errors.append(metrics["median_ape"])
        return errors


if __name__ == "__main__":
    sys.exit(main())
