"""Appraise: say what cars are worth, or why that cannot be said."""

from __future__ import annotations

from typing import Any

import pandas as pd


def appraise(model: Any, listings: pd.DataFrame) -> pd.DataFrame:
    """Return `estimate`, `low`, `high` (money), `status` and `reason`, one row per listing, indexed like them.

    A model that can leave a listing's own price out of its estimate (`estimate_unseen`: by the members that did not
    learn from its `group_id`) is asked to. Every listing is `priced` and has no reason.
    """
    estimate = getattr(model, "estimate_unseen", model.estimate)
    reason = pd.Series(None, index=listings.index, dtype="str")
    return pd.DataFrame(estimate(listings)[["estimate", "low", "high"]]).assign(status="priced", reason=reason)
