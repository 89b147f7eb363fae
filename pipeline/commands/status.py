"""Say for each market what is current, how old it is, and what is wrong."""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.current import Current


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--market", help="one market (default: all that have deliveries or results)")


def run(options: argparse.Namespace) -> int:
    """Print a block per market; a market whose TOML is wrong is told as wrong, and ends with that error's code."""
    from pipeline import paths
    from pipeline.errors import UserError
    from pipeline.incremental import ledger
    from pipeline.market_files import load_market

    if options.market:
        load_market(options.market, tuple(paths.market_folders()))  # an unknown one is refused with the nearest name
    records, alive = ledger.read_records(paths.DATA), ledger.running(paths.DATA)
    code = 0
    for market in [options.market] if options.market else paths.markets():
        try:
            lines = _describe(market, records, alive)
        except UserError as error:
            lines, code = [("wrong", str(error))], error.exit_code
        print(market)
        for title, text in lines:
            print(f"  {title:<9} {text}")
    code = _print_undelivered() or code
    if alive:
        print(f"running now: {', '.join(alive)}")
    return code


def _describe(market: str, records: list[dict[str, Any]], alive: list[str]) -> list[tuple[str, str]]:
    from pipeline import current, paths
    from pipeline.market_files import load_market

    load_market(market, tuple(paths.market_folders()))
    lines: list[tuple[str, str]] = []
    try:
        pointer = current.read_pointer(market)
    except current.PointerDamaged as error:
        lines.append(("wrong", str(error)))
    else:
        lines.extend(_tell_current(market, pointer))
    lines.extend(_tell_champion(market))
    lines.append(("fresh", _freshness(market)))
    lines.extend(_tell_alerts(market))
    last = next((record for record in records if record["subject"] == market), None)
    return [*lines, *(_tell_run(last, alive) if last else ())]


def _tell_current(market: str, pointer: Current | None) -> list[tuple[str, str]]:
    if pointer is None:
        return [("current", f"nothing yet: run `luigi --module pipeline Evaluate --market {market}`")]
    return [("current", f"as of {_age(pointer.as_of)}, made by run {pointer.run}"), *_tell_results(pointer.stages)]


def _tell_champion(market: str) -> list[tuple[str, str]]:
    """Tell who prices, whether it still can, what is barred, and whether MLflow's registry says the same."""
    from pipeline import champion, paths
    from pipeline.incremental.manifest import Manifest
    from pipeline.market_files import load_market
    from pipeline.staleness import tell_stale_prices

    try:
        found = champion.read_champion(market)
    except champion.ChampionDamaged as error:
        return [("wrong", str(error))]
    if found is None:
        return [("champion", f"none yet: nothing may price. `luigi --module pipeline Nightly --market {market}` judges one")]
    seat = found.seat
    told = f"version {seat.version}, {seat.fingerprint[:16]}, data as of {_age(seat.data_as_of)}, promoted {seat.promoted_on}"
    lines = [("champion", told if found.promoted_as_of else f"{told}, brought back by a rollback")]
    lines.extend(
        ("barred", f"version {version}, by {why['who']} on {why['at'][:10]}: {why['why']}")
        for version, why in found.barred.items()
    )
    if stale := tell_stale_prices(market, seat.data_as_of, load_market(market, tuple(paths.market_folders())).delivery):
        lines.append(("STALE", f"prices are stale: {stale}"))
    manifest = Manifest.read(Path(seat.folder))
    damage = manifest.damage(Path(seat.folder), paths.workspace().files) if manifest else "it is gone, or its manifest is"
    if damage:
        lines.append(
            ("wrong", f"the champion's model {seat.folder} is damaged ({damage}): roll back, or bring it back from a backup")
        )
    return [*lines, *_compare_registry(market, seat.fingerprint)]


def _compare_registry(market: str, fingerprint: str) -> list[tuple[str, str]]:
    from pipeline import paths
    from pipeline.services import registry

    mend = f"`luigi --module pipeline Promote --market {market} --incremental-force Promote` sets it again"
    try:
        aliased = registry.read_alias(market, "champion", paths.MLFLOW, paths.workspace().locks)
    except registry.TrackingFailed as error:
        return [("wrong", str(error))]
    if aliased is None:
        return [("wrong", f"MLflow's registry knows no champion of {market}; {mend}")]
    if aliased != fingerprint:
        return [
            (
                "wrong",
                f"MLflow's alias champion names {aliased[:16]}, not the champion {fingerprint[:16]}; prices come from the latter; {mend}",
            )
        ]
    return []


def _tell_alerts(market: str) -> list[tuple[str, str]]:
    """Tell what is open, each with since when, what it means and what to do."""
    from pipeline import alerts
    from pipeline.stages.notices import tell_since

    try:
        state, found = alerts.read_state(market), alerts.open_incidents(market)
    except alerts.AlertsDamaged as error:
        return [("wrong", str(error))]
    told = [f"{one.text} Since {tell_since(one)}. {one.means} {one.do}" for one in found]
    return [*(("wrong", line) for line in alerts.tell_future(state)), *(("alert", line) for line in told)]


def _print_undelivered() -> int:
    """Print which messages no channel took, and a slip in the settings of the channels; return that error's code."""
    from pipeline import alerts, recipients
    from pipeline.errors import UsageWrong

    for line in alerts.tell_undelivered():
        print(f"undelivered: {line}")
    try:
        recipients.check_settings()
    except UsageWrong as error:
        print(f"wrong: {error}")
        return error.exit_code
    return 0


def _tell_run(record: dict[str, Any], alive: list[str]) -> list[tuple[str, str]]:
    """Tell of a run; one that is open though it is not alive was killed, which the next run writes down."""
    from pipeline.incremental import ledger

    is_dead = record["state"] == ledger.RUNNING and record["run"] not in alive
    state = ledger.KILLED if is_dead else record["state"]
    ended = "" if record["exit"] is None else f", exit {record['exit']}"
    messages = [] if state == ledger.DONE else record["messages"]
    told = f"{record['root']} {state}{ended}, started {record['started_at']}"
    return [("last run", told), *(("wrong", message) for message in messages)]


def _age(night: str) -> str:
    if not night:
        return "undated deliveries"
    from pipeline.services import clock

    days = (clock.today() - date.fromisoformat(night)).days
    return f"{night} ({days:,} days ago)"


def _tell_results(stages: dict[str, str]) -> list[tuple[str, str]]:
    from pipeline import champion, former, paths, summary
    from pipeline.incremental.errors import ResultDamaged
    from pipeline.incremental.manifest import Manifest, read_checked

    wanted = {
        "check": ("rows", "account.json", summary.tell_intake),
        "clean": ("cars", "account.json", summary.tell_listings),
        "evaluate": ("model", "metrics.json", summary.tell_metrics),
        champion.PROMOTE: ("verdict", champion.VERDICT, summary.tell_verdict),
        former.STAGE: ("for sale", "account.json", summary.tell_scores),
    }
    lines: list[tuple[str, str]] = []
    for stage, place in stages.items():
        manifest = Manifest.read(Path(place))
        damage = manifest.damage(Path(place), paths.workspace().files) if manifest else "it is gone, or its manifest is"
        if damage:
            lines.append(("wrong", f"{place} is damaged ({damage}); run the pipeline again to rebuild it."))
        elif stage in wanted:
            title, name, tell = wanted[stage]
            try:
                lines.extend((title, line) for line in tell(json.loads(read_checked(Path(place), name))))
            except (ResultDamaged, KeyError) as error:
                lines.append(("wrong", str(error)))
    return lines


def _freshness(market: str) -> str:
    """Say whether a run now would build anything, or make current or known to MLflow what is there."""
    from pipeline import receipts
    from pipeline.commands import luigi_task
    from pipeline.errors import UserError

    try:
        with luigi_task.planned("Evaluate", ["--market", market]) as (task, plan):
            stale = [*plan.of("runs"), *plan.of("may run")]
            if stale:
                return f"no: a run now would begin with {stale[0].name} ({stale[0]})"
            if task.complete():
                return "yes: a run now would build nothing"
            if receipts.is_recorded(task.folder):
                return f"no: a run now would make {task.folder} current again"
            return f"no: a run now would tell MLflow of {task.folder}"
    except UserError as error:
        return f"cannot be told: {error}"
