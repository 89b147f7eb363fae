"""Say for each market what is current, how old it is, and what is wrong."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--market", help="one market (default: all that have deliveries or results)")


def run(options: argparse.Namespace) -> int:
    """Print a block per market."""
    from pipeline import paths
    from pipeline.incremental import ledger

    records = ledger.read_records(paths.DATA)
    for market in [options.market] if options.market else _markets():
        print(market)
        for title, text in _describe(market, records):
            print(f"  {title:<9} {text}")
    alive = ledger.running(paths.DATA)
    if alive:
        print(f"running now: {', '.join(alive)}")
    return 0


def _markets() -> list[str]:
    """Name the markets that have deliveries or results."""
    from pipeline import paths, settings

    described = {path.stem for folder in paths.market_folders() for path in folder.glob("*.toml")}
    raw = Path(settings.pipeline().raw)
    return sorted(name for name in described if paths.current(name).exists() or (raw / name).is_dir()) or [
        settings.pipeline().market
    ]


def _describe(market: str, records: list[dict[str, Any]]) -> list[tuple[str, str]]:
    from pipeline import paths
    from pipeline.current import read_current
    from pipeline.market_files import load_market

    load_market(market, tuple(paths.market_folders()))  # an unknown one is refused with the nearest name
    lines: list[tuple[str, str]] = []
    current = read_current(market)
    if current is None:
        lines.append(("current", "nothing yet: run `luigi --module pipeline Evaluate --market " + market + "`"))
    else:
        lines.append(("current", f"as of {_age(current.as_of)}, made by run {current.run}"))
        lines.extend(_tell_results(current.stages))
    lines.append(("fresh", _freshness(market)))
    last = next((record for record in records if record["subject"] == market), None)
    if last is not None:
        lines.append(("last run", f"{last['root']} {last['state']}, exit {last['exit']}, started {last['started_at']}"))
        if last["state"] != "done":
            lines.extend(("wrong", message) for message in last["messages"])
    return lines


def _age(night: str) -> str:
    if not night:
        return "undated deliveries"
    days = (datetime.now(UTC).date() - date.fromisoformat(night)).days
    return f"{night} ({days:,} days ago)"


def _tell_results(stages: dict[str, str]) -> list[tuple[str, str]]:
    from pipeline import former, summary
    from pipeline.incremental.errors import ResultDamaged
    from pipeline.incremental.manifest import read_checked

    wanted = {
        "rows": ("check", "account.json", summary.tell_intake),
        "cars": ("clean", "account.json", summary.tell_listings),
        "model": ("evaluate", "metrics.json", summary.tell_metrics),
    }
    if former.STAGE in stages:
        wanted["for sale"] = (former.STAGE, "account.json", summary.tell_scores)
    lines: list[tuple[str, str]] = []
    for title, (stage, name, tell) in wanted.items():
        try:
            told = tell(json.loads(read_checked(Path(stages[stage]), name)))
            lines.extend((title, line) for line in told)
        except (ResultDamaged, KeyError) as error:
            lines.append(("wrong", str(error)))
    return lines


def _freshness(market: str) -> str:
    """Say whether a run now would build anything."""
    from pipeline.commands import luigi_task
    from pipeline.errors import UserError
    from pipeline.incremental.plan import make_plan

    try:
        with luigi_task.parsed("Evaluate", ["--market", market]) as task:
            plan = make_plan(task)
    except UserError as error:
        return f"cannot be told: {error}"
    stale = [*plan.of("runs"), *plan.of("may run")]
    if not stale:
        return "yes: a run now would build nothing"
    return f"no: a run now would begin with {stale[0].name} ({stale[0]})"
