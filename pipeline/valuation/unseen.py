"""Unseen: what is estimated of the very listings that a model learnt from, by members that did not see them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Unseen:
    """Out-of-fold log prices by group: `keys` are digests of group ids, in order, `logs` the mean of each group's."""

    keys: np.ndarray
    logs: np.ndarray

    def replace(self, groups: pd.Series, logs: np.ndarray) -> np.ndarray:
        """Return `logs` with those of learnt groups put out of fold."""
        asked = _digest(groups)
        places = np.clip(np.searchsorted(self.keys, asked), 0, len(self.keys) - 1)
        return np.where(self.keys[places] == asked, self.logs[places], logs)


def remember_unseen(groups: pd.Series, out_of_fold: np.ndarray) -> Unseen:
    """Remember the out-of-fold log prices of the listings of a fit."""
    means = pd.Series(out_of_fold).groupby(_digest(groups)).mean()
    return Unseen(means.index.to_numpy(dtype=np.uint64), means.to_numpy())


def _digest(groups: pd.Series) -> np.ndarray:
    """Return 64 bits of each group id's sha256: two of a million groups share one with odds of one in forty million."""
    digests = {name: int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8]) for name in groups.unique()}
    return groups.map(digests).to_numpy(dtype=np.uint64)
