"""Judging a challenger: reads what a verdict needs from results, lets both models price the same listings, and decides."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import serving
from pipeline.champion import Seat
from pipeline.services import documents, frames, probe
from pipeline.stages import promote


def judge_challenger(task: Any, settings: dict[str, Any], rules: promote.Rules) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the verdict as a document, and the errors of both models by segment.

    `task` is Promote. Judged are the listings that judged the challenger, but for those that the champion learnt from: the very
    advert, or a twin. Raises ChampionUnusable where there is a champion that cannot price, unless it is to be replaced.
    """
    challenger: Seat = task.challenger()
    seat = Seat(**settings["champion"]) if settings["champion"] else None
    test = frames.read_frame(task.folder_of("Split") / "test.parquet")
    estimates = frames.read_frame(task.folder_of("Evaluate") / "estimates.parquet")
    metrics = documents.read_document(task.folder_of("Evaluate") / "metrics.json")
    conditions = promote.Conditions(
        barred=settings["barred"],
        data_age_days=_age_days(settings["night"], settings["newest_delivery"]),
        complaint=probe.find_complaint(Path(challenger.folder), test, estimates, task.max_probe_seconds),
        synthetic=settings["synthetic"],
        market=task.market,
        currency=settings["currency"],
        level=metrics["interval_level"],
    )
    baselines = {name: errors["mae"] for name, errors in metrics["baselines"].items()}
    judged = test.assign(age_years=estimates["age_years"])
    theirs, excuse = None, None
    is_kept = seat is not None and seat.fingerprint == challenger.fingerprint
    if seat is not None and not is_kept:
        try:
            served = serving.load_seat(task.market, seat, test.columns)
        except serving.ChampionUnusable as error:
            if not task.replace_unusable:
                raise
            excuse = str(error).partition(" It is not replaced")[0]
        else:
            learnt = frames.read_frame(seat.learnt_file, ["listing_id", "group_id"])
            judged = promote.leave_out(judged, learnt)
            theirs = served.model.estimate(judged)
    comparison = promote.compare(judged, estimates.loc[judged.index], theirs, rules)
    met = seat.contender() if seat and (theirs is not None or is_kept) else None
    verdict = promote.decide(challenger.contender(), met, comparison, baselines, conditions, rules)
    if excuse:
        asked = promote.Reason("champion", passed=True, text=f"{excuse} It is replaced, as was asked for.")
        verdict = promote.Verdict(verdict.outcome, (asked, *verdict.reasons))
    figures = {**comparison.figures, "n_left_out": len(test) - len(judged)}
    document = promote.make_verdict(
        task.market, settings["night"], challenger.contender(), seat.contender() if seat else None, verdict, figures
    )
    return document, comparison.segments


def _age_days(night: str, newest_delivery: str) -> int | None:
    return (date.fromisoformat(night) - date.fromisoformat(newest_delivery)).days if newest_delivery else None
