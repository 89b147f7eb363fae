"""Appraise: what a model says each listing would be advertised at, how sure it is, and where it says no."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

PRICED, EXTRAPOLATED, REFUSED = "priced", "extrapolated", "refused"
NEEDED = ("make", "model", "year")


def appraise(model: Any, listings: pd.DataFrame) -> pd.DataFrame:
    """Return `estimate`, `low`, `high` (the market's money), `status` and `reason`, one row per listing, indexed like them.

    A refused listing has no estimate. A model that has a `domain` is asked what it knows; of any other, listings are
    refused whose make, model or year is missing, or whose make or model it has never seen.
    """
    verdicts = _assess(model, listings)
    is_told = (verdicts["status"] != REFUSED).to_numpy(dtype=bool)
    figures = pd.DataFrame(np.nan, index=listings.index, columns=["estimate", "low", "high"])
    if is_told.any():
        estimates = model.estimate(listings[is_told])
        figures.loc[is_told] = estimates[["estimate", "low", "high"]].to_numpy(dtype=float)
    return figures.join(verdicts)


def known_words(model: Any) -> dict[str, list[str]]:
    """Return the words of each category that the fitted model knows; nothing of a model that does not tell."""
    columns = getattr(getattr(model, "fitted", None), "named_steps", {}).get("columns")
    encoder = getattr(columns, "named_transformers_", {}).get("categories")
    known: Sequence[Any] = getattr(encoder, "categories_", ())
    names = model.choice.categories if len(known) else ()
    return {
        name: [word for word in words if isinstance(word, str)]
        for name, words in zip(names, known, strict=True)  # a missing one is among them
    }


def _assess(model: Any, listings: pd.DataFrame) -> pd.DataFrame:
    domain = getattr(model, "domain", None)
    if domain is not None:
        from pipeline.stages import domain as domains  # type: ignore[attr-defined,unused-ignore]

        verdicts: pd.DataFrame = domains.assess(listings, domain)[["status", "reason"]]
        return verdicts
    reasons = np.full(len(listings), "", dtype=object)
    known = known_words(model)
    for name in NEEDED:
        values = listings[name] if name in listings else pd.Series(None, index=listings.index, dtype=object)
        told = _find_faults(name, values, known)
        reasons = np.where(reasons == "", told, reasons)
    return pd.DataFrame({"status": np.where(reasons == "", PRICED, REFUSED), "reason": reasons}, index=listings.index)


def _find_faults(name: str, values: pd.Series, known: Mapping[str, Sequence[str]]) -> np.ndarray:
    words = frozenset(known.get(name, ()))
    places, distinct = pd.factorize(values.to_numpy(dtype=object))  # a missing one has place -1, and takes the last
    told = [_tell_unknown(name, str(word), words) if words and word not in words else "" for word in distinct]
    return np.array([*told, f"{name} missing"], dtype=object)[places]


def _tell_unknown(name: str, word: str, words: Collection[str]) -> str:
    folded = {known.casefold(): known for known in words}
    near = difflib.get_close_matches(word[:80].casefold(), folded, n=1)
    return f"{name} {word[:80]!r} is unknown to the model" + (f" (nearest: {folded[near[0]]!r})" if near else "")
