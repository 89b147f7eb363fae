"""What a verdict says, and what it must know of a model."""

from __future__ import annotations

from dataclasses import dataclass

PROMOTED, REFUSED, KEPT = "promoted", "refused", "kept"


@dataclass(frozen=True)
class Contender:
    """A model as a verdict knows it; `data_as_of` is the night of the newest delivery it rests on ("": undated)."""

    version: str
    fingerprint: str
    folder: str
    data_as_of: str
    n_learnt: int
    trained_until: str | None
