"""How far apart adverts ask that are alike in all that a model sees, beside how far ours is from them: python -m benchmarks.scatter.

Of each judged car of `benchmarks.accuracy`'s splits, the nearest in mileage among those learnt from that are the same in every other
column, where it is within 3 %. Two draws of one price that scatters normally differ by √2 times what even its true middle errs. Prints
Markdown, from that benchmark's `--cache`: run its splits first.
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

CLOSE = 0.03  # share of the mileage
LEAST_KM = 5_000  # closeness of cars that were hardly driven is told by this mileage
FEWEST = 100  # pairs that tell a mean


def main() -> int:
    """Print a line for each market whose fits are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "carprice-accuracy", help="folder of results")
    parser.add_argument("--seed", type=int, default=10)
    options = parser.parse_args()
    folders = sorted(options.cache.glob(f"parts/*/splits_{options.seed}"))
    if not folders:
        sys.stderr.write(
            f"{options.cache} holds no split of seed {options.seed}: run python -m benchmarks.accuracy splits first.\n"
        )
        return 2
    print(f"{describe_machine()}. Seed {options.seed}.\n")
    print(
        "| | judged | with one alike | MAE that their scatter leaves | ours on them | ours on all | median APE that scatter leaves | ours on them |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for parts in folders:
        market = parts.parent.name
        estimates = options.cache / "fits" / market / parts.name / "full/estimates.parquet"
        print(f"| {market} | {' | '.join(show(parts, estimates))} |", flush=True)
    return 0


def show(parts: Path, estimates: Path) -> list[str]:
    """Return the cells of a market's line."""
    kinds = json.loads((parts / "facts.json").read_text(encoding="utf-8"))["kinds"]
    learnt, judged = (_describe(pd.read_parquet(parts / f"{name}.parquet"), [*kinds]) for name in ("train", "test"))
    judged["estimate"] = pd.read_parquet(estimates)["estimate"].to_numpy()
    pairs = pair(learnt.dropna(), judged.dropna())
    ours = np.abs(judged["price"] - judged["estimate"]).mean()
    if len(pairs) < FEWEST:
        return [f"{len(judged):,}", f"{len(pairs):,}", "too few", "", f"{ours:,.0f}", "", ""]
    apart, off = pairs["price"] - pairs["other_price"], pairs["price"] - pairs["estimate"]
    log_apart, log_off = (np.log(pairs["price"] / pairs[name]) for name in ("other_price", "estimate"))
    return [
        f"{len(judged):,}",
        f"{len(pairs):,}",
        f"{apart.abs().mean() / np.sqrt(2):,.0f}",
        f"{off.abs().mean():,.0f}",
        f"{ours:,.0f}",
        f"{log_apart.abs().median() / np.sqrt(2):.1%}",
        f"{log_off.abs().median():.1%}",
    ]


def pair(learnt: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the judged cars that have one alike among those learnt from, with its price as `other_price`."""
    others = learnt.rename(columns={"price": "other_price"}).assign(other_mileage=learnt["mileage"])
    found = pd.merge_asof(
        judged.sort_values("mileage"), others.sort_values("mileage"), on="mileage", by="looks", direction="nearest"
    ).dropna(subset="other_price")
    reach = CLOSE * found["mileage"].clip(lower=LEAST_KM)
    return found[(found["other_mileage"] - found["mileage"]).abs() <= reach]


def _describe(listings: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the mileage, the price and, as one text, all other columns that a model sees."""
    looks = pd.Series("", index=listings.index)
    for name in columns:
        if name != "mileage_km":
            looks += "|" + listings[name].astype(object).where(listings[name].notna(), "").map(str)
    return pd.DataFrame(
        {"looks": looks, "mileage": listings["mileage_km"].astype(float), "price": listings["price"].astype(float)}
    )


if __name__ == "__main__":
    sys.exit(main())
