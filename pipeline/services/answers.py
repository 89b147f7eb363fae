"""Answers: what a model said of some cars when it was fitted, kept beside it.

A model file is data; what it means is up to the code that reads it. A later version of ours that reads another meaning into a
champion would price with it all the same, and wrongly.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline.incremental.manifest import Manifest, read_checked
from pipeline.services import frames
from pipeline.services.models import ModelUnreadable

ANSWERS_FILE = "answers.parquet"
_CARS = 16
# Half of the cars may differ by so much, relatively: another processor's arithmetic moves an estimate by up to a percent where a tree's threshold
# happens to lie, and most by far less than this.
_TOLERANCE = 1e-3
_REMEDY = "Train it again, or bring back the version of the pipeline that made it."


def write_answers(model: Any, listings: pd.DataFrame, folder: Path) -> None:
    """Write some of the listings that a model learnt from, with its estimates of them."""
    places = np.unique(np.linspace(0, len(listings) - 1, _CARS).round().astype(int))
    asked = listings.iloc[places].reset_index(drop=True)
    frames.write_frame(asked.assign(estimate=model.estimate(asked)["estimate"]), folder / ANSWERS_FILE)


def refuse_other_answers(model: Any, folder: Path) -> None:
    """Raise ModelUnreadable where a loaded model does not say what it said when it was fitted."""
    manifest = Manifest.read(folder)
    if manifest is None or ANSWERS_FILE not in manifest.files:
        raise ModelUnreadable(f"{folder} was made by an earlier version of the pipeline, which kept no {ANSWERS_FILE}. {_REMEDY}")
    told = frames.to_frame(pq.read_table(io.BytesIO(read_checked(folder, ANSWERS_FILE)), use_threads=False))
    try:
        found = model.estimate(told.drop(columns="estimate"))["estimate"].to_numpy()
    except Exception as error:  # code that means another model may fail in any way
        raise ModelUnreadable(
            f"{folder} was made by another version of the pipeline: this one cannot ask it ({type(error).__name__}: {error}). {_REMEDY}"
        ) from None
    apart = np.abs(found / told["estimate"].to_numpy() - 1)
    if not np.median(apart) <= _TOLERANCE:  # so written that NaN is refused
        place = int(np.nanargmax(apart)) if np.isfinite(apart).any() else 0
        raise ModelUnreadable(
            f"{folder} was made by another version of the pipeline: to this one it says {found[place]:,.0f} of a car of which it said "
            f"{told['estimate'].iloc[place]:,.0f} when it was fitted. {_REMEDY}"
        )
