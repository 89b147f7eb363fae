"""Do all that a night asks for, for one market or all of them, with nobody watching: what cron calls.

Deliveries that are late are waited for, missed nights are made up for, luigid is used where it answers and done without where not, results
and logs that nothing needs are dropped, and a person is told of what matters. Further options are handed on to Luigi: --Train-profile quick.
"""

from __future__ import annotations

import argparse
from datetime import date


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.allow_abbrev = False
    parser.add_argument("--market", help="one market (default: all that have deliveries or results)")
    parser.add_argument("--as-of", metavar="DATE", help="the night, YYYY-MM-DD (default: today's)")
    parser.set_defaults(more=[])


def run(options: argparse.Namespace) -> int:
    """Run the night and return the worst exit code of all markets."""
    from pipeline import paths, unattended
    from pipeline.market_files import load_market
    from pipeline.services.processes import Interruption

    asked = read_date("--as-of", options.as_of) if options.as_of is not None else None
    if options.market:
        load_market(options.market, tuple(paths.market_folders()))  # an unknown one is refused with the nearest name
    with unattended.alone(), Interruption().heard() as interruption, unattended.Log("nightly") as log:
        runner = unattended.NightRunner(log, interruption, options.more)
        markets = [options.market] if options.market else paths.markets()
        return unattended.Tonight(markets, asked, runner, log, interruption).run()


def read_date(option: str, text: str) -> date:
    """Read an ISO date. Raises UsageWrong."""
    from pipeline.errors import UsageWrong

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageWrong(f"{option} {text!r} is no date: write it as 2025-02-28.") from None
