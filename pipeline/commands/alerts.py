"""List what is wrong and open, and what could not be sent; or send a test message over every channel."""

from __future__ import annotations

import argparse
import sys

from pipeline.errors import UserError

FAILED = UserError.exit_code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--market", help="one market (default: all whose incidents are followed)")
    parser.add_argument("--test", action="store_true", help="send a test message over every channel, and say which took it")


def run(options: argparse.Namespace) -> int:
    """Print open incidents and what waits to be sent, or the outcome of the test; exits 30 where something failed."""
    from pipeline import alerts, paths, recipients
    from pipeline.market_files import load_market

    recipients.check_settings()
    if options.test:
        return _test()
    if options.market and options.market not in alerts.followed_markets():
        load_market(options.market, tuple(paths.market_folders()))  # an unknown one is refused with the nearest name
    markets = [options.market] if options.market else alerts.followed_markets()
    # Every market is told of, also where the one before is damaged.
    code = max([_print_market(market) for market in markets], default=0)
    if not markets:
        print("No night was followed yet: `python -m pipeline nightly` does.")
    for line in alerts.tell_undelivered():
        print(f"undelivered: {line}")
    return code


def _print_market(market: str) -> int:
    from pipeline import alerts
    from pipeline.stages.notices import tell_since

    try:
        state, found = alerts.read_state(market), alerts.open_incidents(market)
    except alerts.AlertsDamaged as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    told = f"as of {state.night}, {len(found) or 'nothing'} open" if state.night else "no night was followed yet"
    print(f"{market}: {told}")
    for line in alerts.tell_future(state):
        print(f"  {line}")
    for incident in found:
        print(f"  {incident.text}\n    since  {tell_since(incident)}\n    means  {incident.means}\n    do     {incident.do}")
    return 0


def _test() -> int:
    from pipeline import alerts

    code = 0
    for name, where, wrong in alerts.send_test():
        print(f"{name:<8} {where}: {wrong or 'sent'}")
        code = FAILED if wrong else code
    return code
