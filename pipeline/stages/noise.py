"""Noise: how far a night's figure may lie from those before it while nothing is wrong, measured from the market itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, t

# Of all that is asked of one kind on one night together, by chance alone. See docs/decisions/0015 for what 84 real nights gave.
FALSE_ALARM = 0.001
MIN_PAST = 5  # nights that a night is compared with, and deviations that a floor is measured from
_NORMAL_MAD = 1.4826  # by which the median absolute deviation of normal values is multiplied to give their standard deviation


@dataclass(frozen=True)
class Deviation:
    """How far a night lies from the nights before it, and the floor below which that is noise (None: too few nights to tell)."""

    size: float
    floor: float | None

    @property
    def is_finding(self) -> bool:
        """Whether it stands out of the noise."""
        return self.floor is not None and bool(self.size > self.floor)

    def tell(self) -> dict[str, Any]:
        """Return it as plain values."""
        floor = None if self.floor is None else round(self.floor, 6)
        return {"deviation": round(self.size, 6), "noise_floor": floor, "is_finding": self.is_finding}


def judge_last(n_nights: int, deviate: Callable[[int], float], sampling: float, n_asked: int) -> Deviation:
    """Judge the last of a market's nights, the oldest first, by `deviate`: how far the night at a place lies from those before it.

    `sampling` is the deviation that the size of a delivery alone can make; `n_asked` how many figures of this kind are judged tonight.
    """
    deviations = [deviate(place) for place in range(MIN_PAST, n_nights)]
    if not deviations:
        return Deviation(0.0, None)
    return Deviation(deviations[-1], measure_floor(deviations[:-1], sampling, n_asked))


def measure_floor(earlier: Sequence[float], sampling: float, n_asked: int) -> float | None:
    """Return the floor over what earlier nights did against their own past: the larger of `sampling` and a prediction bound.

    The bound is Student's for one more value of a normal sample, with median and median absolute deviation in the place of mean and
    standard deviation, so that a past fault does not hide the next one; its level is Bonferroni's for `n_asked` questions. None where
    fewer than `MIN_PAST` earlier nights can be told.
    """
    n = len(earlier)
    if n < MIN_PAST:
        return None
    centre = float(np.median(earlier))
    reach = float(t.isf(FALSE_ALARM / max(n_asked, 1), n - 1)) * np.sqrt(1 + 1 / n)
    return max(float(sampling), centre + float(reach) * measure_spread(earlier))


def measure_spread(values: Sequence[float]) -> float:
    """Return the standard deviation of values as their median absolute deviation tells it, which a few outliers do not move."""
    return _NORMAL_MAD * float(np.median(np.abs(np.asarray(values) - np.median(values))))


def sampling_z(n_asked: int) -> float:
    """Return how many standard errors chance alone reaches, for `n_asked` questions."""
    return float(norm.isf(FALSE_ALARM / max(n_asked, 1)))


def cohens_h(share: float, other: float) -> float:
    """Return how far a share lies above another (Cohen 1988): its standard error depends on the numbers asked alone."""
    return float(2 * np.arcsin(np.sqrt(share)) - 2 * np.arcsin(np.sqrt(other)))
