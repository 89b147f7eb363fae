"""Sampling: which listings a model learns from where there are more than it is to learn from; twins stay together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def draw_digests(groups: Iterable[str], seed: int) -> np.ndarray:
    """Return a number for each listing by the name of its group and the seed: the same for ever, everywhere, and for all twins."""
    return np.fromiter(
        (int.from_bytes(hashlib.sha256(f"{seed} {group}".encode()).digest()[:8]) for group in groups), dtype=np.uint64
    )


def find_bound(digests: np.ndarray, max_listings: int) -> np.uint64:
    """Return the bound below which the digests of at most `max_listings` listings lie, as many as whole groups can be."""
    drawn, sizes = np.unique(digests, return_counts=True)
    n_groups = int(np.searchsorted(np.cumsum(sizes), max_listings, side="right"))
    return np.uint64(drawn[n_groups]) if n_groups < len(drawn) else np.uint64(2**64 - 1)
