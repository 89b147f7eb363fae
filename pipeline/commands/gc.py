"""Drop results that no pointer, kept run or registered model version needs."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--keep", type=int, default=20, metavar="N", help="keep what the last N runs used (default: 20)")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be dropped")


def run(options: argparse.Namespace) -> int:
    """Drop them, or say which; exits 10 while a run is alive."""
    from pipeline import housekeeping
    from pipeline.errors import UsageWrong

    if options.keep < 1:
        raise UsageWrong(f"--keep {options.keep}: keep at least the last run.")
    dropped = housekeeping.collect(options.keep, dry_run=options.dry_run)
    for folder in dropped.folders:
        print(folder)
    verb = "would be dropped" if options.dry_run else "dropped"
    print(f"{len(dropped.folders)} folders {verb}, {dropped.size / 1e6:,.1f} MB; {dropped.kept} results kept.")
    return 0
