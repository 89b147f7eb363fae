"""Write synthetic deliveries in Avito's full schema, with the defects that real ones have; or as sites of other countries write them."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; none is needed."""
    parser.add_argument("--rows", type=int, default=3000, help="distinct adverts over all nights (default: 3000)")
    parser.add_argument("--nights", type=int, default=8, help="nightly deliveries (default: 8)")
    parser.add_argument("--seed", type=int, default=20250106, help="another seed gives other adverts")
    parser.add_argument("--language", help="as a site in that language (two letters) would write them, below sample_LANGUAGE")
    parser.add_argument("--format", default="csv", help="the kind of file, as xlsx; with --language (default: csv)")


def run(options: argparse.Namespace) -> int:
    """Write the deliveries below the raw folder and say where they are."""
    from pipeline import paths
    from pipeline.errors import UsageWrong
    from pipeline.incremental.errors import explain_place
    from pipeline.sample import SamplePlan, write_deliveries
    from pipeline.sample_abroad import FORMATS, TONGUES, write_abroad

    try:
        plan = SamplePlan(rows=options.rows, nights=options.nights, seed=options.seed)
    except ValueError as error:
        raise UsageWrong(str(error)) from None
    for option, value, known in (("--language", options.language, sorted(TONGUES)), ("--format", options.format, FORMATS)):
        if value is not None and value not in known:
            raise UsageWrong(f"{option} {value!r} is none that the sample knows: {', '.join(known)}.")
    if options.format != "csv" and not options.language:
        raise UsageWrong(f"--format {options.format} needs a --language: the market `sample` is of CSV files.")
    name = f"sample_{options.language}" if options.language else "sample"
    folder = paths.deliveries(name)
    try:
        written = (
            write_abroad(folder, plan, options.language, options.format) if options.language else write_deliveries(folder, plan)
        )
    except OSError as error:
        raise explain_place(error, "Synthetic deliveries", folder) from None
    print(f"Wrote {len(written)} synthetic deliveries of {options.rows:,} invented adverts to {folder}.")
    if options.language:
        print(f"Describe them: python -m pipeline new-market {folder} --name {name}")
    return 0
