"""Monitoring: reads what Monitor needs from results, and lets the champion before tonight's verdict price the cars of the newest nights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline import serving
from pipeline.champion import VERDICT, Seat
from pipeline.services import documents, frames
from pipeline.services.deliveries import night_of
from pipeline.stages import appraise, monitor

_NO_CHAMPION = "there was no champion before tonight's verdict"


def gather_sources(task: Any, settings: dict[str, Any]) -> monitor.Sources:
    """Return what the night is monitored by; `task` is Monitor.

    The champion that is judged is the one that tonight's challenger met: it priced until now, and has not learnt from tonight's adverts.
    """
    ingests = dict(zip(settings["deliveries"], task.upstream("Ingest"), strict=True))
    accepted = {name: frames.read_frame(ingest.folder / "accepted.parquet") for name, ingest in ingests.items()}
    intake = documents.read_document(task.folder_of("Check") / "account.json")
    accounts = intake["deliveries"]
    judged, estimates, excuse = None, None, _NO_CHAMPION
    if settings["met"]:
        seen = pd.concat([rows["listing_id"] for rows in accepted.values()]) if accepted else []
        listings = frames.read_frame(task.folder_of("Clean") / "listings.parquet")
        judged, estimates, excuse = _price(task.market, Seat(**settings["met"]), listings[listings["listing_id"].isin(seen)])
    return monitor.Sources(
        market=task.market,
        **{
            name: settings[name]
            for name in ("currency", "night", "stale_after_days", "max_data_age_days", "kinds", "features", "serving")
        },
        newest_delivery=intake["newest"],
        accounts=accounts,
        nights={name: night_of(name) for name in accounts},
        accepted=accepted,
        verdict=documents.read_document(task.folder_of("Promote") / VERDICT),
        judged=judged,
        estimates=estimates,
        why_not_judged=excuse,
    )


def _price(market: str, seat: Seat, listings: pd.DataFrame) -> tuple[monitor.Judged | None, pd.DataFrame | None, str]:
    """Return how the champion was judged and what it says of the listings, or why it says nothing: that must not end the night."""
    listings = listings.reset_index(drop=True)
    try:
        served = serving.load_seat(market, seat, listings.columns)
        metrics = documents.read_document(Path(seat.evaluation) / "metrics.json")
        tested = frames.read_frame(Path(seat.evaluation) / "estimates.parquet")
    except serving.ChampionUnusable as error:
        return None, None, str(error).partition(" It is not replaced")[0]
    except OSError as error:
        return None, None, f"what judged version {seat.version} cannot be read: {error.strerror}"
    with threadpool_limits(1):
        appraisals = appraise.appraise(served.model, listings, unseen=True)
    estimates = listings[["listing_id", "first_seen_on"]].join(appraisals[["estimate", "low", "high"]])
    errors = (tested["estimate"] / tested["price"] - 1).abs().dropna().to_numpy()
    return monitor.Judged(seat.version, metrics, errors), estimates, ""
