"""How accurate prices are beside the peers': `CARPRICE_DATA=FOLDER python -m benchmarks.accuracy [SECTION ...] [--write]`.

Prints Markdown; `--write` puts it into docs/accuracy.md, each section in place of its own. Sections: `splits` (grouped, one a seed and market, beside
the peers), `forward` (kijiji_ca week by week), and on more splits of ours alone `intervals` and `depreciation`. Every fit is a process of its own, and what it found is
kept in `--cache`, one JSON line a fit: a run that was ended goes on where it was, and code of a model that changed is fitted again. What comes before a model
is not looked at: after a change of deliveries, of a market's TOML, or of Ingest to Split name another cache. The peers are installed into a folder of temporary files,
which needs a package index once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.judging import tables
from benchmarks.judging.parts import Listings, count_weeks, write_split, write_week
from benchmarks.peers import compare
from benchmarks.projects import PEERS, REPOSITORY, run_command
from pipeline.stages.metrics import measure_errors

PAGE = REPOSITORY / "docs/accuracy.md"
MARKER = "<!-- `CARPRICE_DATA=FOLDER python -m benchmarks.accuracy {} --write`. Do not edit. -->"
SECTIONS = ("splits", "intervals", "depreciation", "forward")
MARKETS = ("avito_ma", "kijiji_ca", "craigslist_us", "uk")
FORWARD_MARKET = "kijiji_ca"
SEEDS = "10,11,12,13,14"
RESPLITS = ",".join(map(str, range(10, 30)))
OURS = ("full", "quick")
PEERS_FITTED = ("catboost", "xgboost", "lightgbm", "original", "original_trimmed")


@dataclass(frozen=True)
class Fit:
    """One contestant on one part of one market."""

    section: str
    market: str
    number: int  # the seed, or how many weeks are learnt from
    name: str

    @property
    def part(self) -> str:
        """The folder of what it learns from."""
        return f"{self.market}/{self.section}_{self.number}"


class Bench:
    """Runs fits that the cache does not know yet."""

    def __init__(self, cache: Path, deliveries: Path, pythons: dict[str, str]) -> None:
        """Remember where things are; `pythons` names the interpreter of each environment of peers."""
        self.cache, self.deliveries, self.pythons = cache, deliveries, pythons
        self._listings: dict[str, Listings] = {}
        self._lock = threading.Lock()

    @property
    def log(self) -> Path:
        """The JSON lines."""
        return self.cache / "fits.jsonl"

    def records(self) -> list[dict[str, Any]]:
        """Return what is known of each fit."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines]

    def listings(self, market: str) -> Listings:
        """Return a market's listings."""
        return self._listings.setdefault(market, Listings(market, self.deliveries / market))

    def run(self, fit: Fit) -> None:
        """Run one fit, and write its record."""
        with self._lock:
            parts = self._write_parts(fit)
        out = self.cache / "fits" / fit.part / fit.name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        cost = run_command(REPOSITORY, [*self._command(fit.name), str(parts), str(out)], {"OMP_NUM_THREADS": "1"})
        prices = pd.read_parquet(parts / "test.parquet", columns=["price"])["price"].to_numpy()
        estimates = pd.read_parquet(out / "estimates.parquet")["estimate"].to_numpy()
        record = {
            **asdict(fit),
            **json.loads((out / "figures.json").read_text(encoding="utf-8")),
            "n_test": len(prices),
            "n_train": len(pd.read_parquet(parts / "train.parquet", columns=["price"])),
            "wall_s": cost.wall_s,
            "load": os.getloadavg()[0],
            "code": digest_code(),
            **measure_errors(prices, estimates),
        }
        with self._lock, self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {fit.part} {fit.name}: {cost.wall_s:.0f} s\n")

    def _write_parts(self, fit: Fit) -> Path:
        folder = self.cache / "parts" / fit.part
        if not (folder / "facts.json").exists():
            write = write_split if fit.section == "splits" else write_week
            write(self.listings(fit.market), fit.number, folder)
        return folder

    def _command(self, name: str) -> list[str]:
        if name in OURS:
            return [sys.executable, "-m", "benchmarks.judging.ours", name]
        environment = "autogluon" if name.startswith("autogluon") else "accuracy"
        return [self.pythons[environment], str(PEERS / "accuracy/fit.py"), name]


def main() -> int:
    """Run what is missing, and print or write the tables."""
    options = parse_options()
    raw = os.environ.get("CARPRICE_DATA")
    missing = [market for market in options.markets if not Path(raw or "", market).is_dir()]
    if not options.only_show and (not raw or missing):
        sys.stderr.write(f"Set CARPRICE_DATA to a folder that holds {', '.join(missing or options.markets)}.\n")
        return 2
    options.cache.mkdir(parents=True, exist_ok=True)
    meets_peers = {"splits", "forward"} & {*options.sections}
    pythons = find_pythons(options.peers_python, options.autogluon) if meets_peers and not options.only_show else {}
    bench = Bench(options.cache, Path(raw or "").absolute(), pythons)
    if not options.only_show:
        run_missing(bench, options)
    records = [record for record in bench.records() if record["market"] in options.markets]
    shown = tables.show(records, bench.cache, options.sections)
    if options.write:
        PAGE.write_text(replace_sections(PAGE.read_text(encoding="utf-8"), shown), encoding="utf-8")
    else:
        print("\n".join(shown.values()) or "No fits yet.")
    return 0


def replace_sections(page: str, shown: Mapping[str, str]) -> str:
    """Return a page with new sections in place of its own; each begins with its marker and ends at the next one."""
    marked = {section: MARKER.format(section) for section in SECTIONS}
    places = sorted((page.index(mark), section) for section, mark in marked.items() if mark in page)
    starts = [*(place for place, _ in places), len(page)]
    own = {section: page[place:end] for (place, section), end in zip(places, starts[1:], strict=True)}
    own |= {section: f"{marked[section]}\n\n{text}\n" for section, text in shown.items()}
    return (page[: starts[0]].rstrip("\n") + "\n\n" + "".join(own[section] for section in SECTIONS if section in own)).rstrip(
        "\n"
    ) + "\n"


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--seeds", default=SEEDS, help=f"seeds of the splits beside the peers (default: {SEEDS})")
    parser.add_argument(
        "--resplits", default=RESPLITS, help="seeds of intervals and depreciation (default: 20 of them, from 10 on)"
    )
    parser.add_argument("--markets", default=",".join(MARKETS), help="markets (default: all four)")
    parser.add_argument("--jobs", type=int, default=1, help="fits at a time, each on one core (default: 1)")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "carprice-accuracy",
        help="folder of results: another where data, or stages before Train, have changed",
    )
    parser.add_argument("--peers-python", help="an interpreter that has the peers (default: one is made)")
    parser.add_argument("--autogluon", type=int, default=0, metavar="SECONDS", help="AutoGluon too, with so long a limit")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no fit after so many minutes")
    parser.add_argument("--only-show", action="store_true", help="fit nothing: show what the cache holds")
    parser.add_argument("--write", action="store_true", help="write docs/accuracy.md")
    options = parser.parse_args()
    options.sections = options.sections or list(SECTIONS)
    if unknown := {*options.sections} - {*SECTIONS}:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    options.markets = options.markets.split(",")
    options.seeds, options.resplits = ([int(seed) for seed in given.split(",")] for given in (options.seeds, options.resplits))
    return options


def find_pythons(given: str | None, autogluon: int) -> dict[str, str]:
    """Return the interpreter of each environment that is needed, made where none is given."""
    pythons = {"accuracy": given} if given else {}
    for name in [*([] if given else ["accuracy"]), *(["autogluon"] if autogluon else [])]:
        if problem := compare.install(name):
            raise SystemExit(f"The peers of {PEERS / name}/requirements.txt {problem}")
        pythons[name] = str(compare.CACHE / name / "bin/python")
    return pythons


def run_missing(bench: Bench, options: argparse.Namespace) -> None:
    """Run the fits that the cache lacks, or has of other code of ours, so many at a time, until the time is up."""
    code = digest_code()
    known = {
        Fit(one["section"], one["market"], one["number"], one["name"])
        for one in bench.records()
        if one["name"] not in OURS or one["code"] == code
    }
    fits = [fit for fit in dict.fromkeys(plan_fits(bench, options)) if fit not in known]
    until = time.monotonic() + options.minutes * 60

    def run_in_time(fit: Fit) -> None:
        if time.monotonic() < until:
            bench.run(fit)

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(run_in_time, fits))


def plan_fits(bench: Bench, options: argparse.Namespace) -> Iterator[Fit]:
    """Yield all fits, some of them twice: seed after seed, so that a run that is ended has whole seeds."""
    autogluon = [f"autogluon_seconds_{options.autogluon}"] if options.autogluon else []
    if "splits" in options.sections:
        for seed, market, name in product(options.seeds, options.markets, (*OURS, *PEERS_FITTED, *autogluon)):
            yield Fit("splits", market, seed, name)
    if {"intervals", "depreciation"} & {*options.sections}:
        for seed, market in product(options.resplits, options.markets):
            yield Fit("splits", market, seed, "full")
    if "forward" in options.sections and FORWARD_MARKET in options.markets:
        for week in range(1, count_weeks(bench.listings(FORWARD_MARKET)) + 1):
            for name in ("full", "catboost", "xgboost", "lightgbm", "original"):
                yield Fit("forward", FORWARD_MARKET, week, name)


def digest_code() -> str:
    """Return what tells versions of the model's code apart."""
    paths = [*sorted((REPOSITORY / "pipeline/valuation").glob("*.py")), REPOSITORY / "pipeline/stages/train.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:8]


if __name__ == "__main__":
    sys.exit(main())
