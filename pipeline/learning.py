"""Learning: reads the listings that a model is to learn from, without holding all others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import TooFewListings
from pipeline.services import frames
from pipeline.stages import sampling

_FEWEST = 50  # of a sample: fewer teach nothing


def read_learnt(part: Path, max_listings: int, seed: int) -> pd.DataFrame:
    """Read the listings to learn from: all of them (`max_listings` 0, or no fewer than there are), else a sample of whole groups."""
    if not is_sampled(part, max_listings):
        return frames.read_frame(part)
    digests = np.concatenate([sampling.draw_digests(chunk["group_id"], seed) for chunk in frames.read_chunks(part, ["group_id"])])
    bound, drawn, start = sampling.find_bound(digests, max_listings), [], 0
    for chunk in frames.read_chunks(part):
        drawn.append(chunk[digests[start : start + len(chunk)] < bound])
        start += len(chunk)
    learnt = pd.concat(drawn, ignore_index=True)
    if len(learnt) < _FEWEST:
        raise TooFewListings(
            f"[Train] max_listings = {max_listings} leaves {len(learnt)} listings to learn from; at least {_FEWEST} are needed."
        )
    return learnt


def is_sampled(part: Path, max_listings: int) -> bool:
    """Say whether a model that may learn from so many listings (0: any number) learns from a sample of a part."""
    return 0 < max_listings < frames.count_rows(part)


def count_learnt(part: Path, n_learnt: int) -> dict[str, int]:
    """Return what metrics say of the listings learnt from: how many, and where they are a sample, of how many."""
    total = frames.count_rows(part)
    return {"n_train": n_learnt, **({"n_train_of": total} if n_learnt < total else {})}
