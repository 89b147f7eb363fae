"""Champions over the weeks: `CARPRICE_DATA=FOLDER python -m benchmarks.promotion` walks kijiji_ca forward with the real command.

Prints the tables of docs/promotion.md: each week's verdict with its reasons, what a rollback does, and a challenger that is better overall
but worse for one make, whose training prices were spoilt on purpose.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.projects import compile_code, run_command, run_luigi, temporary_project

MARKET = "kijiji_ca"
WEEK = timedelta(days=7)
WEAK = ("--Train-profile", "quick", "--Train-max-listings", "600")
SPOILT_MAKE, SPOILT_FACTOR, RIGHT_NIGHTS = "Hyundai", 1.36, 14


def main() -> int:
    """Walk, roll back, spoil a make; print Markdown."""
    raw = os.environ.get("CARPRICE_DATA")
    if not raw or not Path(raw, MARKET).is_dir():
        sys.stderr.write(f"Set CARPRICE_DATA to a folder that holds {MARKET}.\n")
        return 2
    deliveries = sorted(Path(raw, MARKET).glob("*.csv"))
    print(f"{describe_machine()}.\n", flush=True)
    with temporary_project() as root:
        compile_code(root)
        newest = show_walk(root, Path(raw).resolve(), deliveries)
        show_rollback(root, Path(raw).resolve(), newest)
    with temporary_project() as root:
        compile_code(root)
        show_spoilt_make(root, deliveries)
    return 0


def show_walk(root: Path, raw: Path, deliveries: list[Path]) -> date:
    """Run Nightly as of every seventh night, print a row for each verdict, and return the last of these nights."""
    print(
        "| week | listings | judge both | verdict | champion after | mean error, challenger / champion | 90 % of the difference | why not |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for night in _weeks(date.fromisoformat(deliveries[0].stem), date.fromisoformat(deliveries[-1].stem)):
        try:
            run_luigi(root, "pipeline", "Nightly", "--market", MARKET, "--as-of", night.isoformat(), "--pipeline-raw", str(raw))
        except subprocess.CalledProcessError as error:
            said = str(error.output).strip().splitlines()[-1].partition("ERROR")[2].rpartition("in data/ingest/")[2]
            said = said.partition(".parquet. So ")[2] or said.strip()  # what was rejected says the run itself
            print(f"| {night} | – | – | exit {error.returncode} | none | – | – | {said} |", flush=True)
            continue
        verdict, listings = _read(root, "promote", "verdict.json"), _read(root, "clean", "account.json")["listings"]
        figures, champion = verdict["figures"], _champion(root)
        errors = " / ".join("–" if mae is None else f"{mae:,.0f}" for mae in figures["mae"].values())
        spread = (
            "–" if figures["difference"] is None else f"{figures['difference_low']:+,.0f} … {figures['difference_high']:+,.0f}"
        )
        why = " ".join(reason["text"] for reason in verdict["reasons"] if not reason["passed"])
        who = f"{champion['version']} ({champion['model']['promoted_on']})" if champion else "none"
        row = (night, f"{listings:,}", f"{figures['n_judged']:,}", verdict["outcome"], who, errors, spread, why)
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    return night


def show_rollback(root: Path, raw: Path, newest: date) -> None:
    """Roll back, run the same night again, lift the bar, run it again; print what each did."""
    print("\n| command | champion after | what it said |\n|---|---|---|")
    night = ("Nightly", "--market", MARKET, "--as-of", newest.isoformat(), "--pipeline-raw", str(raw))
    left = _champion(root)["version"]
    _show_rollback_command(root, "--market", MARKET, "--reason", "dealers complain")
    run_luigi(root, "pipeline", *night)
    _show(root, f"`Nightly --as-of {newest}` again")
    _show_rollback_command(root, "--market", MARKET, "--lift", left)
    run_luigi(root, "pipeline", *night)
    _show(root, f"`Nightly --as-of {newest}` again")


def show_spoilt_make(root: Path, deliveries: list[Path]) -> None:
    """Let a weak champion meet a better challenger that learnt one make's prices in another currency."""
    folder = root / "data/raw" / MARKET
    folder.mkdir(parents=True)
    for path in deliveries[:-RIGHT_NIGHTS]:
        (folder / path.name).write_bytes(path.read_bytes())
    night = date.fromisoformat(deliveries[-1].stem)
    run_luigi(root, "pipeline", "Promote", "--market", MARKET, "--as-of", deliveries[-RIGHT_NIGHTS - 1].stem, *WEAK)
    for path in deliveries[:-RIGHT_NIGHTS]:
        _spoil(path, folder / path.name)
    for path in deliveries[-RIGHT_NIGHTS:]:
        (folder / path.name).write_bytes(path.read_bytes())
    run_luigi(root, "pipeline", "Promote", "--market", MARKET, "--as-of", night.isoformat())
    verdict = _read(root, "promote", "verdict.json")
    print(f"\n{SPOILT_MAKE}'s prices × {SPOILT_FACTOR} on all but the last {RIGHT_NIGHTS} nights: {verdict['outcome']}.\n")
    for reason in verdict["reasons"]:
        print(f"- {'passed' if reason['passed'] else '**failed**'}, {reason['rule']}: {reason['text']}")


def _weeks(first: date, last: date) -> Iterator[date]:
    night = first + WEEK
    while night <= last:
        yield night
        night += WEEK


def _show_rollback_command(root: Path, *arguments: str) -> None:
    run_command(root, [sys.executable, "-m", "pipeline", "rollback", *arguments])
    _show(root, f"`rollback {' '.join(arguments)}`")


def _show(root: Path, command: str) -> None:
    entry = json.loads((root / "data/journal" / f"{MARKET}.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    said = [why for why in entry["why"] if entry["what"] != "promoted" or why.startswith("Mean error")]
    print(f"| {command} | {_champion(root)['version']} | {' '.join([entry['what'], *said])} |", flush=True)


def _spoil(source: Path, target: Path) -> None:
    with source.open(encoding="utf-8", newline="") as read, target.open("w", encoding="utf-8", newline="") as written:
        rows = csv.DictReader(read)
        writer = csv.DictWriter(written, rows.fieldnames or [], extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            if row["brand"] == SPOILT_MAKE and (row["list_price"] or "").isdecimal():
                row["list_price"] = str(round(int(row["list_price"]) * SPOILT_FACTOR))
            writer.writerow(row)


def _read(root: Path, stage: str, name: str) -> dict:
    current = json.loads((root / "data/current" / f"{MARKET}.json").read_text(encoding="utf-8"))
    return json.loads((root / current["stages"][stage] / name).read_text(encoding="utf-8"))


def _champion(root: Path) -> dict:
    path = root / "data/champion" / f"{MARKET}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
