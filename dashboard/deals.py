"""Deals: what the page of the deals tells of scored listings; free of Streamlit."""

from __future__ import annotations

import io

import pandas as pd

from pipeline.listing import NOT_RATED
from pipeline.services.exports import guard_cell
from pipeline.stages.score import MIN_LIKE_IT, is_doubted


def find_why_not(scores: pd.DataFrame) -> pd.Series:
    """Return why each listing that is not rated is not: refused, extrapolated, few like it, its estimate doubted, or its interval too wide."""
    unrated = scores[scores["rating"] == NOT_RATED]
    why = pd.Series("wide", index=unrated.index).mask(find_doubted(unrated), "doubted")
    why = why.mask(unrated["n_like_it"] < MIN_LIKE_IT, "few")
    return why.mask(unrated["status"] != "priced", unrated["status"])


def find_doubted(scores: pd.DataFrame) -> pd.Series:
    """Say of which listings the estimate is doubted; of none where the scores are of before it was asked."""
    if "typical_price" not in scores:
        return pd.Series(data=False, index=scores.index)
    return is_doubted(scores, scores["typical_price"])


def write_csv(listings: pd.DataFrame) -> bytes:
    """Return listings as CSV with no cell that a spreadsheet would run."""
    guarded = listings.copy()
    for name in guarded.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in guarded.dtypes]]:
        guarded[name] = guarded[name].map(guard_cell, na_action="ignore")
    stream = io.StringIO()
    guarded.to_csv(stream, index=False, lineterminator="\n")
    return stream.getvalue().encode()
