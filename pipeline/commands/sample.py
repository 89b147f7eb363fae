"""Write synthetic deliveries in Avito's full schema, with the defects that real ones have."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; none is needed."""
    parser.add_argument("--rows", type=_positive, default=3000, help="distinct adverts over all nights (default: 3000)")
    parser.add_argument("--nights", type=_positive, default=8, help="nightly deliveries (default: 8)")
    parser.add_argument("--seed", type=int, default=20250106, help="another seed gives other adverts")


def run(options: argparse.Namespace) -> int:
    """Write the deliveries below the raw folder and say where they are."""
    from pipeline import paths
    from pipeline.sample import SamplePlan, write_deliveries

    folder = paths.deliveries("sample")
    written = write_deliveries(folder, SamplePlan(rows=options.rows, nights=options.nights, seed=options.seed))
    print(f"Wrote {len(written)} synthetic deliveries of {options.rows:,} invented adverts to {folder}.")
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
