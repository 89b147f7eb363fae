"""Make an earlier champion the champion and bar the one it takes the place of, or lift a bar."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from pipeline.champion import Champion, Seat


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--market", help="the market (default: that of luigi.cfg)")
    parser.add_argument("--to", metavar="VERSION", help="which earlier champion (default: the one before this one)")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the journal; a rollback needs one")
    parser.add_argument("--lift", metavar="VERSION", help="lift the bar of this version instead")


def run(options: argparse.Namespace) -> int:
    """Move the champion and say what was done; the journal and MLflow are told."""
    from pipeline import champion, paths, settings
    from pipeline.errors import UsageWrong
    from pipeline.market_files import load_market
    from pipeline.serving import NoChampion

    market = options.market or settings.pipeline().market
    load_market(market, tuple(paths.market_folders()))
    if options.lift and options.to:
        raise UsageWrong("Either --to or --lift: a lift moves no champion.")
    if not options.lift and not options.reason.strip():
        raise UsageWrong("A rollback needs --reason TEXT: whoever reads the journal will ask.")
    champion.settle(market)
    with champion.held(market):
        found = champion.read_champion(market)
        if found is None:
            raise NoChampion(f"There is no champion of {market} yet, so there is nothing to roll back.")
        told = _lift(market, found, options) if options.lift else _roll_back(market, found, options)
    champion.settle(market)
    print(told)
    _mirror(market)
    return 0


def _roll_back(market: str, found: Champion, options: argparse.Namespace) -> str:
    from pipeline import champion, serving

    target = _choose(market, found, options.to)
    serving.load_seat(market, target)  # refuses one that could not price
    champion.roll_back(market, found, target, options.reason.strip())
    left = found.seat.version
    return (
        f"Version {target.version} is the champion of {market} again, data as of {target.data_as_of or 'undated deliveries'}. Version {left} "
        f"is barred until `python -m pipeline rollback --market {market} --lift {left}`. The next run of Nightly prices by it; `price` does at once."
    )


def _lift(market: str, found: Champion, options: argparse.Namespace) -> str:
    from pipeline import champion
    from pipeline.errors import UsageWrong

    if options.lift not in found.barred:
        barred = ", ".join(sorted(found.barred)) or "none"
        raise UsageWrong(f"Version {options.lift} of {market} is not barred (barred: {barred}).")
    champion.lift(market, found, options.lift, options.reason.strip())
    return f"Version {options.lift} of {market} is barred no more: the next run may promote it."


def _choose(market: str, found: Champion, version: str | None) -> Seat:
    from pipeline.errors import UsageWrong

    earlier = {seat.version: seat for seat in found.earlier}
    if version is None:
        free = [
            seat for seat in found.earlier if seat.version not in found.barred and int(seat.version) < int(found.seat.version)
        ]
        if not free:
            raise UsageWrong(
                f"Version {found.seat.version} is the first champion of {market} that is not barred: there is none to go back to."
            )
        return max(free, key=lambda seat: int(seat.version))
    if version == found.seat.version:
        raise UsageWrong(f"Version {version} is the champion of {market} already.")
    if version not in earlier:
        _refuse_unknown(market, version, earlier)
    if version in found.barred:
        raise UsageWrong(f"Version {version} of {market} is barred: lift that first, with --lift {version}.")
    return earlier[version]


def _refuse_unknown(market: str, version: str, earlier: dict[str, Seat]) -> NoReturn:
    from pipeline.errors import UsageWrong

    known = ", ".join(sorted(earlier, key=int)) or "none"
    raise UsageWrong(f"Version {version} never was champion of {market}. Earlier champions: {known}.")


def _mirror(market: str) -> None:
    from pipeline import champion, paths
    from pipeline.services import registry

    found = champion.read_champion(market)
    if found is not None and paths.MLFLOW_DATABASE.exists():
        registry.mirror(market, {"champion": found.seat.fingerprint}, paths.MLFLOW, paths.workspace().locks)
