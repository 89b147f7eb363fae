"""Write synthetic deliveries in Avito's full schema, with the defects that real ones have."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; none is needed."""
    parser.add_argument("--rows", type=int, default=3000, help="distinct adverts over all nights (default: 3000)")
    parser.add_argument("--nights", type=int, default=8, help="nightly deliveries (default: 8)")
    parser.add_argument("--seed", type=int, default=20250106, help="another seed gives other adverts")


def run(options: argparse.Namespace) -> int:
    """Write the deliveries below the raw folder and say where they are."""
    from pipeline import paths
    from pipeline.errors import UsageWrong
    from pipeline.incremental.errors import explain_place
    from pipeline.sample import SamplePlan, write_deliveries

    try:
        plan = SamplePlan(rows=options.rows, nights=options.nights, seed=options.seed)
    except ValueError as error:
        raise UsageWrong(str(error)) from None
    folder = paths.deliveries("sample")
    try:
        written = write_deliveries(folder, plan)
    except OSError as error:
        raise explain_place(error, "Synthetic deliveries", folder) from None
    print(f"Wrote {len(written)} synthetic deliveries of {options.rows:,} invented adverts to {folder}.")
    return 0
