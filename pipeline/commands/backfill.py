"""Make the nights of a span in order, as each would have run then; what is right is reused, and nothing present moves back.

A night that was done is passed over, so that a backfill that was stopped goes on where it was. Nobody is sent an alert about the past.
Further options are handed on to Luigi: --Train-profile quick.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.unattended import Log, NightRunner


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.allow_abbrev = False
    parser.add_argument("--from", dest="first", metavar="DATE", required=True, help="the first night, YYYY-MM-DD")
    parser.add_argument("--to", dest="last", metavar="DATE", required=True, help="the last night")
    parser.add_argument("--market", help="one market (default: all that have deliveries or results)")
    parser.set_defaults(more=[])


def run(options: argparse.Namespace) -> int:
    """Run the nights and return the worst exit code."""
    from pipeline import paths, unattended
    from pipeline.commands.nightly import read_date
    from pipeline.errors import UsageWrong
    from pipeline.market_files import load_market
    from pipeline.services.processes import Interruption

    first, last = read_date("--from", options.first), read_date("--to", options.last)
    if last < first:
        raise UsageWrong(f"--to {last} lies before --from {first}.")
    if options.market:
        load_market(options.market, tuple(paths.market_folders()))
    with unattended.alone(), Interruption().heard() as interruption, unattended.Log("backfill") as log:
        runner = unattended.NightRunner(log, interruption, options.more)
        codes = [0]
        for market in [options.market] if options.market else paths.markets():
            if not interruption.signal:
                codes.append(_run_market(market, list(_span(first, last)), runner, log, options.more))
        if interruption.signal:
            log.say(f"ended by signal {interruption.signal}: the same command goes on where it was", "WARNING")
            return interruption.exit_code
        return max(codes)


def _span(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=days) for days in range((last - first).days + 1))


def _run_market(market: str, span: list[date], runner: NightRunner, log: Log, options: list[str]) -> int:
    """Run a market's nights; those before its first delivery are none. One that fails is told, and the next is run all the same."""
    wanted = _with_deliveries(market, span)
    if not wanted:
        log.say(f"{market}: no delivery is dated up to {span[-1]}", "ERROR")
        return 20
    if len(wanted) < len(span):
        log.say(f"{market}: begins with the night of its first delivery, {wanted[0]}")
    codes, reused = [0], 0
    for night in _with_bar(wanted, market):
        if _is_done(market, night, options):
            reused += 1
            continue
        started = time.monotonic()
        outcome = runner.run(market, night)
        if outcome.message == "it was interrupted":
            return outcome.code
        codes.append(outcome.code)
        took = f"{time.monotonic() - started:.0f} s"
        told = (
            f"exit code {outcome.code} after {took}: {outcome.message}" if outcome.code else f"done in {took}, {outcome.counts()}"
        )
        log.say(f"{market}, night of {night}: {told}", "ERROR" if outcome.code else "INFO")
    failed = sum(code != 0 for code in codes)
    log.say(f"{market}: {len(wanted):,} nights, {len(codes) - 1 - failed:,} made, {reused:,} there already, {failed:,} failed")
    return max(codes)


def _with_deliveries(market: str, span: list[date]) -> list[date]:
    """Leave out the nights before the first delivery."""
    from pipeline import paths
    from pipeline.market_files import load_market
    from pipeline.services.deliveries import list_deliveries

    terms = load_market(market, tuple(paths.market_folders()))
    deliveries = list_deliveries(paths.deliveries(market), terms.files)
    return [night for night in span if deliveries and deliveries[0].night <= night.isoformat()]


def _is_done(market: str, night: date, options: list[str]) -> bool:
    """Say whether a run would build nothing and move nothing, without starting one."""
    from pipeline.commands import luigi_task
    from pipeline.errors import UserError

    given = [option for option in options if option != "--local-scheduler"]
    try:
        with luigi_task.named("Nightly", ["--market", market, "--as-of", str(night), *given]) as task:
            return bool(task.complete())
    except UserError:  # the run says it
        return False


def _with_bar(nights: list[date], market: str) -> Iterable[date]:
    """Draw a bar with the time left on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        return nights
    from tqdm import tqdm

    tqdm.monitor_interval = 0
    bar: Iterable[date] = tqdm(nights, desc=market, unit=" nights", leave=False, file=sys.stderr, dynamic_ncols=True)
    return bar
