"""Appraise: what a model says each listing would be advertised at, how sure it is, and where it says no."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from pipeline.stages.train import PriceModel
from pipeline.valuation.domain import REFUSED


def appraise(model: PriceModel, listings: pd.DataFrame, *, unseen: bool = False, untold: Collection[str] = ()) -> pd.DataFrame:
    """Return `estimate`, `low`, `high` (the market's money), `status` and `reason`, one row per listing, indexed like them.

    A refused listing has a reason and no estimate. `unseen` leaves a listing's own price out of its estimate where the model learnt from it;
    what is missing in the columns `untold` is lent by donors.
    """
    appraisals = model.appraise(listings, unseen=unseen, untold=untold)
    figures = ["estimate", "low", "high"]
    appraisals[figures] = appraisals[figures].mask(appraisals["status"] == REFUSED, np.nan)
    return appraisals
