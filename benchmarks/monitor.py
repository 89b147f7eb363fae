"""What Monitor finds on kijiji_ca's nights, real and disturbed: `CARPRICE_DATA=FOLDER python -m benchmarks.monitor [--faults]`.

Prints the figures of docs/decisions/0015: all findings with their incidents, a fixed index beside the noise floor on markets of three sizes, or
what is found of faults put into real files. Without a champion: docs/decisions/0015 says what that adds.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.errors import DeliveryUnreadable
from pipeline.market import Market
from pipeline.market_files import load_market
from pipeline.services.deliveries import list_deliveries
from pipeline.services.tables import read_bytes, read_table
from pipeline.stages import drift, monitor, noise
from pipeline.stages.ingest import Intake, empty_intake, ingest_rows, required_headers

MARKET = "kijiji_ca"
WINDOW = 29
RATES = (0.01, 0.001, 0.0001)
FIXED = (0.1, 0.2)
SHARES = (0.1, 0.05)
DISTURBED = ("2024-02-24", "2023-12-10")

Fault = Callable[[pd.DataFrame], pd.DataFrame]


def ingest_file(path: Path, market: Market) -> Intake:
    """Return what one file gives, as Ingest does."""
    terms = market.for_ingest()
    try:
        table = read_table(read_bytes(path), terms.files, required_headers(terms))
        return ingest_rows(table.rows, table.unreadable, terms, {})
    except DeliveryUnreadable as error:
        return empty_intake(terms, str(error))


def monitor_as_of(intakes: Mapping[str, Intake], market: Market, night: str) -> dict[str, Any]:
    """Monitor a night by the deliveries up to it; they are known by their nights. The champion is taken for fresh."""
    up_to = {name: intake for name, intake in intakes.items() if name <= night}
    return monitor.monitor_night(
        monitor.Sources(
            market=MARKET,
            currency=market.currency,
            night=night,
            newest_delivery=max((name for name, intake in up_to.items() if len(intake.accepted)), default=""),
            stale_after_days=market.delivery.stale_after_days,
            max_data_age_days=30,
            accounts={name: intake.account for name, intake in up_to.items()},
            nights={name: name for name in up_to},
            accepted={name: up_to[name].accepted for name in list(up_to)[-WINDOW:]},
            kinds=market.canonical_columns(),
            features={**market.feature_columns(), "price": "number"},
            verdict={"challenger": {"data_as_of": night}},
            serving={"version": "1", "promoted_on": night, "data_as_of": night},
        )
    )


def thin_out(intakes: Mapping[str, Intake], share: float) -> dict[str, Intake]:
    """Keep a share of the cars, the same ones on all nights."""

    def is_kept(listing_id: str) -> bool:
        return int(hashlib.sha256(listing_id.encode()).hexdigest(), 16) % 1000 < share * 1000

    thinned = {}
    for name, intake in intakes.items():
        accepted = intake.accepted[[is_kept(listing_id) for listing_id in intake.accepted["listing_id"]]].reset_index(drop=True)
        aside = None if len(accepted) else intake.account["set_aside"] or "no car is left"
        thinned[name] = Intake(accepted, intake.rejected, {**intake.account, "accepted": len(accepted), "set_aside": aside})
    return thinned


def walk(intakes: Mapping[str, Intake], market: Market) -> tuple[list[str], str]:
    """Monitor every night; return where incidents begin, and counts of all."""
    before: set[tuple[str, str]] = set()
    begun, n_findings, n_nights, n_drifts = [], 0, 0, 0
    fixed = dict.fromkeys(FIXED, 0)
    for night in intakes:
        told = monitor_as_of(intakes, market, night)
        now = {(finding["kind"], finding["subject"]): finding["text"] for finding in told["findings"]}
        begun += [f"{night} {kind} {subject}: {text}" for (kind, subject), text in now.items() if (kind, subject) not in before]
        n_findings, n_nights, before = n_findings + len(now), n_nights + bool(now), set(now)
        for measured in (told["drift"] or {}).values():
            n_drifts += measured["is_finding"]
            fixed = {limit: count + ((measured["psi"] or 0) > limit) for limit, count in fixed.items()}
    over = ", ".join(f"{count} indices over {limit}" for limit, count in fixed.items())
    return begun, f"{n_findings} findings, {len(begun)} incidents, {n_nights} nights with any; {over}, {n_drifts} over the floor"


def list_faults() -> dict[str, Fault]:
    """Return faults by name; each takes the text cells of a file."""
    return {
        "half the rows": lambda rows: rows.sample(frac=0.5, random_state=0).sort_index(),
        "a quarter of the rows gone": lambda rows: rows.sample(frac=0.75, random_state=0).sort_index(),
        "rows twice": lambda rows: pd.concat([rows, rows]),
        "header only": lambda rows: rows.iloc[:0],
        **{
            f"{name} emptied in {share:.0%}": _empty(name, share)
            for name, share in (("fuel_type", 1), ("mileage", 1), ("list_price", 1), ("transmission", 0.5), ("list_price", 0.3), ("body_type", 0.1))
        },
        **{
            f"{name} renamed {new}": _rename(name, new)
            for name, new in (("fuel_type", "energy"), ("fuel_type", "fuel_typ"), ("list_price", "amount"), ("vin_number", "serial"))
        },
        **{
            f"{name} × {factor:g}": _multiply(name, factor)
            for name, factor in [*(("list_price", factor) for factor in (10, 2, 1.2, 0.1)), *(("mileage", factor) for factor in (100, 1.609, 0.6214))]
        },
        **{f"values slid in {share:.0%}": _slide(share) for share in (0.2, 0.6)},
        **{f"{make} vanished": _leave_out(make) for make in ("Ford", "Kia", "Mazda")},
        **{
            f"{word} spelt {new}": _respell(name, word, new)
            for name, word, new in (("brand", "Toyota", "Toyota Motors"), ("fuel_type", "Gasoline", "Gas"))
        },
    }  # fmt: skip


def disturb(folder: Path, intakes: Mapping[str, Intake], market: Market, night: str) -> list[str]:
    """Put each fault into a night's file; return what is found beyond what is found of the file as it is."""

    def find(intake: Intake) -> set[str]:
        findings = monitor_as_of({**intakes, night: intake}, market, night)["findings"]
        return {f"{finding['kind']} {finding['subject']}".strip() for finding in findings}

    rows = pd.read_csv(folder / f"{night}.csv", dtype=str, keep_default_na=False)
    plain, lines = find(intakes[night]), []
    for name, fault in list_faults().items():
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / f"{night}.csv"
            fault(rows).to_csv(path, index=False)
            found = find(ingest_file(path, market)) - plain
        lines.append(f"{night} {name}: {', '.join(sorted(found)) or 'NOT FOUND'}")
    return lines


def main() -> int:
    """Print the figures; without the data say so and return 2."""
    folder = Path(os.environ.get("CARPRICE_DATA", "")) / MARKET
    if not os.environ.get("CARPRICE_DATA") or not folder.is_dir():
        print("CARPRICE_DATA does not name a folder with kijiji_ca.")
        return 2
    market = load_market(MARKET, (paths.PACKAGE / "markets",))
    intakes = {delivery.night: ingest_file(delivery.path, market) for delivery in list_deliveries(folder, market.files)}
    if "--faults" in sys.argv:
        for night in DISTURBED:
            print("\n".join(disturb(folder, intakes, market, night)), flush=True)
        return 0
    for rate in RATES:
        for module in (noise, drift, monitor):
            module.FALSE_ALARM = rate  # type: ignore[attr-defined]
        begun, counts = walk(intakes, market)
        print(f"false alarm rate {rate:g}: {counts}", flush=True)
        if rate == RATES[1]:
            print("\n".join(begun), flush=True)
    for module in (noise, drift, monitor):
        module.FALSE_ALARM = RATES[1]  # type: ignore[attr-defined]
    for share in SHARES:
        print(f"{share:.0%} of the cars: {walk(thin_out(intakes, share), market)[1]}", flush=True)
    return 0


def _empty(name: str, share: float) -> Fault:
    return lambda rows: rows.assign(**{name: rows[name].mask(np.random.default_rng(0).random(len(rows)) < share, "")})


def _rename(name: str, new: str) -> Fault:
    return lambda rows: rows.rename(columns={name: new})


def _multiply(name: str, factor: float) -> Fault:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        numbers = pd.to_numeric(rows[name], errors="coerce")
        return rows.assign(**{name: (numbers * factor).round().astype("Int64").astype("str").where(numbers.notna(), rows[name])})

    return change


def _slide(share: float) -> Fault:
    names = ["color", "body_type", "wheel_config", "transmission", "fuel_type"]

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        is_slid = np.random.default_rng(1).random(len(rows)) < share
        later = [*(rows[name] for name in names[1:]), pd.Series("", index=rows.index)]
        return rows.assign(**{name: rows[name].mask(is_slid, after) for name, after in zip(names, later, strict=True)})

    return change


def _leave_out(make: str) -> Fault:
    return lambda rows: rows[rows["brand"].str.strip() != make]


def _respell(name: str, word: str, new: str) -> Fault:
    return lambda rows: rows.assign(**{name: rows[name].mask(rows[name].str.strip() == word, new)})


if __name__ == "__main__":
    sys.exit(main())
