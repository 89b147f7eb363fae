"""Mileage: how little of it is believed of a car of its years.

So little is mostly a slip: thousands told as if they were kilometres, a digit lost, an odometer that was changed. Learnt from, it says
that cars which ran little are cheap, and one that was spared is priced below one that was driven hard (docs/decisions/0011-domain.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KM_PER_YEAR = 2_000.0
MIN_YEARS = 3  # younger cars may have run as little as they like
# Where so large a share of the market's older cars ran less, that is how its sellers tell mileage, and no slip: an eighth do on avito_ma,
# and err no more than others. Elsewhere half a hundredth to one and a half do.
USUAL_SHARE = 0.05


@dataclass(frozen=True)
class MileageFloor:
    """The fewest kilometres a year that are believed of a car of three years and more before the newest usual year."""

    newest_year: float
    km_per_year: float

    def believes(self, mileage_km: np.ndarray, year: np.ndarray) -> np.ndarray:
        """Say which mileages are believed; what is missing, or told of a car without a year, is not doubted."""
        age_years = np.where(np.isfinite(year), self.newest_year - year, 0.0)
        return ~((age_years >= MIN_YEARS) & (mileage_km / np.maximum(age_years, 1.0) < self.km_per_year))


def learn_floor(mileage_km: np.ndarray, year: np.ndarray) -> MileageFloor:
    """Learn what the newest usual year is, and whether little mileages are slips in this market; both are NaN where missing."""
    known = year[~np.isnan(year)]
    # One year in a thousand may be newer, as a typing error is.
    floor = MileageFloor(float(np.quantile(known, 0.999)) if len(known) else np.nan, KM_PER_YEAR)
    is_older = (floor.newest_year - year >= MIN_YEARS) & ~np.isnan(mileage_km)
    is_usual = (~floor.believes(mileage_km, year)).sum() >= USUAL_SHARE * is_older.sum()
    return MileageFloor(floor.newest_year, 0.0) if is_usual else floor
