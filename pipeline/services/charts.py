"""Where the marks of a chart go: scales from values to the units of an SVG, ticks, and clouds of points as one path."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MAX_TICKS = 7
_STEPS = ((1, 2, 5), (1, 3), (1,))  # marks in each power of ten, the finest first
# Shares below and above an estimate that are about as far from it on a logarithmic scale, the coarsest first.
_POSITIONS = (
    (1.5, (-0.95, -0.8, -0.5, 0.0, 1.0, 4.0, 19.0)),
    (0.6, (-0.75, -0.5, -0.25, 0.0, 0.33, 1.0, 3.0)),
    (0.25, (-0.4, -0.2, 0.0, 0.25, 0.6)),
    (0.0, (-0.2, -0.1, 0.0, 0.1, 0.2)),
)


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale that carries `low` to `start` and `high` to `end`, with marks at `ticks`."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Return where a value lies, to a tenth of a unit; it may lie beyond the ends."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def holds(self, value: float) -> bool:
        """Say whether a value lies between the ends."""
        return self.low <= value <= self.high


def scale_money(ends: Sequence[float], start: float, end: float) -> Scale:
    """Return a scale for amounts between two ends, with marks at 1, 2 and 5 or fewer."""
    low, high = ends
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices = [
        tuple(mark * 10.0**power for power in powers for mark in marks if low <= mark * 10.0**power <= high) for marks in _STEPS
    ]
    return Scale(low, high, start, end, next((ticks for ticks in choices if len(ticks) <= _MAX_TICKS), choices[-1]))


def scale_positions(reach: float, start: float, end: float) -> Scale:
    """Return a scale for price / estimate that reaches as far, in log, below 1 as above."""
    shares = next(shares for least, shares in _POSITIONS if reach >= least)
    ticks = tuple(1 + share for share in shares if abs(math.log(1 + share)) <= reach)
    return Scale(math.exp(-reach), math.exp(reach), start, end, ticks)


def trace_dots(dots: Iterable[tuple[float, float]], across: Scale, up: Scale) -> str:
    """Return the path whose round line ends are the dots; what lies beyond the ends is left out."""
    return "".join(f"M{across(x):g} {up(y):g}h0" for x, y in dots if across.holds(x) and up.holds(y))


def trace_crosses(dots: Iterable[tuple[float, float]], across: Scale, up: Scale, size: float = 2.2) -> str:
    """Return the path of small crosses; what lies beyond the ends is left out."""
    places = [(across(x), up(y)) for x, y in dots if across.holds(x) and up.holds(y)]
    return "".join(
        f"M{x - size:.1f} {y - size:.1f}l{2 * size:g} {2 * size:g}m0 {-2 * size:g}l{-2 * size:g} {2 * size:g}" for x, y in places
    )


def trace_line(dots: Iterable[tuple[float, float]], across: Scale, up: Scale) -> str:
    """Return the points of a line, kept within the ends."""
    return " ".join(f"{across(_keep(x, across)):g},{up(_keep(y, up)):g}" for x, y in dots)


def _keep(value: float, scale: Scale) -> float:
    return min(max(value, scale.low), scale.high)
